import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { spawnedOperations } from "./spawned-operations.ts";
import { openSystem, type System } from "./system.ts";
import { processStates } from "./testing/processes.ts";

const sh = "/bin/sh";
const environment = { PATH: "/usr/bin:/bin", GREETING: "good day" };
const folder = mkdtempSync(join(tmpdir(), "sampan-programs-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ways: readonly [name: string, open: () => System][] = [
  ["by the system thread", openSystem],
  ["by Node", spawnedOperations],
];

describe.runIf(process.platform === "linux").each(ways)("programs started %s", (_, open) => {
  let system: System;
  beforeAll(() => {
    system = open();
  });
  afterAll(() => system.close());

  const script = (text: string, input?: string): string | Promise<string> =>
    system.runProgram({
      program: sh,
      args: ["-c", text, "name"],
      environment,
      directory: folder,
      ...(input === undefined ? {} : { input }),
    });

  it("resolve with what they write", async () => {
    expect(await script("echo one; echo two")).toBe("one\ntwo\n");
  });

  it("read what they are given, also when it is larger than a pipe", async () => {
    const input = "x".repeat(300_000);
    expect(await script("cat", input)).toBe(input);
  });

  it("find nothing to read when they are given nothing", async () => {
    expect(await script("cat")).toBe("");
  });

  it("run in the directory that is asked for", async () => {
    expect(await script("pwd")).toBe(`${folder}\n`);
  });

  it("fail with what they wrote on standard error", async () => {
    await expect(script("echo 'no such thing' >&2; exit 3")).rejects.toThrow("sh -c: no such thing");
  });

  it("fail when they do not exist", async () => {
    const call = system.runProgram({ program: "/no/such/program", args: [], environment });
    await expect(call).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("run at the same time", async () => {
    const fifo = join(folder, `fifo-${Math.trunc(performance.now() * 1000)}`);
    await script(`mkfifo ${fifo}`);
    expect(await Promise.all([script(`cat ${fifo}`), script(`echo hello > ${fifo}`)])).toEqual([
      "hello\n",
      "",
    ]);
  });

  it("leave nothing behind", async () => {
    for (const one of Array.from({ length: 10 }, () => script("true"))) await one;
    // Other tests of this process may have a child that has just ended: only what stays is left behind.
    const zombies = (): string[] => processStates(process.pid).filter((state) => state === "Z");
    for (let attempt = 0; attempt < 200 && zombies().length > 0; attempt++) await wait(25);
    expect(zombies()).toEqual([]);
  });

  it("tell that they are under way and go on", async () => {
    const errorFile = join(folder, `errors-${Math.trunc(performance.now() * 1000)}`);
    const line = await system.startReporting({
      program: sh,
      args: ["-c", `(echo "on it" >&2; echo '{"pid":1}' >&3; exec 3>&-; sleep 0.05; echo done >&2) & wait`],
      environment: { ...environment },
      directory: folder,
      errorFile,
    });
    expect(line).toBe('{"pid":1}\n');
    await expect.poll(() => readFileSync(errorFile, "utf8")).toBe("on it\ndone\n");
  });

  it("resolve with nothing when they end without a word", async () => {
    const errorFile = join(folder, "silent");
    const request = { program: sh, args: ["-c", "exit 1"], environment, directory: folder, errorFile };
    expect(await system.startReporting(request)).toBe("");
  });
});

describe.runIf(process.platform === "linux")("programs started by the system thread", () => {
  it("see their own environment, default signals and nothing blocked", async () => {
    const system = openSystem();
    const run = (text: string): string | Promise<string> =>
      system.runProgram({ program: sh, args: ["-c", text], environment });
    expect(await run('echo "$GREETING"')).toBe("good day\n");
    const signals = await run("grep -E '^Sig(Blk|Ign)' /proc/self/status");
    expect(signals.replaceAll(/\s+/g, " ").trim()).toBe("SigBlk: 0000000000000000 SigIgn: 0000000000000000");
    await system.close();
  });
});
