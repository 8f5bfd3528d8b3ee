/** Lays side by side what mutating policies make of an object on both servers: which are asked, how often, in which order. */
import { setTimeout as wait } from "node:timers/promises";
import type { BothServers } from "./both-servers.ts";
import type { Answer, Ask } from "./send.ts";

const admission = "/apis/admissionregistration.k8s.io/v1";

interface PolicyShape {
  readonly name: string;
  readonly again: "IfNeeded" | "Never";
  /** Expressions of configurations to apply, or lists of patches. */
  readonly mutations: readonly string[];
  readonly conditions?: readonly string[];
  /** How many bindings there are. */
  readonly bindings?: number;
  readonly failurePolicy?: "Ignore" | "Fail";
}

/** Says in the data of a ConfigMap that it was here; what was said before stays. */
const trace = (name: string): string =>
  `Object{data: {'trace': (has(object.data) && 'trace' in object.data ? object.data.trace : '') + '${name}'}}`;
const same = "Object{data: {'kept': 'yes'}}";
const nothing = "Object{}";
const patchTrace = (name: string): string =>
  `[JSONPatch{op: 'add', path: '/data/trace', value: ('trace' in object.data ? object.data.trace : '') + '${name}'}]`;
const failing = "[JSONPatch{op: 'test', path: '/data/kept', value: 'never'}]";

const chains: readonly (readonly PolicyShape[])[] = [
  [{ name: "a", again: "IfNeeded", mutations: [trace("a")] }],
  [{ name: "a", again: "Never", mutations: [trace("a")] }],
  [
    { name: "a", again: "IfNeeded", mutations: [trace("a")] },
    { name: "b", again: "Never", mutations: [trace("b")] },
  ],
  [
    { name: "a", again: "Never", mutations: [trace("a")] },
    { name: "b", again: "IfNeeded", mutations: [trace("b")] },
  ],
  [
    { name: "a", again: "IfNeeded", mutations: [trace("a")] },
    { name: "b", again: "IfNeeded", mutations: [trace("b")] },
    { name: "c", again: "IfNeeded", mutations: [same] },
  ],
  [
    { name: "a", again: "IfNeeded", mutations: [trace("a")] },
    { name: "b", again: "Never", mutations: [nothing] },
  ],
  [
    { name: "a", again: "IfNeeded", mutations: [same] },
    { name: "b", again: "IfNeeded", mutations: [same] },
  ],
  [{ name: "a", again: "IfNeeded", mutations: [trace("a"), trace("A")] }],
  [{ name: "a", again: "IfNeeded", mutations: [trace("a")], bindings: 2 }],
  [{ name: "a", again: "IfNeeded", mutations: [patchTrace("a")] }],
  [
    { name: "a", again: "IfNeeded", mutations: [patchTrace("a")], failurePolicy: "Ignore" },
    { name: "b", again: "Never", mutations: [failing] },
  ],
  [{ name: "a", again: "IfNeeded", mutations: [trace("a")], conditions: ["!has(object.data)"] }],
  [{ name: "a", again: "IfNeeded", mutations: [trace("a")], conditions: ["has(object.data)"] }],
];

const objects: readonly object[] = [
  {},
  { data: {} },
  { data: { kept: "yes" } },
  { data: null },
  { data: { trace: "-" }, metadata: { labels: {} } },
];

const post = (path: string, body: object): Ask => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** Each chain of policies is in force by itself; objects are made as dry runs. */
export async function compareMutatingPolicies(both: BothServers, wanted: RegExp): Promise<void> {
  if (!wanted.test("policies")) return;
  for (const [serial, chain] of chains.entries()) {
    const label = `policies ${chain.map(({ name, again }) => `${name} ${again}`).join(", ")} (${serial})`;
    const made: string[] = [];
    for (const [order, shape] of chain.entries()) {
      const name = `${order}-${shape.name}.example.com`;
      made.push(`${admission}/mutatingadmissionpolicies/${name}`);
      await both.ask(post(`${admission}/mutatingadmissionpolicies`, policyOf(name, shape)));
      for (let binding = 0; binding < (shape.bindings ?? 1); binding++) {
        const bindingName = `${name}-${binding}`;
        made.push(`${admission}/mutatingadmissionpolicybindings/${bindingName}`);
        const body = {
          apiVersion: "admissionregistration.k8s.io/v1",
          kind: "MutatingAdmissionPolicyBinding",
          metadata: { name: bindingName },
          spec: { policyName: name },
        };
        await both.ask(post(`${admission}/mutatingadmissionpolicybindings`, body));
      }
    }
    // Kubernetes looks for changes of policies once a second.
    await wait(3_000);
    for (const object of objects) {
      const body = {
        apiVersion: "v1",
        kind: "ConfigMap",
        ...object,
        metadata: { name: "traced", ...("metadata" in object ? Object(object.metadata) : {}) },
      };
      const path = "/api/v1/namespaces/default/configmaps?dryRun=All";
      const asked = `${label} of ${JSON.stringify(object)}`;
      const [theirs, ours] = await both.ask(post(path, body));
      both.asked++;
      both.note(asked, asked, said(theirs), said(ours));
    }
    for (const path of made.reverse()) await both.ask({ method: "DELETE", path });
  }
}

/** How often each policy was there; Kubernetes asks them in an order of chance, ours in that of their names. */
function said({ code, body }: Answer): string {
  const text = body.toString();
  const trace = /"trace":"([^"]*)"/.exec(text)?.[1];
  return code < 300 ? `${code} ${(trace ?? "").split("").sort().join("")}` : `${code} ${text}`;
}

function policyOf(name: string, { again, mutations, conditions = [], failurePolicy }: PolicyShape): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: failurePolicy ?? "Fail",
      reinvocationPolicy: again,
      matchConstraints: {
        resourceRules: [
          { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] },
        ],
      },
      matchConditions: conditions.map((expression, index) => ({ name: `c${index}`, expression })),
      mutations: mutations.map((expression) =>
        expression.startsWith("[")
          ? { patchType: "JSONPatch", jsonPatch: { expression } }
          : { patchType: "ApplyConfiguration", applyConfiguration: { expression } },
      ),
    },
  };
}
