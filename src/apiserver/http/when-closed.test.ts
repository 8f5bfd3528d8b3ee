import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { whenClosed } from "./when-closed.ts";

test("all who wait for a socket are told of its end by one listener, but for those who no longer wait", () => {
  const socket = new EventEmitter();
  const told: number[] = [];
  const forgets = Array.from({ length: 20 }, (_, index) => whenClosed(socket, () => told.push(index)));
  expect(socket.listenerCount("close")).toBe(1);
  for (const forget of forgets.slice(2)) forget();
  socket.emit("close");
  socket.emit("close");
  expect(told).toEqual([0, 1]);
});

test("who no longer waits is not kept by the socket, whoever was first", async () => {
  const socket = new EventEmitter();
  const kept = waitOnce(socket);
  const collect = await collector();
  // What a promise or a stack still refers to goes with a later turn.
  for (let turn = 0; turn < 20 && kept.deref() !== undefined; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  expect(kept.deref()).toBeUndefined();
  expect(socket.listenerCount("close")).toBe(1);
});

/** A function of its own, so that nothing of it is on the stack afterwards. */
function waitOnce(socket: EventEmitter): WeakRef<object> {
  const body = { bytes: Buffer.alloc(1024) };
  whenClosed(socket, () => void body.bytes)();
  return new WeakRef(body);
}

/** The engine's own collector, which a process can be given later. */
async function collector(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([
    import("node:v8"),
    import("node:vm"),
  ]);
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
