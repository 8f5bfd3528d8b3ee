import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Finished, kubectlBinaries, Processes, run } from "../../test/harness/kubectl.ts";
import { loadKubeconfig } from "../client/kubeconfig.ts";
import { createCluster } from "../cluster/index.ts";

const main = resolve(import.meta.dirname, "../main.ts");
const processes = new Processes();
let folder = "";
let artifact = "";
let last = 0;

const environment = (): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  KUBECONFIG: join(folder, "kubeconfig"),
  SAMPAN_HOME: join(folder, "home"),
});

const sampan = (...args: string[]): Promise<Finished> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", main, ...args], {
    env: environment(),
    cwd: folder,
    processes,
  });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-replay-cli-"));
  artifact = join(folder, "failure.sampan");
  const cluster = await createCluster({ clock: "virtual", seed: 3, record: true, nodes: 0 });
  await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: first}}");
  await cluster.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: second}}");
  await cluster.clock.settle();
  await cluster.artifact(artifact, { test: "two maps", error: new Error("too many") });
  last = Number((await cluster.get("configmap", "second")).metadata.resourceVersion);
  await cluster.close();
});

afterAll(async () => {
  await processes.end();
  rmSync(folder, { recursive: true });
});

describe("sampan replay", { timeout: 60_000 }, () => {
  it("tells what happened, and of the failure", async () => {
    const list = await sampan("replay", artifact, "--list");
    expect(list.stdout).toMatch(/^REVISION +TIME +WHO +VERB +OBJECT\n1 /);
    expect(list.stdout).toMatch(
      new RegExp(
        `\\n${last} +2026-01-01T00:00:00.000Z +kubernetes-admin +patch +configmaps/second -n default\\n`,
      ),
    );
    const { stdout } = await sampan("replay", artifact, "--info");
    expect(stdout).toContain("test      two maps\n");
    expect(stdout).toContain("seed      3\n");
    expect(stdout).toContain("Error: too many");
  });

  it.each([
    [["nowhere"], "there is no file nowhere"],
    [[], "say which file to replay"],
    [["--to", "5"], "no replay has its context in"],
    [["x", "--to", "5"], "--to is for the replay that runs: it takes no FILE"],
  ])("refuses %j", async (args, message) => {
    expect((await sampan("replay", ...args)).stderr).toContain(message);
  });

  it("refuses a revision that is not there, and a file that is none", async () => {
    expect((await sampan("replay", artifact, "--revision", "99999")).stderr).toContain(
      "there is no revision 99999",
    );
    const other = join(folder, "other");
    writeFileSync(other, "hello");
    expect((await sampan("replay", other, "--info")).stderr).toContain(`${other} is `);
  });

  const [binary] = kubectlBinaries(["1.33"]);
  if (binary === undefined) console.log("skipped: replays on the command line (need kubectl)");

  it.skipIf(binary === undefined)("runs a command at a revision, and ends with its code", async () => {
    const kubectl = binary?.path ?? "";
    const get = ["get", "configmaps", "-o", "name", "-n", "default"];
    const now = await sampan("replay", artifact, "--", kubectl, ...get);
    expect(now.stdout).toMatch(/configmap\/first\n[\s\S]*configmap\/second\n/);
    const then = await sampan("replay", artifact, "--revision", String(last - 1), "--", kubectl, ...get);
    expect(then.stdout).toContain("configmap/first\n");
    expect(then.stdout).not.toContain("second");
    expect((await sampan("replay", artifact, "--", kubectl, "get", "configmap", "none")).code).toBe(1);
    expect(existsSync(join(folder, "kubeconfig"))).toBe(false);
  });

  it.skipIf(binary === undefined)(
    "sets kubectl to what was, to another moment, and in the end to what it was set to before",
    async () => {
      const kubeconfig = join(folder, "kubeconfig");
      const before = `apiVersion: v1\nkind: Config\ncurrent-context: mine\ncontexts:\n  - name: mine\n    context: {cluster: c, user: u}\n`;
      writeFileSync(kubeconfig, before);
      const child = spawn(
        process.execPath,
        ["--disable-warning=ExperimentalWarning", main, "replay", artifact],
        {
          env: environment(),
          cwd: folder,
        },
      );
      processes.add(child);
      await new Promise<void>((ready) => {
        let told = "";
        child.stdout.on("data", (text: Buffer) => {
          told += text.toString();
          if (told.includes("Ctrl-C ends it.")) ready();
        });
      });
      const end = loadKubeconfig([kubeconfig]).currentContext;
      expect(end).toMatch(/^replay@\d+$/);
      expect((await sampan("replay", "--to", String(last - 1))).stdout).toContain(
        `context "replay@${last - 1}"`,
      );
      expect(loadKubeconfig([kubeconfig]).currentContext).toBe(`replay@${last - 1}`);
      expect((await sampan("replay", "--to", "99999")).stderr).toContain("there is no revision 99999");
      const asked = ["get", "configmaps", "-o", "name", "-n", "default"];
      const kubectl = (...more: string[]): Promise<Finished> =>
        run(binary?.path ?? "", [...asked, ...more], { env: environment(), cwd: folder, processes });
      expect((await kubectl()).stdout).not.toContain("second");
      expect((await kubectl("--context", end)).stdout).toContain("second");
      const gone = new Promise((resolveGone) => child.once("close", resolveGone));
      child.kill("SIGINT");
      expect(await gone).toBe(0);
      const { currentContext, contexts } = loadKubeconfig([kubeconfig]);
      expect([currentContext, [...contexts.keys()]]).toEqual(["mine", ["mine"]]);
      expect(readFileSync(kubeconfig, "utf8")).not.toContain("replay@");
      expect((await sampan("replay", "--to", "5")).stderr).toContain("no replay has its context in");
      expect(readdirSync(folder).filter((name) => name.startsWith("sampan-"))).toEqual([]);
    },
  );

  it("passes a signal to its command, and leaves nothing", async () => {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        main,
        "replay",
        artifact,
        "--",
        "sh",
        "-c",
        "echo $KUBECONFIG; exec sleep 300",
      ],
      { env: { ...environment(), TMPDIR: folder }, cwd: folder },
    );
    processes.add(child);
    const kubeconfig = await new Promise<string>((resolveText) => {
      child.stdout.once("data", (text: Buffer) => resolveText(text.toString().trim()));
    });
    expect(existsSync(kubeconfig)).toBe(true);
    const gone = new Promise((resolveGone) => child.once("close", resolveGone));
    child.kill("SIGTERM");
    expect(await gone).toBe(143);
    expect(readdirSync(folder).filter((name) => name.startsWith("sampan-"))).toEqual([]);
  });
});
