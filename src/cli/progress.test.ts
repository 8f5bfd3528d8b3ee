import { afterEach, describe, expect, it, vi } from "vitest";
import type { Io } from "./command.ts";
import { formatMs, Progress } from "./progress.ts";
import { table } from "./status.ts";

it.each([
  [12.4, "12 ms"],
  [999, "999 ms"],
  [1000, "1.0 s"],
  [61_500, "61.5 s"],
  [200_000, "3 min 20 s"],
])("formatMs(%d) is %s", (ms, shown) => {
  expect(formatMs(ms)).toBe(shown);
});

it("table() sets columns three spaces apart", () => {
  expect(
    table([
      ["NAME", "STATE"],
      ["a-long-name", "up"],
    ]),
  ).toBe("NAME          STATE\na-long-name   up\n");
});

describe("Progress", () => {
  const ioOf = (interactive: boolean): Io & { said: string[] } => {
    const said: string[] = [];
    return { said, interactive, environment: {}, out() {}, error: (text) => said.push(text) };
  };
  afterEach(() => vi.useRealTimers());

  it("is redrawn on a terminal after a second, and wiped away", () => {
    vi.useFakeTimers();
    const io = ioOf(true);
    const progress = new Progress(io);
    progress.start("pulling");
    vi.advanceTimersByTime(900);
    expect(io.said).toEqual([]);
    vi.advanceTimersByTime(300);
    progress.update("pulling: 50 %");
    vi.advanceTimersByTime(120);
    expect(io.said.join("")).toContain("pulling: 50 % (1 s)");
    progress.done();
    expect(io.said.at(-1)).toBe("\r\u001B[2K");
  });

  it("says nothing elsewhere, but for notes", () => {
    vi.useFakeTimers();
    const io = ioOf(false);
    const progress = new Progress(io);
    progress.start("pulling");
    vi.advanceTimersByTime(60_000);
    progress.note("installing crun …");
    progress.done();
    expect(io.said).toEqual(["installing crun …\n"]);
  });
});
