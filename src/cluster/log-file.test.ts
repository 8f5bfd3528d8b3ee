import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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
