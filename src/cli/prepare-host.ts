import { spawnSync } from "node:child_process";
import { type HostProblem, probeHost } from "../linux/host.ts";
import { CommandError } from "./command.ts";
import type { Progress } from "./progress.ts";

/** Program → the packages that bring it, by package manager. */
const packagesOf: Readonly<Record<string, string>> = {
  crun: "crun",
  conmon: "conmon",
  nft: "nftables",
  ip: "iproute2",
  catatonit: "catatonit",
};

interface PackageManager {
  readonly command: string;
  readonly prepare?: readonly string[];
  readonly install: readonly string[];
  /** Where names differ from Debian's. */
  readonly names?: Readonly<Record<string, string>>;
}

const managers: readonly PackageManager[] = [
  {
    command: "apt-get",
    prepare: ["update", "-q"],
    install: ["install", "-y", "-q", "--no-install-recommends"],
  },
  { command: "dnf", install: ["install", "-y"], names: { iproute2: "iproute" } },
  { command: "apk", install: ["add"] },
  { command: "pacman", install: ["-S", "--noconfirm"] },
  { command: "zypper", install: ["install", "-y"] },
];

/**
 * Sees to it that this machine can run containers: installs what is missing when it may, saying what it does, and
 * otherwise says what is missing and how to get it. Throws CommandError when containers cannot run here.
 */
export async function prepareHost(progress: Progress): Promise<void> {
  let problems = probeHost();
  const missing = missingPackages(problems);
  if (missing.length > 0 && process.getuid?.() === 0) {
    install(missing, progress);
    problems = probeHost();
  }
  const fatal = problems.filter((problem) => problem.fatal);
  if (fatal.length === 0) return;
  const lines = fatal.map(({ what, remedy }) => `- ${what}\n  ${remedy}`);
  throw new CommandError("this machine cannot run containers yet:", {
    remedy: `${lines.join("\n")}\nOr run the whole control plane with pods that only pretend: sampan up --runtime simulated`,
  });
}

function missingPackages(problems: readonly HostProblem[]): string[] {
  const names = Object.keys(packagesOf).filter((program) =>
    problems.some(({ what }) => new RegExp(`\\b${program}\\b`).test(what)),
  );
  return [...new Set(names.map((program) => packagesOf[program] ?? program))];
}

function install(missing: readonly string[], progress: Progress): void {
  const manager = managers.find(
    ({ command }) => spawnSync(command, ["--version"], { stdio: "ignore" }).error === undefined,
  );
  if (manager === undefined) return;
  const names = missing.map((name) => manager.names?.[name] ?? name);
  const command = [manager.command, ...manager.install, ...names];
  progress.note(`installing ${names.join(", ")} with ${manager.command} (once) …`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  if (manager.prepare !== undefined)
    spawnSync(manager.command, manager.prepare, { stdio: "ignore", env: environment });
  const result = spawnSync(command[0] ?? "", command.slice(1), { encoding: "utf8", env: environment });
  if (result.status !== 0) {
    const tail = `${result.stdout}${result.stderr}`.trimEnd().split("\n").slice(-3).join("\n");
    progress.note(`${command.join(" ")} failed:\n${tail}`);
  }
}
