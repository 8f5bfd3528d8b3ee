import { describe, expect, test } from "vitest";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import type { ApiRequest, RequestState } from "../endpoints/api-request.ts";
import { requestInfo } from "../filters/request-info.ts";
import { ServerMetrics } from "../metrics.ts";
import type { UserInfo } from "../request-context.ts";
import { mandatoryConfiguration, suggestedConfiguration } from "./bootstrap-configuration.ts";
import { dump } from "./dump.ts";
import { Seat } from "./flow-controller.ts";
import { newFlowControl } from "./testing/new-flow-control.ts";

const user = (name: string, ...groups: string[]): UserInfo => ({
  name,
  uid: "",
  groups: [...groups, "system:authenticated"],
  extra: {},
});
const admin = user("admin", "system:masters");
const node = user("system:node:a", "system:nodes");
const manager = user("system:kube-controller-manager");
const account = (namespace: string, name: string): UserInfo =>
  user(`system:serviceaccount:${namespace}:${name}`, "system:serviceaccounts");
const jane = user("jane");

function stateOf(
  who: UserInfo,
  method: string,
  url: string,
  request: Partial<ApiRequest> = {},
): RequestState {
  const [path = "", search = ""] = url.split("?");
  const query = new URLSearchParams(search);
  const { signal } = new AbortController();
  return {
    request: {
      method,
      path,
      query,
      header: () => undefined,
      headerNames: () => [],
      body: { type: "value", value: undefined },
      credentials: who,
      signal,
      isInProcess: false,
      ...request,
    },
    info: requestInfo(method, path, query),
    user: who,
    signal,
    narrowSignal: () => undefined,
    warnings: [],
    auditId: "",
  };
}

function start(options: Parameters<typeof newFlowControl>[2] = {}) {
  const clock = new VirtualClock();
  const metrics = new ServerMetrics(clock);
  return { clock, metrics, controller: newFlowControl(clock, metrics, options).controller };
}

const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

describe("of the bootstrap schemas, a request matches", () => {
  const { controller } = start();

  test.each([
    [admin, "GET", "/api/v1/pods", "exempt"],
    [jane, "GET", "/healthz", "probes"],
    [jane, "GET", "/livez/ping", "global-default"],
    [manager, "PUT", `${leases}/a`, "system-leader-election"],
    [manager, "POST", "/api/v1/namespaces/a/endpoints", "endpoint-controller"],
    [
      account("kube-system", "endpoint-controller"),
      "PUT",
      "/api/v1/namespaces/a/endpoints/x",
      "endpoint-controller",
    ],
    [account("kube-system", "x"), "PUT", "/api/v1/namespaces/a/configmaps/x", "workload-leader-election"],
    [account("kube-system", "x"), "GET", "/api/v1/namespaces/a/pods/x", "kube-system-service-accounts"],
    [account("default", "x"), "GET", "/api/v1/namespaces/a/pods/x", "service-accounts"],
    [node, "PATCH", "/api/v1/nodes/a/status", "system-node-high"],
    [node, "PUT", `${leases}/a`, "system-node-high"],
    [node, "GET", "/api/v1/namespaces/a/pods/x", "system-nodes"],
    [manager, "GET", "/api/v1/nodes", "kube-controller-manager"],
    [user("system:kube-scheduler"), "GET", "/api/v1/nodes", "kube-scheduler"],
    [jane, "GET", "/api/v1/pods", "global-default"],
    [{ ...jane, groups: ["system:unauthenticated"] }, "GET", "/version", "global-default"],
    [{ ...jane, groups: [] }, "GET", "/version", "catch-all"],
  ] as const)("%#: %o %s %s → %s", (who, method, url, schema) => {
    expect(controller.classify(stateOf(who, method, url)).name).toBe(schema);
  });
});

