import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudgetStatus } from "../../api/types/policy-v1.ts";
import { failure, type TestApi } from "../../apiserver/testing/api.ts";
import type { TestServer } from "../../apiserver/testing/test-server.ts";
import { startRegistryServer } from "../testing/registry-server.ts";

let server: TestServer & { readonly api: TestApi };
let api: TestApi;
beforeEach(async () => {
  server = await startRegistryServer();
  api = server.api;
});
afterEach(async () => server.server.close());

const all = "/api/v1/namespaces/default/pods";
const create = async (extra: Partial<Pod["spec"]> = {}, metadata: Pod["metadata"] = {}): Promise<Pod> =>
  (await api.post(all, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", labels: { app: "web" }, ...metadata },
    spec: { containers: [{ name: "main", image: "app" }], ...extra },
  })) as unknown as Pod;
const get = async (): Promise<Pod> => (await api.get(`${all}/p`)) as unknown as Pod;
const setStatus = async (status: object): Promise<unknown> =>
  await api.patch("merge", `${all}/p/status`, { status });
const binding = (name = "n1", extra: object = {}) => ({
  apiVersion: "v1",
  kind: "Binding",
  metadata: { name: "p" },
  target: { kind: "Node", name },
  ...extra,
});
const bind = async (name?: string, extra?: object): Promise<unknown> =>
  await api.post(`${all}/p/binding`, binding(name, extra));

describe("a new pod", () => {
  it("is Pending with its class of service, whatever its creator says", async () => {
    const resources = { requests: { cpu: "1" } };
    const pod = await create({ containers: [{ name: "main", image: "app", resources }] });
    expect(pod.status).toEqual({ phase: "Pending", qosClass: "Burstable" });
    expect(pod.metadata.generation).toBe(1);
  });

  it("with gates says that it is not scheduled", async () => {
    const { status } = await create({ schedulingGates: [{ name: "example.com/gate" }] });
    expect(status?.conditions).toEqual([
      {
        type: "PodScheduled",
        lastProbeTime: null,
        status: "False",
        reason: "SchedulingGated",
        message: "Scheduling is blocked due to non-empty scheduling gates",
        lastTransitionTime: expect.any(String),
      },
    ]);
  });

  it("has keys of labels made part of its selectors", async () => {
    const labelSelector = { matchLabels: { app: "web" } };
    const term = {
      labelSelector,
      topologyKey: "zone",
      matchLabelKeys: ["hash", "absent"],
      mismatchLabelKeys: ["tenant"],
    };
    const { spec } = await create(
      { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
      { labels: { hash: "1", tenant: "a" } },
    );
    expect(
      spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.[0]?.labelSelector,
    ).toEqual({
      matchLabels: { app: "web" },
      matchExpressions: [
        { key: "hash", operator: "In", values: ["1"] },
        { key: "tenant", operator: "NotIn", values: ["a"] },
      ],
    });
  });
});

describe("binding", () => {
  it("shares what it leaves alone with the pod that was, which stays as it is", async () => {
    const cached = () => server.server.reader.get<Pod>({ group: "", resource: "pods" }, "default", "p");
    await create();
    const before = cached();
    await bind();
    expect(cached()?.spec.nodeName).toBe("n1");
    expect(cached()?.spec.containers).toBe(before?.spec.containers);
    expect(before?.spec.nodeName).toBeUndefined();
  });

  it("gives the pod its node, and what the binding carries", async () => {
    await create();
    const answer = await bind("n1", { metadata: { name: "p", annotations: { a: "b" } } });
    expect(answer).toMatchObject({ kind: "Status", status: "Success" });
    const pod = await get();
    expect(pod.spec.nodeName).toBe("n1");
    expect(pod.metadata.annotations).toEqual({ a: "b" });
    expect(pod.status?.conditions).toEqual([
      { type: "PodScheduled", status: "True", lastProbeTime: null, lastTransitionTime: expect.any(String) },
    ]);
  });

  it("works by the older collection, too", async () => {
    await create();
    await api.post("/api/v1/namespaces/default/bindings", binding());
    expect((await get()).spec.nodeName).toBe("n1");
  });

  const conflict = (why: string): string => `Operation cannot be fulfilled on pods/binding "p": ${why}`;

  it("of a pod that has a node is a conflict", async () => {
    await create();
    await bind();
    expect(await failure(bind("n2"))).toMatchObject({
      code: 409,
      reason: "Conflict",
      message: conflict('pod p is already assigned to node "n1"'),
      details: { name: "p", kind: "pods/binding" },
    });
  });

  it.each<[string, Partial<Pod["spec"]>, object, string]>([
    [
      "with gates",
      { schedulingGates: [{ name: "example.com/gate" }] },
      {},
      "pod p has non-empty .spec.schedulingGates",
    ],
  ])("of a pod %s is a conflict", async (_, spec, extra, why) => {
    await create(spec);
    expect((await failure(bind("n1", extra))).message).toBe(conflict(why));
  });

  it("of a pod that is being deleted is a conflict", async () => {
    await create({}, { finalizers: ["example.com/keep"] });
    await api.delete(`${all}/p`);
    expect((await failure(bind())).message).toBe(
      conflict("pod p is being deleted, cannot be assigned to a host"),
    );
  });

  it("of another pod of that name is a conflict", async () => {
    const { metadata } = await create();
    expect((await failure(bind("n1", { metadata: { name: "p", uid: "other" } }))).message).toBe(
      conflict(`Precondition failed: UID in precondition: other, UID in object meta: ${metadata.uid}`),
    );
  });

  it.each<[object, string]>([
    [{ target: { kind: "Node" } }, 'Binding "p" is invalid: target.name: Required value'],
    [
      { target: { kind: "Pod", name: "x" } },
      'Binding "p" is invalid: target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"',
    ],
  ])("to %j is refused", async (extra, message) => {
    await create();
    expect(await failure(bind("n1", extra))).toMatchObject({ code: 422, message });
  });
});

describe("deleting a pod", () => {
  it.each<[string, { bound: boolean; phase?: string; asked?: number; own?: number }, number | undefined]>([
    ["that has no node", { bound: false }, undefined],
    ["that runs", { bound: true }, 30],
    ["with a period of its own", { bound: true, own: 5 }, 5],
    ["with a period that is asked for", { bound: true, own: 5, asked: 7 }, 7],
    ["at once", { bound: true, asked: 0 }, undefined],
    ["that has ended", { bound: true, phase: "Succeeded" }, undefined],
  ])("%s", async (_, { bound, phase, asked, own }, expected) => {
    await create(own === undefined ? {} : { terminationGracePeriodSeconds: own });
    if (bound) await bind();
    if (phase !== undefined) await setStatus({ phase });
    const options = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: asked };
    await api.delete(`${all}/p`, asked === undefined ? undefined : options);
    const left = await get().catch(() => undefined);
    expect(left?.metadata.deletionGracePeriodSeconds).toBe(expected);
  });

  it("may become shorter, not longer", async () => {
    await create();
    await bind();
    const remove = async (gracePeriodSeconds: number): Promise<void> => {
      const options = { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds };
      await api.delete(`${all}/p`, options);
    };
    await remove(30);
    await remove(60);
    expect((await get()).metadata.deletionGracePeriodSeconds).toBe(30);
    await remove(3);
    expect((await get()).metadata.deletionGracePeriodSeconds).toBe(3);
    await remove(0);
    expect(await failure(api.get(`${all}/p`))).toMatchObject({ code: 404 });
  });
});

