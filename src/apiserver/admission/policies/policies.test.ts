import { describe, expect, test } from "vitest";
import type { KubernetesObject } from "../../../apimachinery/object.ts";
import { bindingOf, Chain, denied, group, pod, pods, policyOf, validation } from "./testing/chain.ts";

const applying = (expression: string) => ({
  mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
  reinvocationPolicy: "Never",
});

describe("a validating policy", () => {
  test.each<[string, object, string]>([
    ["admits what satisfies it", validation("object.metadata.name == 'web'"), "admitted"],
    [
      "shows the expression where there is no message",
      validation("!object.spec.hostNetwork"),
      `422 ${denied}failed expression: !object.spec.hostNetwork`,
    ],
    [
      "shows the message",
      validation("!object.spec.hostNetwork", { message: " no host network " }),
      `422 ${denied}no host network`,
    ],
    [
      "shows what the message's expression says",
      validation("false", { messageExpression: "'no ' + object.metadata.name", message: "other" }),
      `422 ${denied}no web`,
    ],
    [
      "shows the message where its expression fails",
      validation("false", { messageExpression: "object.nothing", message: "other" }),
      `422 ${denied}other`,
    ],
    [
      "shows the message where its expression says several lines",
      validation("false", { messageExpression: "'a\\nb'", message: "other" }),
      `422 ${denied}other`,
    ],
    [
      "answers with its reason",
      validation("false", { message: "no", reason: "Forbidden" }),
      `403 ${denied}no`,
    ],
    [
      "denies when an expression fails",
      validation("object.spec.nothing == 1"),
      `422 ${denied}expression 'object.spec.nothing == 1' resulted in error: no such key: nothing`,
    ],
    [
      "admits when an expression fails and that is to be ignored",
      { ...validation("object.spec.nothing == 1"), failurePolicy: "Ignore" },
      "admitted",
    ],
    [
      "sees the request",
      validation("request.operation == 'CREATE' && request.userInfo.username == 'jane'"),
      "admitted",
    ],
    ["sees no old object at a creation", validation("oldObject == null"), "admitted"],
    ["sees the namespace", validation("namespaceObject.metadata.labels['tier'] == 'gold'"), "admitted"],
    [
      "reads variables, which read those before them",
      {
        variables: [
          { name: "all", expression: "object.spec.containers" },
          { name: "names", expression: "variables.all.map(c, c.name)" },
        ],
        ...validation("variables.names == ['c']"),
      },
      "admitted",
    ],
    [
      "is told by which name a variable fails",
      { variables: [{ name: "bad", expression: "object.nothing" }], ...validation("variables.bad == 1") },
      `422 ${denied}expression 'variables.bad == 1' resulted in error: composited variable "bad" fails to evaluate: no such key: nothing`,
    ],
    [
      "leaves variables alone that no expression comes to",
      {
        variables: [{ name: "bad", expression: "object.nothing" }],
        ...validation("true || variables.bad == 1"),
      },
      "admitted",
    ],
    [
      "is not concerned where its conditions are not met",
      {
        matchConditions: [{ name: "other", expression: "object.metadata.name == 'db'" }],
        ...validation("false"),
      },
      "admitted",
    ],
    [
      "denies where its conditions cannot be told",
      { matchConditions: [{ name: "broken", expression: "object.nothing == 1" }], ...validation("true") },
      `422 ${denied}expression 'object.nothing == 1' resulted in error: no such key: nothing`,
    ],
    [
      "denies where an expression is of the wrong type",
      validation("object.nothing"),
      `422 ${denied}compilation error: must evaluate to bool but got dyn`,
    ],
    [
      "asks about the request's own resource",
      validation(
        "authorizer.requestResource.check('use').allowed() && !authorizer.requestResource.check('x').allowed()",
      ),
      "admitted",
    ],
    [
      "asks who may do what",
      validation("authorizer.group('').resource('secrets').namespace('default').check('use').allowed()"),
      "admitted",
    ],
    [
      "is told who may not",
      validation("authorizer.path('/healthz').check('get').allowed()", { message: "no" }),
      `422 ${denied}no`,
    ],
    [
      "ends expressions that cost too much",
      validation(
        "[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, true))))))",
      ),
      "operation cancelled: actual cost limit exceeded",
    ],
  ])("%s", async (_, spec, verdict) => {
    const result = await new Chain().validating(spec).run();
    expect(result.verdict).toContain(verdict);
  });

  test("warns, and writes down, where its binding says so", async () => {
    const spec = validation("false", { message: "no" });
    const actions = { validationActions: ["Warn", "Audit"] };
    const { verdict, warnings, notes } = await new Chain().validating(spec, actions).run();
    expect(verdict).toBe("admitted");
    expect(warnings).toEqual([
      "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-binding': no",
    ]);
    expect(JSON.parse(notes["validation.policy.admission.k8s.io/validation_failure"] ?? "")).toEqual([
      {
        message: "no",
        policy: "p",
        binding: "p-binding",
        expressionIndex: 0,
        validationActions: ["Warn", "Audit"],
      },
    ]);
  });

  test("writes down its annotations", async () => {
    const auditAnnotations = [
      { key: "name", valueExpression: "'is ' + object.metadata.name" },
      { key: "none", valueExpression: "null" },
    ];
    const { notes } = await new Chain().validating({ ...validation("true"), auditAnnotations }).run();
    expect(notes).toEqual({ "p/name": "is web" });
  });

  test("is in force only where it is bound", async () => {
    const chain = new Chain();
    chain.reader.put(
      `validatingadmissionpolicies.${group}`,
      policyOf("Validating", "p", validation("false")),
    );
    expect((await chain.run()).verdict).toBe("admitted");
    chain.reader.put(`validatingadmissionpolicybindings.${group}`, bindingOf("Validating", "p"));
    expect((await chain.run()).verdict).toContain("failed expression: false");
    chain.reader.remove(`validatingadmissionpolicybindings.${group}`, "p-binding");
    expect((await chain.run()).verdict).toBe("admitted");
  });

  test.each<[string, object, boolean]>([
    ["the namespaces it selects", { namespaceSelector: { matchLabels: { tier: "gold" } } }, true],
    ["not to others", { namespaceSelector: { matchLabels: { tier: "tin" } } }, false],
    ["the objects it selects", { objectSelector: { matchLabels: { app: "web" } } }, true],
    ["not to rules that exclude it", { excludeResourceRules: pods.resourceRules }, false],
    ["names", { resourceRules: [{ ...pods.resourceRules[0], resourceNames: ["web"] }] }, true],
    ["not to other names", { resourceRules: [{ ...pods.resourceRules[0], resourceNames: ["db"] }] }, false],
  ])("applies to %s, by its own constraints or the binding's", async (_, constraints, applies) => {
    const matchConstraints = { ...pods, ...constraints };
    const own = await new Chain().validating({ ...validation("false"), matchConstraints }).run();
    const bound = await new Chain().validating(validation("false"), { matchResources: constraints }).run();
    expect([own.verdict === "admitted", bound.verdict === "admitted"]).toEqual([!applies, !applies]);
  });

  describe("with parameters", () => {
    const paramKind = { apiVersion: "v1", kind: "ConfigMap" };
    const configMap = (name: string, data: object, namespace = "default"): KubernetesObject =>
      ({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name, namespace, labels: { policy: "p" } },
        data,
      }) as never;
    const spec = {
      paramKind,
      ...validation("object.metadata.name == params.data.wanted", { message: "no" }),
    };

    test("reads the object that its binding names", async () => {
      const chain = new Chain().validating(spec, {
        paramRef: { name: "a", parameterNotFoundAction: "Deny" },
      });
      chain.reader.put("configmaps", configMap("a", { wanted: "web" }));
      expect((await chain.run()).verdict).toBe("admitted");
      chain.reader.put("configmaps", configMap("a", { wanted: "db" }));
      expect((await chain.run()).verdict).toBe(`422 ${denied}no`);
    });

    test("is evaluated with each of those that its binding selects", async () => {
      const paramRef = { selector: { matchLabels: { policy: "p" } }, parameterNotFoundAction: "Allow" };
      const chain = new Chain().validating(spec, { paramRef });
      expect((await chain.run()).verdict).toBe("admitted");
      chain.reader.put("configmaps", configMap("a", { wanted: "web" }), configMap("b", { wanted: "db" }));
      expect((await chain.run()).verdict).toBe(`422 ${denied}no`);
    });

    test.each<[string, object, string]>([
      [
        "that are missing",
        { paramRef: { name: "a", parameterNotFoundAction: "Deny" } },
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
      ],
      ["that may be missing", { paramRef: { name: "a", parameterNotFoundAction: "Allow" } }, "admitted"],
    ])("%s", async (_, binding, verdict) => {
      const result = await new Chain().validating(spec, binding).run();
      expect(result.verdict).toContain(verdict);
    });

    test("of a kind that is not there keep the policy itself from being used", async () => {
      const unknown = { ...spec, paramKind: { apiVersion: "nope.io/v1", kind: "Nope" } };
      const why =
        "failed to configure policy: failed to find resource referenced by paramKind: 'nope.io/v1, Kind=Nope'";
      const refused = await new Chain().validating(unknown, { paramRef: { name: "a" } }).run();
      expect(refused.verdict).toMatch(/ValidatingAdmissionPolicy '\w+' denied request: /);
      expect(refused.verdict).toContain(why);
      const applied = { ...applying("Object{}"), paramKind: unknown.paramKind };
      expect((await new Chain().mutating(applied, { paramRef: { name: "a" } }).run()).verdict).toContain(why);
    });

    test("of a namespace of their own", async () => {
      const paramRef = { name: "a", namespace: "ops", parameterNotFoundAction: "Deny" };
      const chain = new Chain().validating(spec, { paramRef });
      chain.reader.put("configmaps", configMap("a", { wanted: "web" }, "ops"));
      expect((await chain.run()).verdict).toBe("admitted");
    });
  });
});

