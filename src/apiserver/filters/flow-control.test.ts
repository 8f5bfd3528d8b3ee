import { describe, expect, test, vi } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import type { ApiRequest, ApiResponse, RequestState } from "../endpoints/api-request.ts";
import { newFlowControl } from "../flowcontrol/testing/new-flow-control.ts";
import { ServerMetrics } from "../metrics.ts";
import type { UserInfo } from "../request-context.ts";
import { failure, settle } from "../testing/api.ts";
import { flowControl } from "./flow-control.ts";
import { requestInfo } from "./request-info.ts";

/** A user of no group: requests are of the level that catches all, which refuses instead of queueing. */
const stranger: UserInfo = { name: "stranger", uid: "", groups: [], extra: {} };
const jane: UserInfo = { name: "jane", uid: "", groups: ["system:authenticated"], extra: {} };
const admin: UserInfo = { name: "admin", uid: "", groups: ["system:masters"], extra: {} };

const ok: ApiResponse = { type: "bytes", status: 200, contentType: "text/plain", bytes: Buffer.from("ok") };

function stateOf(
  path: string,
  user: UserInfo,
  { headers = {}, ...request }: Partial<ApiRequest> & { headers?: Record<string, string> } = {},
): RequestState {
  const query = new URLSearchParams();
  const method = request.method ?? "GET";
  const { signal } = new AbortController();
  return {
    request: {
      method,
      path,
      query,
      header: (name) => headers[name],
      headerNames: () => Object.keys(headers),
      body: { type: "value", value: undefined },
      credentials: user,
      signal,
      isInProcess: false,
      ...request,
    },
    info: requestInfo(method, path, query),
    user,
    signal: request.signal ?? signal,
    narrowSignal: () => undefined,
    warnings: [],
    auditId: "",
  };
}

/** A filter over few seats, and a route that answers when told. */
function start(options: Parameters<typeof newFlowControl>[2] = { totalSeats: 10 }) {
  const clock = new VirtualClock();
  const metrics = new ServerMetrics(clock);
  const parts = newFlowControl(clock, metrics, options);
  const filter = flowControl(parts);
  const held = Promise.withResolvers<ApiResponse>();
  const route = vi.fn<(state: RequestState) => Promise<ApiResponse>>(async () => held.promise);
  const ask = (state: RequestState): Promise<ApiResponse> => filter(state, route);
  const seats = (state: RequestState): number => state.flow?.level.queues.seatsInUse ?? -1;
  return { clock, metrics, parts, held, route, ask, seats };
}

/** As many requests as the stranger's level has seats. */
async function fill({ ask, parts }: ReturnType<typeof start>): Promise<RequestState[]> {
  const { current } = parts.controller.classify(stateOf("/version", stranger)).level;
  const states = Array.from({ length: current }, () => stateOf("/api/v1/namespaces/a/pods/x", stranger));
  for (const state of states) void ask(state);
  await settle();
  return states;
}

describe("a request without a seat", () => {
  test("is 429 with the time to wait", async () => {
    const server = start();
    await fill(server);
    expect(await failure(server.ask(stateOf("/version", stranger)))).toMatchObject({
      code: 429,
      reason: "TooManyRequests",
      message: "Too many requests, please try again later.",
      details: { retryAfterSeconds: 1 },
    });
  });

  test("is told of its schema and level all the same", async () => {
    const server = start();
    await fill(server);
    const state = stateOf("/version", stranger);
    await failure(server.ask(state));
    expect(state.flow?.name).toBe("catch-all");
  });

  test("is asked to stay away for longer while many are refused", async () => {
    const server = start();
    await fill(server);
    const seconds: number[] = [];
    for (let second = 0; second < 4; second++) {
      const refused = Array.from({ length: 20 }, () => failure(server.ask(stateOf("/version", stranger))));
      seconds.push((await Promise.all(refused))[0]?.details?.retryAfterSeconds ?? 0);
      await server.clock.advance(1_000);
    }
    expect(seconds).toEqual([1, 2, 2, 4]);
  });

  test("is seated when another is answered", async () => {
    const server = start({ totalSeats: 1 });
    const first = stateOf("/version", jane);
    const second = stateOf("/version", jane);
    void server.ask(first);
    const answer = server.ask(second);
    await settle();
    expect(server.route).toHaveBeenCalledTimes(1);
    first.answered?.();
    server.held.resolve(ok);
    await settle();
    first.answered?.();
    expect(await answer).toBe(ok);
    expect(server.route).toHaveBeenCalledTimes(2);
  });

  test("goes on with nobody when its client has gone", async () => {
    const server = start({ totalSeats: 1 });
    void server.ask(stateOf("/version", jane));
    const gone = new AbortController();
    const answer = failure(server.ask(stateOf("/version", jane, { signal: gone.signal })));
    gone.abort();
    expect((await answer).code).toBe(429);
    expect(server.route).toHaveBeenCalledTimes(1);
  });
});

