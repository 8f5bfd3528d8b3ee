import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { identifyProcess, isRunning, signalProcess } from "./process.ts";

describe.skipIf(process.platform !== "linux")("a process is known by its number and its start", () => {
  test("this one runs, and one with its number that started earlier does not", () => {
    const own = identifyProcess(process.pid);
    expect(own?.pid).toBe(process.pid);
    expect(own !== undefined && isRunning(own)).toBe(true);
    expect(isRunning({ pid: process.pid, startTicks: 1 })).toBe(false);
    expect(signalProcess({ pid: process.pid, startTicks: 1 }, "SIGKILL")).toBe(false);
  });

  test("names with spaces and parentheses do not confuse it", async () => {
    const child = spawn("sh", ["-c", "printf 'a) (b' > /proc/self/comm; read x"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    const identity = identifyProcess(child.pid ?? 0);
    expect(identity?.startTicks).toBeGreaterThan(0);
    const ended = once(child, "exit");
    expect(identity !== undefined && signalProcess(identity, "SIGKILL")).toBe(true);
    await ended;
    expect(identity !== undefined && isRunning(identity)).toBe(false);
  });

  test("there is none with a number that nobody has", () => {
    expect(identifyProcess(2 ** 22 + 1)).toBeUndefined();
  });
});