describe("evicting a pod", () => {
  const evict = async (extra: object = {}): Promise<unknown> =>
    await api.post(`${all}/p/eviction`, {
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: "p" },
      ...extra,
    });
  const running = async (ready = true): Promise<void> => {
    await create({ terminationGracePeriodSeconds: 9 });
    await bind();
    await setStatus({
      phase: "Running",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    });
  };
  const budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
  const budget = async (
    status: Partial<PodDisruptionBudgetStatus>,
    spec: object = {},
    name = "pdb",
  ): Promise<void> => {
    await api.post(budgets, {
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name },
      spec: { selector: { matchLabels: { app: "web" } }, minAvailable: 1, ...spec },
    });
    await api.patch("merge", `${budgets}/${name}/status`, {
      status: {
        observedGeneration: 1,
        disruptionsAllowed: 0,
        currentHealthy: 1,
        desiredHealthy: 1,
        expectedPods: 1,
        ...status,
      },
    });
  };

  it("without a budget deletes it gracefully, and says why it goes", async () => {
    await running();
    expect(await evict()).toMatchObject({ kind: "Status", status: "Success" });
    const { metadata, status } = await get();
    expect(metadata.deletionGracePeriodSeconds).toBe(9);
    expect(status?.conditions?.at(-1)).toMatchObject({
      type: "DisruptionTarget",
      lastProbeTime: null,
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
    });
  });

  it("takes the options of a delete", async () => {
    await running();
    await evict({ deleteOptions: { gracePeriodSeconds: 2 } });
    expect((await get()).metadata.deletionGracePeriodSeconds).toBe(2);
  });

  it("that is only tried changes nothing", async () => {
    await running();
    await budget({ disruptionsAllowed: 1, currentHealthy: 2 });
    const before = await get();
    expect(await evict({ deleteOptions: { dryRun: ["All"] } })).toMatchObject({ status: "Success" });
    expect(await get()).toEqual(before);
  });

  it("counts against the budget, which then refuses", async () => {
    await running();
    await budget({ disruptionsAllowed: 1, currentHealthy: 2 });
    await evict();
    const { status } = (await api.get(`${budgets}/pdb`)) as unknown as { status: PodDisruptionBudgetStatus };
    expect(status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { p: "2026-01-01T00:00:00Z" },
    });
  });

  it("is refused with 429 when the budget allows none", async () => {
    await running();
    await budget({ desiredHealthy: 3, currentHealthy: 2 });
    const status = await failure(evict());
    expect(status).toMatchObject({
      code: 429,
      reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: "DisruptionBudget",
            message: "The disruption budget pdb needs 3 healthy pods and has 2 currently",
          },
        ],
      },
    });
    expect((await get()).metadata.deletionTimestamp).toBeUndefined();
  });

  it("is to be tried again while the budget is being counted", async () => {
    await running();
    await budget({ observedGeneration: 0, disruptionsAllowed: 1 });
    expect(await failure(evict())).toMatchObject({
      code: 429,
      details: {
        retryAfterSeconds: 10,
        causes: [{ message: "The disruption budget pdb is still being processed by the server." }],
      },
    });
  });

  it("is refused when two budgets select it", async () => {
    await running();
    await budget({ disruptionsAllowed: 1 });
    await budget({ disruptionsAllowed: 1 }, {}, "other");
    expect(await failure(evict())).toMatchObject({
      code: 500,
      message:
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    });
  });

  it.each<[string, Partial<PodDisruptionBudgetStatus>, object, boolean]>([
    ["while enough are healthy", { currentHealthy: 2, desiredHealthy: 2 }, {}, true],
    ["while too few are healthy", { currentHealthy: 1, desiredHealthy: 2 }, {}, false],
    [
      "whatever others are, when the budget says so",
      { currentHealthy: 0, desiredHealthy: 2 },
      { unhealthyPodEvictionPolicy: "AlwaysAllow" },
      true,
    ],
  ])("that is not ready: %s", async (_, status, spec, allowed) => {
    await running(false);
    await budget(status, spec);
    const refused = await evict().then(
      () => false,
      () => true,
    );
    expect(refused).toBe(!allowed);
  });

  it("that has ended or never ran asks no budget", async () => {
    await create();
    await budget({});
    await evict();
    expect(await failure(api.get(`${all}/p`))).toMatchObject({ code: 404 });
  });

  it("that does not exist is not found, under another name refused", async () => {
    expect(await failure(evict())).toMatchObject({ code: 404, message: 'pods "p" not found' });
    await running();
    expect(await failure(evict({ metadata: { name: "q" } }))).toMatchObject({ code: 400 });
  });

  it("as a dry run changes nothing", async () => {
    await running();
    await api.post(
      `${all}/p/eviction`,
      { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "p" } },
      { dryRun: "All" },
    );
    const { metadata, status } = await get();
    expect(metadata.deletionTimestamp).toBeUndefined();
    expect(status?.conditions).toHaveLength(1);
  });
});

describe("subresources of a pod", () => {
  it("ephemeralcontainers adds containers and nothing else", async () => {
    const pod = await create();
    const ephemeralContainers = [{ name: "debug", image: "tools" }];
    const changed = { ...pod, spec: { ...pod.spec, nodeName: "n9", ephemeralContainers } };
    await api.put(`${all}/p/ephemeralcontainers`, changed);
    const { spec } = await get();
    expect(spec.ephemeralContainers).toMatchObject(ephemeralContainers);
    expect(spec.nodeName).toBeUndefined();
  });

  it("resize changes resources and nothing else", async () => {
    const resources = { requests: { cpu: "1" }, limits: { cpu: "2" } };
    const pod = await create({ containers: [{ name: "main", image: "app", resources }] });
    await bind();
    const wanted = { requests: { cpu: "500m" }, limits: { cpu: "3" } };
    const { metadata } = await get();
    await api.put(`${all}/p/resize`, {
      ...pod,
      metadata,
      spec: { ...pod.spec, containers: [{ ...pod.spec.containers[0], image: "other", resources: wanted }] },
    });
    const changed = await get();
    expect(changed.spec.containers[0]).toMatchObject({ image: "app", resources: wanted });
    expect(changed.metadata.generation).toBe(2);
  });
});