describe("a mutating policy", () => {
  const patching = (expression: string) => ({
    mutations: [{ patchType: "JSONPatch", jsonPatch: { expression } }],
    reinvocationPolicy: "Never",
  });

  test("merges a configuration into the object", async () => {
    const expression =
      "Object{metadata: Object.metadata{labels: {'tier': namespaceObject.metadata.labels.tier}}}";
    const { verdict, object } = await new Chain().mutating(applying(expression)).run();
    expect(verdict).toBe("admitted");
    expect(object?.metadata.labels).toEqual({ app: "web", tier: "gold" });
  });

  test("adds items to lists by their keys, with their defaults", async () => {
    const expression =
      "Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: 'proxy', image: 'proxy:1', restartPolicy: 'Always'}]}}";
    const { object } = await new Chain().mutating(applying(expression)).run();
    expect(object?.["spec"]).toMatchObject({
      containers: [{ name: "c", image: "nginx" }],
      initContainers: [{ name: "proxy", restartPolicy: "Always", imagePullPolicy: "IfNotPresent" }],
    });
  });

  test("patches the object", async () => {
    const expression =
      "[JSONPatch{op: 'test', path: '/spec/hostNetwork', value: true}, JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'yes'}]";
    const { verdict, object } = await new Chain().mutating(patching(expression)).run();
    expect(verdict).toBe("admitted");
    expect(object?.metadata.labels).toEqual({ app: "web", "a/b": "yes" });
  });

  test("leaves the object alone when the test of its patch fails", async () => {
    const expression =
      "[JSONPatch{op: 'test', path: '/spec/hostNetwork', value: false}, JSONPatch{op: 'add', path: '/metadata/labels/x', value: 'yes'}]";
    const { verdict, object } = await new Chain().mutating(patching(expression)).run();
    expect([verdict, object?.metadata.labels]).toEqual(["admitted", { app: "web" }]);
  });

  test.each<[string, object, string]>([
    [
      "whose patch does not apply",
      patching("[JSONPatch{op: 'remove', path: '/spec/nothing'}]"),
      "403 policy 'p' with binding 'p-binding' denied request: JSON Patch: ",
    ],
    [
      "that would lose what it does not mention",
      applying("Object{spec: Object.spec{nodeSelector: {'a': 'b'}}}"),
      "403 policy 'p' with binding 'p-binding' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.nodeSelector",
    ],
    [
      "whose expression fails",
      applying("Object{metadata: Object.metadata{labels: {'a': object.nothing}}}"),
      "403 policy 'p' with binding 'p-binding' denied request: expression 'Object{metadata: Object.metadata{labels: {'a': object.nothing}}}' resulted in error: no such key: nothing",
    ],
    ...[
      ["items of a list", "Object{spec: Object.spec{containers: [Object.spec.containers.item{name: 'c'}]}}"],
      [
        "items of a list that a macro made",
        "Object{spec: Object.spec{containers: ['c'].map(x, Object.spec.containers.item{name: x})}}",
      ],
    ].map(([what = "", expression = ""]): [string, object, string] => [
      `with a type name in the wrong place, of ${what}`,
      applying(expression),
      "403 policy 'p' with binding 'p-binding' denied request: type mismatch: unexpected type name \"Object.spec.containers.item\", expected \"Object.spec.containers\", which matches field name path from root Object type",
    ]),
    [
      "with a type name in the wrong place of a patch's value",
      patching("[JSONPatch{op: 'add', path: '/spec', value: Object.spec{securityContext: Object.bad{}}}]"),
      "403 policy 'p' with binding 'p-binding' denied request: type mismatch: unexpected type name \"Object.bad\", expected \"Object.spec.securityContext\"",
    ],
    [
      "with a type name in the wrong place",
      applying("Object{spec: Object.metadata{}}"),
      "403 policy 'p' with binding 'p-binding' denied request: type mismatch: unexpected type name \"Object.metadata\", expected \"Object.spec\"",
    ],
  ])("%s denies the request, unless that is to be ignored", async (_, spec, verdict) => {
    expect((await new Chain().mutating(spec).run()).verdict).toContain(verdict);
    expect((await new Chain().mutating({ ...spec, failurePolicy: "Ignore" }).run()).verdict).toBe("admitted");
  });

  test("that makes what is no object of the kind is an error of the server's, whatever its policy for failures", async () => {
    const spec = patching('[JSONPatch{op: "add", path: "/spec/nodeName", value: 5}]');
    const { verdict } = await new Chain().mutating({ ...spec, failurePolicy: "Ignore" }).run();
    expect(verdict).toBe(
      "500 Internal error occurred: json: cannot unmarshal number into Go struct field PodSpec.spec.nodeName of type string",
    );
  });

  test("whose patch adds a field that the kind does not have is an error of the server's", async () => {
    const spec = patching("[JSONPatch{op: 'add', path: '/spec/foo', value: 7}]");
    const { verdict } = await new Chain().mutating({ ...spec, failurePolicy: "Ignore" }).run();
    expect(verdict).toBe('500 Internal error occurred: strict decoding error: unknown field "spec.foo"');
  });

  test("that wishes so is applied again when a later one changes the object", async () => {
    const count =
      "Object{metadata: Object.metadata{annotations: {'labels': string(object.metadata.labels.size())}}}";
    const chain = new Chain()
      .mutating({ ...applying(count), reinvocationPolicy: "IfNeeded" }, {}, "a")
      .mutating(applying("Object{metadata: Object.metadata{labels: {'late': 'yes'}}}"), {}, "b");
    const { object } = await chain.run();
    expect(object?.metadata.annotations).toEqual({ labels: "2" });
  });

  const traced = (name: string): string =>
    `Object{metadata: Object.metadata{annotations: {'trace': (has(object.metadata.annotations) ? object.metadata.annotations.trace : '') + '${name}'}}}`;

  // As Kubernetes' own server answers: `npm run beside -- policies`.
  test.each([
    ["by itself", [["a", "IfNeeded"]], "aa"],
    [
      "after others",
      [
        ["a", "Never"],
        ["b", "IfNeeded"],
      ],
      "abb",
    ],
    [
      "before one that changes nothing",
      [
        ["a", "IfNeeded"],
        ["", "Never"],
      ],
      "aa",
    ],
    ["unless it does not wish so", [["a", "Never"]], "a"],
  ] as const)("that wishes so is applied again whenever one was applied: %s", async (_, policies, trace) => {
    let chain = new Chain();
    for (const [index, [name, reinvocationPolicy]] of policies.entries()) {
      chain = chain.mutating(
        { ...applying(name === "" ? "Object{}" : traced(name)), reinvocationPolicy },
        {},
        `p${index}`,
      );
    }
    const { object } = await chain.run();
    expect(object?.metadata.annotations).toEqual({ trace });
  });

  test("does nothing to what is deleted", async () => {
    const spec = applying("Object{metadata: Object.metadata{labels: {'a': 'b'}}}");
    expect((await new Chain().mutating(spec).run({ operation: "DELETE", old: pod() })).verdict).toBe(
      "admitted",
    );
  });
});
