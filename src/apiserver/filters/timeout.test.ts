import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import type { ApiRequest, ApiResponse, Handler } from "../endpoints/api-request.ts";
import { PendingRequest } from "../endpoints/pending-request.ts";
import { requestInfo } from "./request-info.ts";
import { timeout } from "./timeout.ts";

const path = "/api/v1/pods";

const pending = (asked = ""): PendingRequest => {
  const query = new URLSearchParams(asked === "" ? {} : { timeout: asked });
  const request: ApiRequest = {
    method: "GET",
    path,
    query,
    header: () => undefined,
    headerNames: () => [],
    body: { type: "value", value: undefined },
    credentials: { name: "jane", uid: "", groups: [], extra: {} },
    signal: new AbortController().signal,
    isInProcess: false,
  };
  return new PendingRequest(request, requestInfo("GET", path, query), "");
};

const refuse: Handler = () => {
  throw new Error("no");
};

test.each<[string, Handler]>([
  ["at once", refuse],
  ["later", async (state) => refuse(state)],
])("a request that is refused %s has met its deadline", async (_when, next) => {
  const clock = new VirtualClock();
  const state = pending();
  await expect(timeout(clock, 1_000)(state, next)).rejects.toThrow("no");
  await clock.advance(5_000);
  expect(state.signal.aborted).toBe(false);
});

test("a request that takes too long is answered with 504, and its signal aborts", async () => {
  const clock = new VirtualClock();
  const state = pending();
  const answer = timeout(clock, 1_000)(state, () => new Promise<ApiResponse>(() => undefined));
  const refusal = answer.catch((error: unknown) => error);
  await clock.advance(1_000);
  expect(await refusal).toMatchObject({ code: 504 });
  expect(state.signal.aborted).toBe(true);
});

test("what an answer held until it is sent is let go when it comes too late to be sent", async () => {
  const clock = new VirtualClock();
  const state = pending();
  let held = 1;
  const answer = timeout(clock, 1_000)(state, async (late) => {
    await clock.sleep(1_500);
    late.answered = () => held--;
    return { type: "bytes", status: 200, contentType: "text/plain", bytes: new Uint8Array() };
  }).catch((error: unknown) => error);
  await clock.advance(1_000);
  expect(await answer).toMatchObject({ code: 504 });
  expect(held).toBe(1);
  await clock.advance(500);
  expect(held).toBe(0);
});

const never: Handler = () => new Promise<ApiResponse>(() => undefined);

test.each([
  ["200ms", 200],
  ["0s", 1_000],
  ["-5s", 1_000],
  ["1h", 1_000],
])("a client that asks for %s is answered after %i ms", async (asked, afterMs) => {
  const clock = new VirtualClock();
  const state = pending(asked);
  let code = 0;
  timeout(clock, 1_000)(state, never).catch((error: { code: number }) => {
    code = error.code;
  });
  await clock.advance(afterMs - 1);
  expect(code).toBe(0);
  await clock.advance(1);
  expect(code).toBe(504);
});

test.each([
  ["invalid", 'time: invalid duration "invalid"'],
  ["5", 'time: missing unit in duration "5"'],
])("a client that asks for %j is told what is wrong", (asked, why) => {
  const answer = (): unknown => timeout(new VirtualClock(), 1_000)(pending(asked), never);
  expect(answer).toThrow(`invalid timeout specified in the request URL - ${why}`);
});
