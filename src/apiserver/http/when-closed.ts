import type { EventEmitter } from "node:events";

const waiting = new WeakMap<EventEmitter, Set<() => void>>();

/**
 * Calls back when the socket closes, unless what is returned is called before. A socket has one listener for that,
 * however many requests wait on it: clients may send many before the first is answered.
 */
export function whenClosed(socket: EventEmitter, callback: () => void): () => void {
  const callbacks = waiting.get(socket) ?? listen(socket);
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}

/** A function of its own: the listener lives as long as the socket, and would keep whatever else were at hand where it is made. */
function listen(socket: EventEmitter): Set<() => void> {
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once("close", () => {
    for (const each of callbacks) each();
    callbacks.clear();
  });
  return callbacks;
}
