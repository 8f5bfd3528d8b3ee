import { expect, test } from "vitest";
import { StatusError } from "../../apimachinery/status.ts";
import { newUser } from "../authentication/users.ts";
import type { AuthorizationAttributes, Authorizer } from "../authorization/authorizer.ts";
import type { ApiRequest, Filter, RequestState } from "../endpoints/api-request.ts";
import type { UserInfo } from "../request-context.ts";
import { impersonation } from "./impersonation.ts";
import { requestInfo } from "./request-info.ts";

const jane = newUser("jane", ["dev"]);
const pods = "/api/v1/namespaces/default/pods";

/** `VERB RESOURCE[/SUBRESOURCE][.GROUP] NAME [in NAMESPACE]`: how a right is written here. */
const rightOf = (attributes: AuthorizationAttributes): string => {
  const { verb, resource, subresource, group, name, namespace } = attributes;
  const what = `${resource}${subresource === "" ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}`;
  const where = namespace === "" ? "" : `in ${namespace}`;
  return [verb, what, name, where].filter((word) => word !== "").join(" ");
};

interface Outcome {
  readonly user?: UserInfo;
  readonly constraint?: string;
  readonly code?: number;
  readonly message?: string;
}

const authorizerOf = (rights: readonly string[] | "all"): Authorizer => ({
  authorize: async (attributes) => ({
    decision: rights === "all" || rights.includes(rightOf(attributes)) ? "allow" : "noOpinion",
    reason: "",
  }),
  rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
});

/** Sends a request with the headers, each a name and its lines, as a user with these rights. */
async function act(
  headers: readonly (readonly [string, string])[],
  rights: readonly string[] | "all",
  requestor: UserInfo = jane,
  filter: Filter = impersonation(authorizerOf(rights)),
): Promise<Outcome> {
  const lines = (name: string) => headers.filter(([key]) => key === name).map(([, value]) => value);
  const request: ApiRequest = {
    method: "GET",
    path: pods,
    query: new URLSearchParams(),
    header: (name) => (lines(name).length === 0 ? undefined : lines(name).join(", ")),
    headerValues: lines,
    headerNames: () => [...new Set(headers.map(([name]) => name))],
    body: { type: "value", value: undefined },
    credentials: requestor,
    signal: new AbortController().signal,
    isInProcess: false,
  };
  const noted: { constraint?: string } = {};
  const state: RequestState = {
    request,
    info: requestInfo("GET", pods, request.query),
    user: requestor,
    signal: request.signal,
    narrowSignal: () => undefined,
    warnings: [],
    auditId: "",
  };
  const spied = new Proxy(state, {
    get: (target, key, receiver) =>
      key === "audit"
        ? { impersonate: (_user: UserInfo, constraint: string) => Object.assign(noted, { constraint }) }
        : Reflect.get(target, key, receiver),
  });
  try {
    await filter(spied, async () => ({ type: "upgraded", ended: Promise.resolve() }));
    return { user: spied.user, ...noted };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: error.code, message: error.message };
  }
}

const as = (name: string) => ["impersonate-user", name] as const;
const inGroup = (name: string) => ["impersonate-group", name] as const;

test("without headers everybody is who they are", async () => {
  expect(await act([], [])).toEqual({ user: jane });
});

test("the old right names each part of the user", async () => {
  const headers = [
    as("bob"),
    inGroup("a"),
    inGroup("b"),
    ["impersonate-uid", "7"],
    ["impersonate-extra-acme.com%2fproject", "x"],
  ] as const;
  const rights = [
    "impersonate users bob",
    "impersonate groups a",
    "impersonate groups b",
    "impersonate uids.authentication.k8s.io 7",
    "impersonate userextras/acme.com/project.authentication.k8s.io x",
  ];
  expect(await act(headers, rights)).toEqual({
    user: {
      name: "bob",
      uid: "7",
      groups: ["a", "b", "system:authenticated"],
      extra: { "acme.com/project": ["x"] },
    },
    constraint: "",
  });
  for (const missing of rights) {
    const outcome = await act(
      headers,
      rights.filter((right) => right !== missing),
    );
    expect(outcome.code).toBe(403);
  }
});

