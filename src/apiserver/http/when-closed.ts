import type { EventEmitter } from "node:events";

const waiting = new WeakMap<EventEmitter, Set<() => void>>();

/**
 * Calls back when the socket closes, unless what is returned is called before. A socket has one listener for that,
 * however many requests wait on it: clients may send many before the first is answered.
 */
export function whenClosed(socket: EventEmitter, callback: () => void): () => void {
  const known = waiting.get(socket);
  const callbacks = known ?? new Set();
  if (known === undefined) {
    waiting.set(socket, callbacks);
    socket.once("close", () => {
      for (const each of callbacks) each();
      callbacks.clear();
    });
  }
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}
