import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import type { RuntimeService } from "../../cri/runtime.ts";
import type { LogOptions } from "../../streaming/node-connection.ts";
import { DiskLogs } from "./disk-logs.ts";
import { parseLogLine } from "./log-line.ts";
import { readLog } from "./read-log.ts";
import { rotateLog } from "./rotate-logs.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kubelet-logs-"));
  path = join(directory, "0.log");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (second: number): string => `2026-01-01T00:00:0${second}.000000000Z`;
const lines = [
  `${at(1)} stdout F one`,
  `${at(2)} stderr F two`,
  `${at(3)} stdout P th`,
  `${at(3)} stdout F ree`,
  `${at(4)} stdout F four`,
];

/** A follower whose container ends when told to. */
function follow(options: LogOptions) {
  let running = true;
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  const log = readLog({
    files: new DiskLogs(new RealClock()),
    path,
    options,
    nowMs: Date.UTC(2026, 0, 1, 0, 0, 5),
    signal: stop.signal,
    isRunning: () => Promise.resolve(running),
    onEnd: (notify) => {
      listeners.add(notify);
      return () => listeners.delete(notify);
    },
  });
  const end = (): void => {
    running = false;
    for (const notify of listeners) notify();
  };
  return { log, end, stop };
}

async function read(options: LogOptions): Promise<string> {
  let text = "";
  for await (const chunk of follow(options).log) text += Buffer.from(chunk).toString();
  return text;
}

describe("a log", () => {
  test.each([
    [{}, "one\ntwo\nthree\nfour\n"],
    [{ tailLines: 2 }, "three\nfour\n"],
    [{ tailLines: 0 }, ""],
    [{ tailLines: 99 }, "one\ntwo\nthree\nfour\n"],
    [{ stream: "Stderr" }, "two\n"],
    [{ stream: "Stdout", tailLines: 2 }, "three\nfour\n"],
    [{ sinceSeconds: 2 }, "three\nfour\n"],
    [{ sinceTime: "2026-01-01T00:00:04Z" }, "four\n"],
    [{ limitBytes: 5 }, "one\nt"],
    [{ timestamps: true, tailLines: 2 }, `${at(3)} three\n${at(4)} four\n`],
  ])("with %j", async (options, expected) => {
    writeFileSync(path, `${lines.join("\n")}\n`);
    expect(await read(options)).toBe(expected);
  });

  test("shows times of conmon as other runtimes write them", async () => {
    writeFileSync(
      path,
      "2026-01-01T00:00:01.5+00:00 stdout F utc\n2026-01-01T01:00:02.5+01:00 stdout F east\n",
    );
    expect(await read({ timestamps: true })).toBe(
      "2026-01-01T00:00:01.5Z utc\n2026-01-01T01:00:02.5+01:00 east\n",
    );
  });

  test("that does not exist is empty", async () => {
    expect(await read({})).toBe("");
  });

  test("of many chunks is read whole, and its tail exactly", async () => {
    const many = Array.from(
      { length: 5_000 },
      (_, index) => `${at(1)} stdout F line ${index} ${"x".repeat(40)}`,
    );
    writeFileSync(path, `${many.join("\n")}\n`);
    expect((await read({})).split("\n")).toHaveLength(5_001);
    const tail = await read({ tailLines: 3_000 });
    expect(tail.split("\n")).toHaveLength(3_001);
    expect(tail.startsWith("line 2000 ")).toBe(true);
  });

  test("is followed across a rotation until its container ends", async () => {
    writeFileSync(path, `${at(1)} stdout F one\n`);
    const { log, end } = follow({ follow: true });
    const chunks = log[Symbol.asyncIterator]();
    const next = async (): Promise<string> => Buffer.from((await chunks.next()).value ?? "").toString();
    expect(await next()).toBe("one\n");
    appendFileSync(path, `${at(2)} stdout F two\n`);
    renameSync(path, `${path}.20260101-000000`);
    writeFileSync(path, `${at(3)} stdout F three\n`);
    expect(await next()).toBe("two\n");
    expect(await next()).toBe("three\n");
    appendFileSync(path, `${at(4)} stdout F four\n`);
    end();
    expect(await next()).toBe("four\n");
    expect((await chunks.next()).done).toBe(true);
  });

  test("is no longer followed when the client leaves", async () => {
    writeFileSync(path, "");
    const { log, stop } = follow({ follow: true });
    const ended = log.next();
    stop.abort();
    expect((await ended).done).toBe(true);
  });
});

test("a log that has grown too big is rotated, and five files are kept", async () => {
  const clock = new VirtualClock();
  const reopened: string[] = [];
  const runtime = {
    reopenContainerLog: (id: string) => Promise.resolve(void reopened.push(id)),
  } as unknown as RuntimeService;
  const files = new DiskLogs(clock);
  for (let round = 0; round < 6; round++) {
    writeFileSync(path, "x");
    expect(await rotateLog(files, runtime, clock, { id: "c", logPath: path })).toBe(false);
    truncateSync(path, 10 * 2 ** 20);
    expect(await rotateLog(files, runtime, clock, { id: "c", logPath: path })).toBe(true);
    await clock.advance(1_000);
  }
  expect(reopened).toHaveLength(6);
  expect(readdirSync(directory)).toEqual(
    ["02", "03", "04", "05"].map((second) => `0.log.20260101-0000${second}`),
  );
});

test.each([
  [
    "2026-01-01T00:00:00Z stdout F hi there",
    { time: "2026-01-01T00:00:00Z", stream: "stdout", text: "hi there\n" },
  ],
  ["2026-01-01T00:00:00Z stderr P part", { time: "2026-01-01T00:00:00Z", stream: "stderr", text: "part" }],
  ["2026-01-01T00:00:00Z stdout F ", { time: "2026-01-01T00:00:00Z", stream: "stdout", text: "\n" }],
  ["no log line", undefined],
  ["", undefined],
])("parseLogLine(%j)", (line, expected) => {
  expect(parseLogLine(line)).toEqual(expected);
});
