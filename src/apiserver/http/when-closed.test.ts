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
