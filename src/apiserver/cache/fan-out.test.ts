import { expect, test } from "vitest";
import { FanOut } from "./fan-out.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a target that is scheduled again before its turn is written to once", async () => {
  const fanOut = new FanOut();
  let writes = 0;
  const target = { writeWaiting: () => void writes++ };
  fanOut.schedule(target);
  fanOut.schedule(target);
  expect(writes).toBe(0);
  await turn();
  expect(writes).toBe(1);
  fanOut.schedule(target);
  await turn();
  expect(writes).toBe(2);
});

test("many targets are written to in slices, between which others have their turn", async () => {
  const fanOut = new FanOut();
  let written = 0;
  for (let n = 0; n < 150; n++) fanOut.schedule({ writeWaiting: () => void written++ });
  const seen: number[] = [];
  for (let n = 0; n < 4; n++) {
    await turn();
    seen.push(written);
  }
  expect(seen).toEqual([64, 128, 150, 150]);
});

test("batches of a later turn do not hang on to those of an earlier one", async () => {
  const fanOut = new FanOut();
  const { start } = fanOut;
  fanOut.schedule({ writeWaiting: () => undefined });
  await turn();
  expect(fanOut.start).not.toBe(start);
});
