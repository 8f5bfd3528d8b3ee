import { afterEach, describe, expect, test, vi } from "vitest";
import { WebhookServer } from "../../webhook/testing/webhook-server.ts";
import type { AdmissionPlugin } from "../admission.ts";
import { podWith, type Request } from "../testing/attributes.ts";
import {
  Chain,
  cleanUp,
  configuration,
  everything,
  hook,
  label,
  later,
  namespace,
  patched,
  pod,
  type Review,
  serve,
} from "./testing/chain.ts";

afterEach(cleanUp);

describe("a validating webhook", () => {
  test("is told who asks for what, in the form of AdmissionReview", async () => {
    const seen: unknown[] = [];
    const server = await serve(({ request }) => {
      seen.push(request);
      return { allowed: true };
    });
    const chain = new Chain().validating(configuration("Validating", "c", hook("a", server)));
    const old = podWith({}, { labels: { app: "old" } });
    expect((await chain.verdict({ operation: "UPDATE", object: pod(), old, dryRun: true })).verdict).toBe(
      "admitted",
    );
    const ofPods = { group: "", version: "v1" };
    expect(seen).toEqual([
      {
        uid: expect.stringMatching(/^[\da-f-]{36}$/),
        kind: { ...ofPods, kind: "Pod" },
        resource: { ...ofPods, resource: "pods" },
        requestKind: { ...ofPods, kind: "Pod" },
        requestResource: { ...ofPods, resource: "pods" },
        name: "web",
        namespace: "default",
        operation: "UPDATE",
        userInfo: { username: "jane", groups: ["system:authenticated"] },
        object: pod(),
        oldObject: old,
        dryRun: true,
        options: null,
      },
    ]);
  });

  test("that answers again, be it with a refusal, is told of once", async () => {
    const notAsked = { uid: "of another review" };
    const answers = [notAsked, { allowed: true }, { allowed: true }, notAsked, { allowed: false }];
    const server = await serve(() => answers.shift() ?? notAsked);
    const chain = new Chain().validating(configuration("Validating", "c", hook("a", server)));
    const told: number[] = [];
    while (answers.length > 0) {
      await chain.verdict({ object: pod() });
      told.push(chain.recovered.length);
    }
    expect(chain.failures).toHaveLength(2);
    expect(told).toEqual([0, 1, 1, 1, 2]);
  });

  test("that is down is ignored where its policy says so, and that is noted", async () => {
    const server = await WebhookServer.listen(() => undefined);
    await server.close();
    const notes: Record<string, string> = {};
    const audit = {
      annotate: (key: string, value: string) => void (notes[key] = value),
      wantsRequest: false,
    };
    const chain = new Chain().validating(
      configuration("Validating", "c", hook("a", server, { failurePolicy: "Ignore" })),
    );
    expect((await chain.verdict({ object: pod(), audit })).verdict).toBe("admitted");
    expect(notes).toEqual({
      "failed-open.validating.webhook.admission.k8s.io/round_0_index_0": "a.example.com",
    });
    expect(chain.failures).toMatchObject([{ webhook: "a.example.com", isIgnored: true }]);
    expect(chain.metrics()).toEqual([
      'apiserver_admission_webhook_request_total{code="503",name="a.example.com",operation="CREATE",rejected="false",type="validating"} 1',
      'apiserver_admission_webhook_fail_open_count{name="a.example.com",type="validating"} 1',
    ]);
  });

  test("that hangs fails the request when its time is over", async () => {
    const server = await WebhookServer.listen(() => undefined);
    later(() => server.close());
    const chain = new Chain().validating(
      configuration("Validating", "c", hook("a", server, { timeoutSeconds: 1 })),
    );
    expect((await chain.verdict({ object: pod() })).verdict).toBe(
      `500 Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post "https://HOST/a?timeout=1s": context deadline exceeded`,
    );
  });

  test("passes warnings and notes for the audit log on", async () => {
    const server = await serve(() => ({
      allowed: true,
      warnings: ["careful"],
      auditAnnotations: { level: "low" },
    }));
    const notes: Record<string, string> = {};
    const audit = {
      annotate: (key: string, value: string) => void (notes[key] = value),
      wantsRequest: false,
    };
    const chain = new Chain().validating(configuration("Validating", "c", hook("a", server)));
    expect((await chain.verdict({ object: pod(), audit })).warnings).toEqual(["careful"]);
    expect(notes).toEqual({ "a.example.com/level": "low" });
  });

  test.each([
    ["Unknown", '400 admission webhook "a.example.com" does not support dry run'],
    ["Some", '400 admission webhook "a.example.com" does not support dry run'],
    ["None", "admitted"],
    ["NoneOnDryRun", "admitted"],
  ])("with the side effects %s of a dry run", async (sideEffects, verdict) => {
    const server = await serve(() => ({ allowed: true }));
    const chain = new Chain().validating(
      configuration("Validating", "c", hook("a", server, { sideEffects })),
    );
    expect((await chain.verdict({ object: pod(), dryRun: true })).verdict).toBe(verdict);
  });

  const rule = (rest: object) => ({ rules: [{ ...everything[0], ...rest }] });
  test.each<[string, object, Request, boolean]>([
    ["its operation", rule({ operations: ["UPDATE"] }), { object: pod() }, false],
    ["its group", rule({ apiGroups: ["apps"] }), { object: pod() }, false],
    ["its resource", rule({ resources: ["pods"] }), { object: pod() }, true],
    ["another resource", rule({ resources: ["secrets"] }), { object: pod() }, false],
    ["not subresources", rule({ resources: ["pods"] }), { object: pod(), resource: "pods/status" }, false],
    [
      "subresources of a name",
      rule({ resources: ["*/status"] }),
      { object: pod(), resource: "pods/status" },
      true,
    ],
    ["all subresources", rule({ resources: ["pods/*"] }), { object: pod(), resource: "pods/exec" }, true],
    ["what has no namespace", rule({ scope: "Cluster" }), { object: pod() }, false],
    ["what has a namespace", rule({ scope: "Namespaced" }), { object: pod() }, true],
    [
      "namespaces as the cluster's",
      rule({ scope: "Cluster" }),
      { object: namespace("x"), namespace: "x" },
      true,
    ],
    [
      "labels of the namespace",
      { namespaceSelector: { matchLabels: { team: "web" } } },
      { object: pod() },
      true,
    ],
    ["other labels of it", { namespaceSelector: { matchLabels: { team: "ops" } } }, { object: pod() }, false],
    [
      "labels that a namespace is about to get",
      { namespaceSelector: { matchLabels: { a: "b" } } },
      { object: namespace("default", { a: "b" }), namespace: "default" },
      true,
    ],
    ["labels of the object", { objectSelector: { matchLabels: { app: "web" } } }, { object: pod() }, true],
    [
      "labels that the object had",
      { objectSelector: { matchLabels: { app: "old" } } },
      { operation: "UPDATE", object: pod(), old: podWith({}, { labels: { app: "old" } }) },
      true,
    ],
    ["no configuration of admission", {}, { object: configuration("Validating", "c") }, false],
  ])("is asked by %s", async (_, rest, request, isAsked) => {
    let asked = 0;
    const server = await serve(() => {
      asked++;
      return { allowed: true };
    });
    const chain = new Chain().validating(configuration("Validating", "c", hook("a", server, rest)));
    await chain.verdict(request);
    expect(asked).toBe(isAsked ? 1 : 0);
  });

  test("sees the version that its rules name, unless it insists on what was sent", async () => {
    const scaler = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "default" },
      spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "web", apiVersion: "apps/v1" } },
    };
    const seen: unknown[] = [];
    const server = await serve(({ request }) => {
      seen.push([request.object?.apiVersion, request["resource"], request["requestResource"]]);
      return { allowed: true };
    });
    const rules = [{ ...everything[0], apiGroups: ["autoscaling"], apiVersions: ["v1"], resources: ["*"] }];
    const chain = new Chain().validating(
      configuration(
        "Validating",
        "c",
        hook("a", server, { rules }),
        hook("b", server, { rules, matchPolicy: "Exact" }),
      ),
    );
    await chain.verdict({ object: scaler, resource: "horizontalpodautoscalers.autoscaling" });
    const of = (version: string) => ({ group: "autoscaling", version, resource: "horizontalpodautoscalers" });
    expect(seen).toEqual([["autoscaling/v1", of("v1"), of("v2")]]);
  });

  test.each([
    ["Mutating", "Internal error occurred: Internal error occurred: no such scaler"],
    ["Validating", "Internal error occurred: no such scaler"],
  ] as const)("that sees another version refuses what cannot be converted: %s", async (kind, said) => {
    const server = await serve(() => ({ allowed: true }));
    const rules = [{ ...everything[0], apiGroups: ["autoscaling"], apiVersions: ["v1"], resources: ["*"] }];
    const chain = new Chain();
    chain[kind === "Mutating" ? "mutating" : "validating"](
      configuration(kind, "c", hook("a", server, { rules, failurePolicy: "Ignore" })),
    );
    vi.spyOn(chain.scheme, "convert").mockImplementation(() => {
      throw new Error("no such scaler");
    });
    const object = {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "default" },
    };
    const { verdict } = await chain.verdict({ object, resource: "horizontalpodautoscalers.autoscaling" });
    expect(verdict).toBe(`500 ${said}`);
  });

  test("is asked at the same time as the others; the first in order has the word", async () => {
    const waiting: (() => void)[] = [];
    const server = await WebhookServer.listen((body, response, request) => {
      const { apiVersion, request: asked } = body as Review;
      const status = { message: `from ${request.url?.split("?")[0]}` };
      const answer = { uid: asked.uid, allowed: false, status };
      waiting.push(() =>
        response.end(JSON.stringify({ apiVersion, kind: "AdmissionReview", response: answer })),
      );
      // Nobody is answered before all have been asked.
      if (waiting.length === 3) for (const reply of waiting) reply();
    });
    later(() => server.close());
    const chain = new Chain().validating(
      configuration("Validating", "z", hook("z", server)),
      configuration("Validating", "a", hook("a", server), hook("b", server)),
    );
    const { verdict } = await chain.verdict({ object: pod() });
    expect(verdict).toBe('400 admission webhook "a.example.com" denied the request: from /a');
  });

  test("may answer in the older version", async () => {
    const server = await serve(() => ({ uid: "any", allowed: false, status: { message: "old" } }));
    const versions = { admissionReviewVersions: ["v3", "v1beta1", "v1"] };
    const chain = new Chain().validating(configuration("Validating", "c", hook("a", server, versions)));
    expect((await chain.verdict({ object: pod() })).verdict).toBe(
      '400 admission webhook "a.example.com" denied the request: old',
    );
  });
});

