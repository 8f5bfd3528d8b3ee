import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { leaveInTime } from "./leave-in-time.ts";

/** An answer that leaves when `leave` is called. */
function newAnswer() {
  let leave = (): void => undefined;
  const answer = new Writable({ write: (_bytes, _encoding, done) => void (leave = done) });
  return { answer, leave: () => leave() };
}

function cutsOf(bytes: number, during: (leave: () => void) => Promise<unknown>): Promise<number> {
  const clock = new VirtualClock();
  const { answer, leave } = newAnswer();
  let cuts = 0;
  answer.end(Buffer.alloc(bytes));
  leaveInTime(answer, bytes, clock, () => cuts++);
  return during(leave)
    .then(() => clock.advance(61_000))
    .then(() => cuts);
}

test("a large answer that nobody reads is cut off after a minute", async () => {
  expect(await cutsOf(100_000, async () => undefined)).toBe(1);
});

test("a large answer that has left is not", async () => {
  const left = async (leave: () => void): Promise<void> => {
    leave();
    await new Promise((resolve) => setImmediate(resolve));
  };
  expect(await cutsOf(100_000, left)).toBe(0);
});

test("a small answer may wait", async () => {
  expect(await cutsOf(1_000, async () => undefined)).toBe(0);
});
