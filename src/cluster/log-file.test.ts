import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { logFile } from "./log-file.ts";

it("logFile() appends lines in the order in which they were written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-log-"));
  const file = join(folder, "server.log");
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}\n`);
  const [first, second] = [logFile(file), logFile(file)];
  for (const line of lines) first(line);
  while (!readFileSync(file, "utf8").endsWith("line 999\n")) await wait(1);
  second("again\n");
  while (!readFileSync(file, "utf8").endsWith("again\n")) await wait(1);
  expect(readFileSync(file, "utf8")).toBe(`${lines.join("")}again\n`);
  rmSync(folder, { recursive: true });
});

it.skipIf(process.platform !== "linux")("logFile() outlives a disk that is full", async () => {
  const log = logFile("/dev/full");
  log("lost\n");
  await wait(5);
  expect(() => log("lost too\n")).not.toThrow();
  await wait(5);
});

it("logFile() keeps a bounded number of bounded files, and loses no line between them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-log-"));
  const file = join(folder, "server.log");
  const log = logFile(file, { maxBytes: 100, backups: 2 });
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  for (let index = 10; index < 60; index++) {
    log(`line ${index} ${"x".repeat(40)}\n`);
    while (!read("server.log").includes(`line ${index} `)) await wait(1);
  }
  expect(readdirSync(folder).toSorted()).toEqual(["server.log", "server.log.1", "server.log.2"]);
  const kept = `${read("server.log.2")}${read("server.log.1")}${read("server.log")}`;
  const numbers = Array.from(kept.matchAll(/line (\d+)/g), ([, number]) => Number(number));
  expect(numbers).toEqual(numbers.map((_, index) => 60 - numbers.length + index));
  expect(numbers.length).toBeGreaterThanOrEqual(5);
  expect(kept.length).toBeLessThan(3 * 150);
  rmSync(folder, { recursive: true });
});

it("logFile() begins anew a file that was full before", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-log-"));
  const file = join(folder, "server.log");
  writeFileSync(file, "old\n".repeat(100));
  logFile(file, { maxBytes: 100 })("new\n");
  while (readFileSync(file, "utf8") !== "new\n") await wait(1);
  expect(readFileSync(`${file}.1`, "utf8")).toBe("old\n".repeat(100));
  rmSync(folder, { recursive: true });
});