test("a refusal is that of the narrowest way that was open", async () => {
  expect(await act([as("bob")], [])).toEqual({
    code: 403,
    message:
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"',
  });
  expect(await act([as("bob")], ["impersonate-on:user-info:list pods in default"])).toEqual({
    code: 403,
    message:
      'users.authentication.k8s.io "bob" is forbidden: User "jane" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
  });
});

test("the way that allowed somebody last is tried first, and its refusal is told", async () => {
  const rights = ["impersonate users bob"];
  const filter = impersonation(authorizerOf(rights));
  const narrow = /cannot impersonate-on:user-info:list resource "pods"/;
  expect((await act([as("carl")], rights, jane, filter)).message).toMatch(narrow);
  expect((await act([as("bob")], rights, jane, filter)).user?.name).toBe("bob");
  expect((await act([as("carl")], rights, jane, filter)).message).toBe(
    'users "carl" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
  );
  expect((await act([as("carl")], rights, newUser("jim", []), filter)).message).toMatch(narrow);
});

test("names of groups may hold commas: a line of the header is a name", async () => {
  const group = "cn=ops,dc=example,system:masters";
  const { user } = await act(
    [as("bob"), inGroup(group)],
    ["impersonate users bob", `impersonate groups ${group}`],
  );
  expect(user?.groups).toEqual([group, "system:authenticated"]);
});

test("of two users the first counts, and is the one that is checked", async () => {
  expect((await act([as("bob"), as("root")], ["impersonate users bob"])).user?.name).toBe("bob");
  expect((await act([as("root"), as("bob")], ["impersonate users bob"])).code).toBe(403);
});

test.each([
  [
    "a group",
    [inGroup("system:masters")],
    'Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)',
  ],
  ["a uid", [["impersonate-uid", "7"] as const], 'UID:"7", Groups:[]string(nil)'],
  ["an extra", [["impersonate-extra-a", "b"] as const], 'Extra:map[string][]string{"a":[]string{"b"}}'],
])("%s without a user is a mistake", async (_what, headers, shown) => {
  const { code, message } = await act(headers, "all");
  expect(code).toBe(400);
  expect(message).toMatch(/^requested &user.DefaultInfo\{.*\} without impersonating a user name$/);
  expect(message).toContain(shown);
});

test.each([
  [
    "system:serviceaccount:ns:sa",
    ["system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"],
  ],
  ["system:anonymous", ["system:unauthenticated"]],
  ["bob", ["system:authenticated"]],
  // Not a valid account, hence a user of that name and no more.
  ["system:serviceaccount:ns:a:b", ["system:authenticated"]],
])("%s is in groups of its own", async (name, groups) => {
  expect((await act([as(name)], "all")).user?.groups).toEqual(groups);
});

test("groups that are asked for replace those of a service account", async () => {
  const { user } = await act(
    [as("system:serviceaccount:ns:sa"), inGroup("a")],
    ["impersonate serviceaccounts sa in ns", "impersonate groups a"],
  );
  expect(user?.groups).toEqual(["a", "system:authenticated"]);
});

const on = (mode: string) => `impersonate-on:${mode}:list pods in default`;
const api = "authentication.k8s.io";

test.each<[string, readonly (readonly [string, string])[], string[], string]>([
  [
    "a user",
    [as("bob"), inGroup("a")],
    [on("user-info"), `impersonate:user-info users.${api} bob`, `impersonate:user-info groups.${api} a`],
    "impersonate:user-info",
  ],
  [
    "a service account",
    [as("system:serviceaccount:ns:sa")],
    [on("serviceaccount"), `impersonate:serviceaccount serviceaccounts.${api} sa in ns`],
    "impersonate:serviceaccount",
  ],
  [
    "a node",
    [as("system:node:n1")],
    [on("arbitrary-node"), `impersonate:arbitrary-node nodes.${api} n1`],
    "impersonate:arbitrary-node",
  ],
])("bounded rights let one be %s for one verb", async (_what, headers, rights, constraint) => {
  expect((await act(headers, rights)).constraint).toBe(constraint);
  for (const missing of rights) {
    expect(
      (
        await act(
          headers,
          rights.filter((right) => right !== missing),
        )
      ).code,
    ).toBe(403);
  }
});