describe("levels", () => {
  test("share the seats by their nominal shares, lend and borrow", () => {
    const { controller } = start({ totalSeats: 600 });
    const seats = controller.levels.map(({ name, nominal, min, max }) => [name, nominal, min, max]);
    expect(seats).toEqual([
      ["catch-all", 13, 13, 613],
      ["exempt", 0, 0, 600],
      ["global-default", 49, 24, 649],
      ["leader-election", 25, 25, 625],
      ["node-high", 98, 73, 698],
      ["system", 74, 50, 674],
      ["workload-high", 98, 49, 698],
      ["workload-low", 245, 24, 845],
    ]);
  });

  test("that want more get what others do not use, within ten seconds", async () => {
    const { clock, controller } = start({ totalSeats: 100 });
    controller.start();
    const state = stateOf(jane, "GET", "/api/v1/pods");
    const { level } = controller.classify(state);
    const before = level.current;
    const seats: Seat[] = [];
    const take = (count: number): void => {
      for (let index = 0; index < count; index++) {
        const admitted = controller.admit(state, controller.classify(state));
        if (admitted instanceof Seat) seats.push(admitted);
        else void Promise.resolve(admitted).then((late) => late instanceof Seat && seats.push(late));
      }
    };
    take(100);
    await clock.advance(10_000);
    expect(level.current).toBeGreaterThan(3 * before);
    expect(seats.length).toBe(level.current);
    // Levels keep what they do not lend.
    for (const other of controller.levels) expect(other.current).toBeGreaterThanOrEqual(other.min);
    for (const seat of seats) seat.release();
    controller.stop();
  });

  test("that are gone work off what they have", () => {
    const { controller } = start();
    const state = stateOf(node, "GET", "/api/v1/namespaces/a/pods/x");
    const seat = controller.admit(state, controller.classify(state));
    controller.configure([], []);
    expect(controller.levels.map(({ name, isQuiescing }) => [name, isQuiescing])).toEqual([
      ["catch-all", false],
      ["exempt", false],
      ["system", true],
    ]);
    expect(controller.classify(state).name).toBe("catch-all");
    if (seat instanceof Seat) seat.release();
    controller.adjust();
    expect(controller.levels.map(({ name }) => name)).toEqual(["catch-all", "exempt"]);
  });

  test.each([
    ["Queue", 0, "none, ever", ["time-out", "queue-full"]],
    ["Reject", 0, "one at a time", ["seat", "concurrency-limit"]],
    ["Queue", 1, "some", ["seat", "seat"]],
  ] as const)(
    "of type %s with %d shares that may borrow nothing seat %s",
    async (type, shares, _, expected) => {
      const { controller, clock } = start();
      const level: PriorityLevelConfiguration = {
        apiVersion: "flowcontrol.apiserver.k8s.io/v1",
        kind: "PriorityLevelConfiguration",
        metadata: { name: "jail" },
        spec: {
          type: "Limited",
          limited: {
            nominalConcurrencyShares: shares,
            borrowingLimitPercent: 0,
            limitResponse:
              type === "Queue"
                ? { type, queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } }
                : { type },
          },
        },
      };
      const schema: FlowSchema = {
        apiVersion: "flowcontrol.apiserver.k8s.io/v1",
        kind: "FlowSchema",
        metadata: { name: "jail" },
        spec: {
          matchingPrecedence: 5,
          priorityLevelConfiguration: { name: "jail" },
          rules: [
            {
              subjects: [{ kind: "User", user: { name: "jane" } }],
              nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
            },
          ],
        },
      };
      controller.configure(
        [...suggestedConfiguration.levels, level],
        [...suggestedConfiguration.schemas, schema],
      );
      const state = stateOf(jane, "GET", "/metrics");
      const flow = controller.classify(state);
      const [first, second] = [controller.admit(state, flow), controller.admit(state, flow)];
      expect(flow.level.name).toBe("jail");
      const outcome = async (answer: typeof first): Promise<string> =>
        answer instanceof Seat ? "seat" : (((await answer) as { reason?: string }).reason ?? "seat");
      const outcomes = Promise.all([outcome(first), outcome(second)]);
      await clock.advance(120_000);
      expect(await outcomes).toEqual(expected);
    },
  );

  test("that are broken, and schemas without a level, are passed over", () => {
    const { controller } = start();
    const [template] = suggestedConfiguration.levels;
    const [, schema] = suggestedConfiguration.schemas;
    if (template === undefined || schema === undefined)
      throw new Error("there is no bootstrap configuration");
    const broken: PriorityLevelConfiguration = {
      ...template,
      metadata: { name: "x" },
      spec: { type: "Limited" },
    };
    const dangling: FlowSchema = {
      ...schema,
      metadata: { name: "first" },
      spec: {
        ...schema.spec,
        matchingPrecedence: 1,
        priorityLevelConfiguration: { name: "x" },
        rules: mandatoryConfiguration.schemas[1]?.spec.rules,
      },
    };
    controller.configure([broken], [dangling]);
    expect(controller.classify(stateOf(jane, "GET", "/api/v1/pods")).name).toBe("catch-all");
  });
});

