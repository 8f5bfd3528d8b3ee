import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildBusybox } from "../../../test/images/build.ts";
import { RealClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { LocalImages } from "../../images/local-images.ts";
import { findProgram, probeHost } from "../../linux/host.ts";
import { containerConfig, sandboxConfig } from "../testing/configs.ts";
import { CrunRuntime } from "./runtime.ts";

/** Needs root, namespaces and the programs; skipped by name elsewhere. */
const perl = findProgram("perl") ?? "";
const skip = perl === "" || probeHost().some((problem) => problem.fatal);
const clock = new RealClock();
const parts = { clock, random: new SystemRandom(), logger: silentLogger };

/**
 * What a container does to the pipes and terminals that it shares with this process must not stop this process. The
 * attacks end by themselves after a time, so that a server that gives in fails here rather than never ends.
 */
describe.skipIf(skip)("a hostile container", () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-hostile-"));
  let runtime: CrunRuntime;
  let sandboxId = "";
  let imageId = "";
  let id = "";

  beforeAll(async () => {
    const images = new LocalImages({ directory: join(folder, "images"), ...parts });
    const [image] = await images.importImage((await buildBusybox()).archive);
    runtime = await CrunRuntime.open({
      rootDirectory: join(folder, "runtime"),
      podCidr: `10.229.${randomBytes(1)[0]}.0/24`,
      interfacePrefix: `h${randomBytes(3).toString("hex")}`,
      images: images.store,
      ...parts,
    });
    sandboxId = await runtime.runPodSandbox(sandboxConfig("hostile", { logDirectory: join(folder, "logs") }));
    imageId = image?.id ?? "";
    id = await start("main", ["sleep", "1000"]);
  });
  const start = async (name: string, command: string[]): Promise<string> => {
    const config = containerConfig(name, { imageId, command });
    const started = await runtime.createContainer(sandboxId, config);
    await runtime.startContainer(started);
    return started;
  };
  afterAll(async () => {
    await runtime.purge();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The longest time that this process did nothing else while the work was under way. */
  async function longestPause(work: Promise<unknown>): Promise<number> {
    const state = { done: false };
    void Promise.allSettled([work]).then(() => (state.done = true));
    let longest = 0;
    while (!state.done) {
      const before = clock.now();
      await clock.sleep(10);
      longest = Math.max(longest, clock.now() - before);
    }
    return longest;
  }

  const attackSeconds = 4;
  const pauseMsMax = 2500;
  const inside = (script: string): string[] => ["sh", "-c", script];
  const signal = (): AbortSignal => AbortSignal.timeout(attackSeconds * 1000 + 2000);

  /**
   * Splices between a pipe of a process and a socket that makes it wait, as the process could itself. Before it holds a pipe
   * of output it writes, so that whoever reads the pipe wakes up and finds it held.
   */
  const spliceNumber = process.arch === "arm64" ? 76 : 275;
  const attack = `
    my ($pid, $fd, $time) = @ARGV; alarm $time; socketpair(A, B, 1, 1, 0);
    open(PIPE, $fd == 0 ? "<" : ">", "/proc/$pid/fd/$fd") or die;
    while (1) {
      syswrite(PIPE, "x") if $fd != 0;
      my ($from, $to) = $fd == 0 ? (fileno(PIPE), fileno(A)) : (fileno(A), fileno(PIPE));
      syscall(${spliceNumber}, $from, 0, $to, 0, 1 << 20, 0);
    }`;

  /** Starts the work with a command that it runs, and holds the pipe of the command meanwhile. */
  async function longestPauseUnderAttack(
    descriptor: number,
    work: (command: readonly string[]) => Promise<unknown>,
  ): Promise<number> {
    const command = inside(`sleep ${attackSeconds}; : ${randomBytes(8).toString("hex")}`);
    const pause = longestPause(work(command));
    const args = ["-e", attack, await processOf(command), String(descriptor), String(attackSeconds)];
    const attacker = spawn(perl, args, { stdio: "ignore" });
    try {
      return await pause;
    } finally {
      attacker.kill("SIGKILL");
    }
  }

  async function* floods(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 20; count++) {
      yield Buffer.alloc(1 << 16);
      await clock.sleep(100);
    }
  }

  async function processOf(command: readonly string[]): Promise<string> {
    const line = `${command.join("\0")}\0`;
    for (;;) {
      const found = readdirSync("/proc").find((name) => /^\d+$/.test(name) && commandLine(name) === line);
      if (found !== undefined) return found;
      await clock.sleep(20);
    }
  }

  test.each([
    ["input", 0],
    ["output", 1],
    ["errors", 2],
  ])("that holds the lock of its pipe of %s stops nobody", async (_, descriptor) => {
    const stdin = Readable.from(floods());
    const stdout = new PassThrough().resume();
    const stderr = new PassThrough().resume();
    const pause = await longestPauseUnderAttack(descriptor, (command) =>
      runtime.exec(id, command, false, { stdin, stdout, stderr }, signal()),
    );
    expect(pause).toBeLessThan(pauseMsMax);
  });

  test("whose probe holds the lock of its output stops nobody", async () => {
    const pause = await longestPauseUnderAttack(1, (command) =>
      runtime.execSync(id, command, attackSeconds * 1000 + 2000),
    );
    expect(pause).toBeLessThan(pauseMsMax);
  });

  test("that never reads its terminal stops nobody", async () => {
    const stdin = new PassThrough();
    const stdout = new PassThrough().resume();
    const running = runtime.exec(
      id,
      inside(`stty raw -echo; sleep ${attackSeconds}`),
      true,
      { stdin, stdout },
      signal(),
    );
    void clock.sleep(1000).then(() => {
      for (let count = 0; count < 40; count++) stdin.write(Buffer.alloc(1 << 16, "x"));
    });
    expect(await longestPause(running)).toBeLessThan(pauseMsMax);
  });

  test("that writes without end waits for the client who attached, and takes no memory here", async () => {
    const endless = await start("endless", [
      "sh",
      "-c",
      "while :; do yes | head -c 1000000; sleep 0.1; done",
    ]);
    const stdout = new PassThrough();
    const gone = new AbortController();
    const attached = runtime.attach(endless, false, { stdout }, gone.signal);
    const seen = { bytes: 0 };
    while (stdout.readableLength === 0) await clock.sleep(10);
    expect(await longestPause(clock.sleep(1000))).toBeLessThan(pauseMsMax);
    expect(stdout.readableLength + stdout.writableLength).toBeLessThan(1 << 18);
    stdout.on("data", (chunk: Buffer) => (seen.bytes += chunk.length));
    while (seen.bytes < 2_000_000) await clock.sleep(10);
    gone.abort();
    await attached;
    await runtime.removeContainer(endless);
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
