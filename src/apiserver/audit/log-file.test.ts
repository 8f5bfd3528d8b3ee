import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { AuditLogFile, type LogFileOptions } from "./log-file.ts";

let folder = "";
let path = "";
const open: AuditLogFile[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-audit-"));
  path = join(folder, "logs", "audit.log");
});
afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  rmSync(folder, { recursive: true });
});

async function openLog(options: Partial<LogFileOptions> = {}) {
  const clock = new VirtualClock(Date.parse("2026-01-02T15:04:05.000Z"));
  const base = { path, maxSizeMegabytes: 1, maxAgeDays: 0, maxBackups: 0, clock, logger: silentLogger };
  const log = new AuditLogFile({ ...base, ...options });
  open.push(log);
  await log.open();
  /** Writes lines and waits until they are in the file. */
  const write = async (...lines: string[]): Promise<void> => {
    for (const line of lines) expect(log.write(`${line}\n`)).toBe(true);
    await clock.advance(50);
    await vi.waitFor(() => expect(readFileSync(path, "utf8")).toContain(lines.at(-1)));
  };
  return { log, clock, write };
}

const backups = (): string[] =>
  readdirSync(join(folder, "logs"))
    .filter((name) => name !== "audit.log")
    .toSorted();
const big = (letter: string): string => letter.repeat(600 * 1024);

describe("AuditLogFile", () => {
  it("appends lines to a file that only its owner may read", async () => {
    const { write } = await openLog();
    await write("one", "two");
    await write("three");
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\nthree\n");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("writes what waits when it is closed, and takes nothing afterwards", async () => {
    const { log } = await openLog();
    log.write("one\n");
    await log.close();
    expect(readFileSync(path, "utf8")).toBe("one\n");
    expect(log.write("two\n")).toBe(false);
  });

  it("sets the file aside, with the time in its name, before it grows beyond its size", async () => {
    const { write, clock } = await openLog();
    await write(big("a"));
    await clock.advance(1000);
    await write(big("b"));
    expect(backups()).toEqual(["audit-2026-01-02T15-04-06.100.log"]);
    expect(readFileSync(join(folder, "logs", backups()[0] ?? ""), "utf8")[0]).toBe("a");
    expect(readFileSync(path, "utf8")[0]).toBe("b");
  });

  it("spreads one batch over files without tearing a line, even one larger than a file", async () => {
    const { log } = await openLog();
    for (const letter of ["a", "b", "c"]) log.write(`${big(letter).repeat(letter === "b" ? 3 : 1)}\n`);
    await log.close();
    const files = [...backups().map((name) => join(folder, "logs", name)), path];
    const letters = files.map((file) => [...new Set(readFileSync(file, "utf8").replace("\n", ""))].join(""));
    expect(letters.at(-1)).toBe("c");
    for (const each of letters) expect(each).toHaveLength(1);
  });

  it("keeps as many files set aside as it is told, the youngest", async () => {
    const { write, clock } = await openLog({ maxBackups: 2 });
    for (const letter of "abcd") {
      await write(big(letter));
      await clock.advance(1000);
    }
    await vi.waitFor(() => expect(backups()).toHaveLength(2));
    expect(backups().map((name) => readFileSync(join(folder, "logs", name), "utf8")[0])).toEqual(["b", "c"]);
  });

  it("removes files set aside too long ago, and none that are not its own", async () => {
    await openLog();
    const logs = join(folder, "logs");
    for (const name of [
      "audit-2025-12-30T00-00-00.000.log",
      "audit-2026-01-02T00-00-00.000.log",
      "audit-old.log",
    ])
      writeFileSync(join(logs, name), "x");
    await openLog({ maxAgeDays: 2 });
    expect(backups()).toEqual(["audit-2026-01-02T00-00-00.000.log", "audit-old.log"]);
  });

  it("goes on in a new file when someone took the file away", async () => {
    const { write } = await openLog();
    await write("one");
    renameSync(path, `${path}.taken`);
    await write("two");
    rmSync(path);
    await write("three");
    expect(readFileSync(`${path}.taken`, "utf8")).toBe("one\n");
    expect(readFileSync(path, "utf8")).toBe("three\n");
  });

  it("drops and counts events when the disk does not keep up, and says so", async () => {
    const warn = vi.fn();
    const { log } = await openLog({ logger: { ...silentLogger, warn } });
    const taken = Array.from({ length: 10_005 }, () => log.write("x\n"));
    expect(taken.filter((isTaken) => !isTaken)).toHaveLength(5);
    await log.close();
    expect(readFileSync(path, "utf8")).toHaveLength(20_000);
    expect(warn).toHaveBeenCalledWith("audit events were dropped", { count: 5 });
  });

  it("loses only the events of a moment when the disk fails", async () => {
    const error = vi.fn();
    const { log, clock, write } = await openLog({ logger: { ...silentLogger, error } });
    await write("one");
    rmSync(join(folder, "logs"), { recursive: true });
    writeFileSync(join(folder, "logs"), "no folder");
    log.write("two\n");
    await clock.advance(50);
    await vi.waitFor(() => expect(error).toHaveBeenCalled());
    rmSync(join(folder, "logs"));
    await write("three");
    expect(readFileSync(path, "utf8")).toBe("three\n");
  });

  it("says at the start that it cannot write", async () => {
    writeFileSync(join(folder, "file"), "");
    chmodSync(join(folder, "file"), 0o600);
    await expect(openLog({ path: join(folder, "file", "audit.log") })).rejects.toThrow(/ENOTDIR|EEXIST/);
    open.splice(0);
  });
});