describe("a mutating webhook", () => {
  test("sees what those before it have made of the object", async () => {
    const seen: unknown[] = [];
    const server = await serve(({ request }) => {
      seen.push(Object.keys(request.object?.metadata.labels ?? {}));
      return label(seen.length === 1 ? "first" : "second");
    });
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server), hook("b", server)));
    const { verdict, object } = await chain.verdict({ object: pod() });
    expect([verdict, object?.metadata.labels]).toEqual([
      "admitted",
      { app: "web", first: "yes", second: "yes" },
    ]);
    expect(seen).toEqual([["app"], ["app", "first"]]);
  });

  test("adds objects that get their defaults", async () => {
    const server = await serve(() =>
      patched({ op: "add", path: "/spec/initContainers", value: [{ name: "i", image: "busybox", none: 1 }] }),
    );
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server)));
    const { object } = await chain.verdict({ object: pod() });
    expect(object?.["spec"]).toMatchObject({
      initContainers: [{ name: "i", imagePullPolicy: "Always", terminationMessagePolicy: "File" }],
    });
    expect(JSON.stringify(object)).not.toContain("none");
  });

  test("that wishes so is asked again when a later one changes the object; others are not", async () => {
    const asked: string[] = [];
    const server = await WebhookServer.listen((body, response, request) => {
      const { apiVersion, request: review } = body as Review;
      const name = request.url?.slice(1).split("?")[0] ?? "";
      asked.push(name);
      const answer = name === "late" ? label("late") : { allowed: true };
      response.end(
        JSON.stringify({ apiVersion, kind: "AdmissionReview", response: { uid: review.uid, ...answer } }),
      );
    });
    later(() => server.close());
    const again = { reinvocationPolicy: "IfNeeded" };
    const chain = new Chain().mutating(
      configuration(
        "Mutating",
        "c",
        hook("again", server, again),
        hook("once", server),
        hook("late", server),
      ),
    );
    await chain.verdict({ object: pod() });
    expect(asked).toEqual(["again", "once", "late", "again"]);
  });

  test("brings plugins before it to look at the object once more", async () => {
    const rounds: boolean[] = [];
    const plugin: AdmissionPlugin = {
      name: "Counting",
      handles: () => true,
      admit: (_, isRepeat) => void rounds.push(isRepeat),
    };
    const server = await serve(() => label("a"));
    const chain = new Chain(plugin).mutating(configuration("Mutating", "c", hook("a", server)));
    await chain.verdict({ object: pod() });
    expect(rounds).toEqual([false, true]);
  });

  test("cannot change what is deleted", async () => {
    const server = await serve(() => label("a"));
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server)));
    expect((await chain.verdict({ operation: "DELETE", old: pod() })).verdict).toBe(
      '500 Internal error occurred: admission webhook "a.example.com" attempted to modify the object, which is not supported for this operation',
    );
  });

  test("is noted in the audit log, its patch only where requests are", async () => {
    const server = await serve(() => label("a"));
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server)));
    const notesOf = async (wantsRequest: boolean) => {
      const notes: string[] = [];
      await chain.verdict({
        object: pod(),
        audit: { annotate: (key) => void notes.push(key), wantsRequest },
      });
      return notes;
    };
    const mutation = "mutation.webhook.admission.k8s.io/round_0_index_0";
    expect(await notesOf(false)).toEqual([mutation]);
    expect(await notesOf(true)).toEqual(["patch.webhook.admission.k8s.io/round_0_index_0", mutation]);
  });

  test("of a configuration that is gone is asked no more", async () => {
    const server = await serve(() => label("a"));
    const chain = new Chain().mutating(configuration("Mutating", "c", hook("a", server)));
    await chain.verdict({ object: pod() });
    chain.reader.remove("mutatingwebhookconfigurations.admissionregistration.k8s.io", "c");
    const { object } = await chain.verdict({ object: pod() });
    expect(object?.metadata.labels).toEqual({ app: "web" });
  });
});
