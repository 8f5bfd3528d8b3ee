import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { systemLogs } from "./system-logs.ts";

let folder: string;
let logs: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-logs-"));
  logs = join(folder, "log");
  mkdirSync(join(logs, "apt"), { recursive: true });
  writeFileSync(join(logs, "syslog"), "line\n");
  writeFileSync(join(logs, "wtmp"), Buffer.from([1, 0, 2]));
  writeFileSync(join(logs, "empty"), "");
  writeFileSync(join(folder, "secret"), "secret");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function read(path: string): Promise<{ contentType: string; text: string } | undefined> {
  const page = await systemLogs(path, logs);
  if (page === undefined) return undefined;
  const text = page.chunks === undefined ? page.body : String(await buffer(page.chunks));
  return { contentType: page.contentType, text };
}

it("a folder is a page of links", async () => {
  expect((await read("/logs/"))?.text).toContain(
    '<a href="apt/">apt/</a>\n<a href="empty">empty</a>\n<a href="syslog">syslog</a>\n',
  );
});

it("a folder without a slash leads to the one with it", async () => {
  expect(await systemLogs("/logs", logs)).toMatchObject({ location: "logs/" });
  expect(await systemLogs("/logs/apt", logs)).toMatchObject({ location: "apt/" });
});

it.each([
  ["syslog", "text/plain; charset=utf-8", "line\n"],
  ["wtmp", "application/octet-stream", "\u0001\0\u0002"],
  ["empty", "text/plain; charset=utf-8", ""],
  ["apt/../syslog", "text/plain; charset=utf-8", "line\n"],
])("a file is what is in it: %s", async (name, contentType, text) => {
  expect(await read(`/logs/${name}`)).toEqual({ contentType, text });
});

it("nothing outside of the folder is shown, however it is asked for", async () => {
  symlinkSync(join(folder, "secret"), join(logs, "link"));
  symlinkSync(folder, join(logs, "up"));
  for (const name of ["../secret", "link", "up/secret", "up/", "none", "syslog/x"])
    expect(await read(`/logs/${name}`)).toBeUndefined();
});

it("what makes a reader wait is not opened", async () => {
  execFileSync("sh", ["-c", `mkfifo ${join(logs, "pipe")}`]);
  expect(await read("/logs/pipe")).toBeUndefined();
});

it("other paths are others'", async () => {
  expect(await read("/logsof")).toBeUndefined();
  expect(await read("/pods")).toBeUndefined();
});