describe("a seat is held", () => {
  test("until the answer is sent", async () => {
    const { ask, held, seats } = start();
    const state = stateOf("/api/v1/pods", jane);
    held.resolve(ok);
    await ask(state);
    expect(seats(state)).toBe(1);
    state.answered?.();
    state.answered?.();
    expect(seats(state)).toBe(0);
  });

  test("by a list that nobody reads for so long", async () => {
    const { ask, clock, held, seats } = start();
    const state = stateOf("/api/v1/pods", jane);
    const served = { kind: "Pod" } as unknown as Extract<ApiResponse, { type: "list" }>["served"];
    held.resolve({ type: "list", page: { items: [], resourceVersion: "1" }, served });
    await ask(state);
    await clock.advance(29_000);
    expect(seats(state)).toBe(1);
    await clock.advance(1_000);
    expect(seats(state)).toBe(0);
  });

  test("until the route fails", async () => {
    const { ask, held, seats } = start();
    const state = stateOf("/api/v1/pods", jane);
    held.reject(new Error("no"));
    await expect(ask(state)).rejects.toThrow("no");
    expect(seats(state)).toBe(0);
  });

  test("by a watch that is never opened until it is over", async () => {
    const { ask, held, seats } = start();
    const state = stateOf("/api/v1/watch/pods", jane);
    const served = { kind: "Pod" } as unknown as Extract<ApiResponse, { type: "watch" }>["served"];
    held.resolve({ type: "watch", served, timeoutMs: 1, open: async () => () => undefined });
    await ask(state);
    expect(seats(state)).toBe(1);
    // Its client accepts no form that it could have, or is gone.
    state.answered?.();
    expect(seats(state)).toBe(0);
  });

  test("by a watch until its initial state is sent", async () => {
    const { ask, held, seats } = start();
    const state = stateOf("/api/v1/watch/pods", jane);
    const open = vi.fn(async () => () => undefined);
    const served = { kind: "Pod" } as unknown as Extract<ApiResponse, { type: "watch" }>["served"];
    held.resolve({ type: "watch", served, timeoutMs: 1, open });
    const response = await ask(state);
    expect(seats(state)).toBe(1);
    if (response.type !== "watch") throw new Error("not a watch");
    const sink = { notice() {}, flush() {}, bookmark() {}, end() {} };
    await response.open(sink, state.signal);
    expect(seats(state)).toBe(0);
  });

  test.each(["exec", "attach", "portforward", "proxy", "log"])("by no %s", async (subresource) => {
    const { ask, held } = start();
    held.resolve(ok);
    const state = stateOf(`/api/v1/namespaces/a/pods/x/${subresource}`, jane);
    expect(await ask(state)).toBe(ok);
    expect(state.flow).toBeUndefined();
  });
});

describe("memory", () => {
  const post = (user: UserInfo, bytes: number): RequestState =>
    stateOf("/api/v1/namespaces/a/configmaps", user, {
      method: "POST",
      headers: { "content-length": String(bytes) },
    });

  test("of bodies that are taken in is bounded, before they are read", async () => {
    const { ask, parts, held } = start({ totalSeats: 600, bytes: 100_000 });
    const first = post(jane, 70_000);
    void ask(first);
    expect((await failure(ask(post(jane, 70_000)))).code).toBe(429);
    // The administrator is let in: it is to be stopped by somebody.
    void ask(post(admin, 70_000));
    expect(parts.bytes.held).toBe(140_000);
    held.resolve(ok);
    await settle();
    first.answered?.();
    expect(parts.bytes.held).toBe(70_000);
  });

  test("of answers that clients do not take refuses lists, not what is small", async () => {
    const { ask, parts, held } = start({ totalSeats: 600, bytes: 100_000 });
    held.resolve(ok);
    const slow = new AbortController();
    parts.bytes.takeUntil(200_000, slow.signal);
    expect((await failure(ask(stateOf("/api/v1/pods", jane)))).code).toBe(429);
    expect(await ask(post(jane, 1_000))).toBe(ok);
    slow.abort();
    expect(await ask(stateOf("/api/v1/pods", jane))).toBe(ok);
  });
});

test("requests in flight and in queues are counted by kind", async () => {
  const server = start({ totalSeats: 1 });
  void server.ask(stateOf("/version", jane));
  void server.ask(stateOf("/version", jane));
  void server.ask(stateOf("/api/v1/namespaces/a/configmaps", admin, { method: "POST" }));
  await settle();
  const text = server.metrics.text();
  expect(text).toContain('apiserver_current_inflight_requests{request_kind="readOnly"} 1\n');
  expect(text).toContain('apiserver_current_inflight_requests{request_kind="mutating"} 1\n');
  expect(text).toContain('apiserver_current_inqueue_requests{request_kind="readOnly"} 1\n');
});