test("a bounded node is in the group of nodes", async () => {
  const rights = [on("arbitrary-node"), `impersonate:arbitrary-node nodes.${api} n1`];
  expect((await act([as("system:node:n1")], rights)).user?.groups).toEqual([
    "system:nodes",
    "system:authenticated",
  ]);
});

test("nodes and service accounts with groups of somebody's choice are not for bounded rights", async () => {
  for (const name of ["system:node:n1", "system:serviceaccount:ns:sa"]) {
    const rights = ["arbitrary-node", "serviceaccount", "user-info"].flatMap((mode) => [
      on(mode),
      `impersonate:${mode} users.${api} ${name}`,
      `impersonate:${mode} groups.${api} a`,
    ]);
    expect((await act([as(name), inGroup("a")], rights)).message).toMatch(/cannot impersonate resource/);
  }
});

test("a pod may be its own node, wherever it runs, and no other", async () => {
  const extra = { "authentication.kubernetes.io/node-name": ["n1"] };
  const agent = newUser("system:serviceaccount:ns:agent", [], { extra });
  const rights = [on("associated-node"), `impersonate:associated-node nodes.${api} *`];
  expect(await act([as("system:node:n1")], rights, agent)).toMatchObject({
    user: { name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] },
    constraint: "impersonate:associated-node",
  });
  expect((await act([as("system:node:n2")], rights, agent)).code).toBe(403);
  expect((await act([as("system:node:n1")], rights, { ...agent, name: "bob" })).code).toBe(403);
});

test.each([
  [[inGroup("system:masters")], "impersonating the system:masters group is not allowed"],
  [[inGroup("")], "impersonating the empty string group is not allowed"],
  [[["impersonate-extra-plain", "x"] as const], "impersonating an invalid key in extra is not allowed"],
])("bounded rights never cover %j", async (headers, why) => {
  const rights = [
    on("user-info"),
    `impersonate:user-info users.${api} bob`,
    `impersonate:user-info groups.${api} system:masters`,
    `impersonate:user-info groups.${api}`,
    `impersonate:user-info userextras/plain.${api} x`,
  ];
  expect((await act([as("bob"), ...headers], rights)).message).toContain(why);
});

test("one right for all groups saves asking for each of many", async () => {
  const groups = ["a", "b", "c", "d"].map(inGroup);
  const rights = [
    on("user-info"),
    `impersonate:user-info users.${api} bob`,
    `impersonate:user-info groups.${api} *`,
  ];
  expect((await act([as("bob"), ...groups], rights)).user?.groups).toHaveLength(5);
  expect((await act([as("bob"), ...groups.slice(1)], rights)).code).toBe(403);
});

test("what the request runs into is not taken for a refusal to be somebody", async () => {
  const authorizer: Authorizer = {
    authorize: async () => ({ decision: "allow", reason: "" }),
    rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
  };
  let calls = 0;
  const signal = new AbortController().signal;
  const request: ApiRequest = {
    method: "GET",
    path: pods,
    query: new URLSearchParams(),
    header: (name) => (name === "impersonate-user" ? "bob" : undefined),
    headerNames: () => ["impersonate-user"],
    body: { type: "value", value: undefined },
    credentials: jane,
    signal,
    isInProcess: false,
  };
  const info = requestInfo("GET", pods, request.query);
  const state: RequestState = {
    request,
    info,
    user: jane,
    signal,
    narrowSignal: () => undefined,
    warnings: [],
    auditId: "",
  };
  const filtered = impersonation(authorizer)(state, async () => {
    calls++;
    throw new TypeError("oh");
  });
  await expect(filtered).rejects.toThrow("oh");
  expect(calls).toBe(1);
});
