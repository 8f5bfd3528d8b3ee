import { expect, it } from "vitest";
import { newStatusError, StatusError } from "../../apimachinery/status.ts";
import type { StreamResponse } from "../endpoints/api-request.ts";
import { RemoteEvents, wholeAnswer } from "./remote-events.ts";

async function* chunksOf(texts: Iterable<string | Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield typeof text === "string" ? Buffer.from(text) : text;
}
const answer = (texts: Iterable<string | Uint8Array>, status = 200): StreamResponse => ({
  type: "stream",
  status,
  headers: {},
  chunks: chunksOf(texts),
});
const asError = (code: number, text: string): StatusError => newStatusError(code, "", text);
const open = (response: StreamResponse): Promise<RemoteEvents> =>
  RemoteEvents.of(response, new AbortController().signal, asError);

/** Megabytes without an end of the line, of which only one is in memory. */
function* endless(count: number): Generator<Uint8Array> {
  const megabyte = Buffer.alloc(1024 * 1024, 32);
  for (let index = 0; index < count; index++) yield megabyte;
}

it("events come as they are, wherever their bytes are cut, until the answer ends", async () => {
  const events = await open(
    answer(['{"type":"ADDED","obj', 'ect":{"a":1}}\n{"type":"DELETED",', '"object":{}}\n']),
  );
  expect(await events.take()).toEqual([{ type: "ADDED", object: { a: 1 } }]);
  expect(await events.take()).toEqual([{ type: "DELETED", object: {} }]);
  expect(await events.take()).toEqual([]);
});

it("an event that tells of an error is one", async () => {
  const status = '{"kind":"Status","code":410,"message":"too old","reason":"Expired"}';
  const events = await open(answer([`{"type":"ERROR","object":${status}}\n`]));
  await expect(events.take()).rejects.toMatchObject({ code: 410, message: "too old" });
});

it("an answer that is no watch is an error", async () => {
  await expect(open(answer(["service unavailable\n"], 503))).rejects.toMatchObject({
    code: 503,
    message: "service unavailable\n",
  });
});

it("who ends a watch hears of no more, and of no failure", async () => {
  const events = await open(answer(['{"type":"ADDED","object":{}}\n']));
  events.end();
  expect(await events.take()).toEqual([]);
});

it("an event without an end does not fill the memory", async () => {
  const events = await open(answer(endless(40)));
  await expect(events.take()).rejects.toThrow("an event of the other server exceeds 33554432 bytes");
});

it("an answer without an end does not fill the memory", async () => {
  await expect(wholeAnswer(chunksOf(endless(200)))).rejects.toThrow("the answer exceeds 134217728 bytes");
});