describe("a request", () => {
  test("of the masters' group is never held up, though it is counted", () => {
    const { controller, metrics } = start({ totalSeats: 1 });
    const state = stateOf(admin, "GET", "/api/v1/pods");
    for (let index = 0; index < 50; index++) {
      expect(controller.admit(state, controller.classify(state))).toBeInstanceOf(Seat);
    }
    expect(metrics.text()).toContain(
      'apiserver_flowcontrol_current_executing_requests{flow_schema="exempt",priority_level="exempt"} 50',
    );
  });

  test("of this process never waits, and others see the seats it takes", () => {
    const { controller } = start({ totalSeats: 10 });
    const inside = stateOf(node, "PUT", `${leases}/a`, { isInProcess: true });
    for (let index = 0; index < 50; index++) {
      expect(controller.admit(inside, controller.classify(inside))).toBeInstanceOf(Seat);
    }
    const outside = stateOf(node, "PUT", `${leases}/b`);
    expect(controller.admit(outside, controller.classify(outside))).toBeInstanceOf(Promise);
  });

  test.each([
    ["/api/v1/pods", 10],
    ["/api/v1/pods?watch=1&sendInitialEvents=true", 10],
    ["/api/v1/pods?watch=1", 1],
    ["/api/v1/namespaces/a/pods/x", 1],
    ["/api/v1/pods?fieldSelector=metadata.name%3Dx", 1],
  ])("%s takes %i seats where many objects are stored", (url, seats) => {
    const { controller } = start({ totalSeats: 6_000, stored: 5_000 });
    const state = stateOf(jane, "GET", url);
    const flow = controller.classify(state);
    void controller.admit(state, flow);
    expect(flow.level.queues.seatsInUse).toBe(seats);
  });

  test("that is refused is counted by why", async () => {
    const { controller, metrics } = start({ totalSeats: 10 });
    const state = stateOf({ ...jane, groups: [] }, "GET", "/version");
    const flow = controller.classify(state);
    const seated = Array.from({ length: flow.level.current }, () => controller.admit(state, flow));
    expect(seated.every((each) => each instanceof Seat)).toBe(true);
    expect(await controller.admit(state, flow)).toMatchObject({ reason: "concurrency-limit" });
    expect(metrics.text()).toContain(
      'rejected_requests_total{flow_schema="catch-all",priority_level="catch-all",reason="concurrency-limit"} 1',
    );
  });

  test("gives its seats back once", () => {
    const { controller } = start();
    const state = stateOf(jane, "GET", "/api/v1/pods");
    const flow = controller.classify(state);
    const seat = controller.admit(state, flow);
    if (seat instanceof Seat) {
      seat.release();
      seat.release();
    }
    expect(flow.level.queues.seatsInUse).toBe(0);
  });
});

test("dumps show levels, queues and who waits", () => {
  const { controller } = start({ totalSeats: 10 });
  const state = stateOf(jane, "GET", "/api/v1/pods");
  for (let index = 0; index < 3; index++) void controller.admit(state, controller.classify(state));
  expect(dump(controller, "dump_priority_levels")?.split("\n").slice(0, 4)).toEqual([
    "PriorityLevelName, ActiveQueues, IsIdle, IsQuiescing, WaitingRequests, ExecutingRequests, DispatchedRequests, RejectedRequests, TimedoutRequests, CancelledRequests",
    "catch-all,         0,            true,   false,       0,               0,                 0,                  0,                0,                0",
    "exempt,            0,            true,   false,       0,               0,                 0,                  0,                0,                0",
    "global-default,    2,            false,  false,       2,               1,                 1,                  0,                0,                0",
  ]);
  expect(dump(controller, "dump_requests")).toMatch(
    /global-default, +global-default, +\d+, +0, +jane, +2026-01-01T/,
  );
  expect(dump(controller, "dump_queues")?.split("\n")).toHaveLength(1 + 6 + 1);
  expect(dump(controller, "dump_nothing")).toBeUndefined();
});
