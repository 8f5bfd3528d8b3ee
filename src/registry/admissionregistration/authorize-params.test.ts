import { beforeEach, describe, expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { isConflict } from "../../apimachinery/status.ts";
import { newUser } from "../../apiserver/authentication/users.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";
import { ApiServer } from "../../apiserver/server.ts";
import { failure } from "../../apiserver/testing/api.ts";
import { createPki } from "../../pki/index.ts";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { registryExtensions } from "../index.ts";
import { newSecurity } from "../security.ts";

const group = "admissionregistration.k8s.io";
const admin = newUser("admin", ["system:masters"]);
const alice = newUser("alice", ["dev"], { uid: "u7", extra: { scopes: ["a", "b"] } });
/** As Go prints her. */
const shown = "&{alice u7 [dev] map[scopes:[a b]]}";
let server: ApiServer;

// The expectations are what kube-apiserver 1.36.1 says.
beforeEach(async () => {
  const [clock, random] = [new VirtualClock(), new SeededRandom(7)];
  const security = newSecurity({ pki: createPki({ clock }), clock, random });
  server = new ApiServer({
    storage: new MemoryStorage(),
    scheme: builtinScheme(),
    clock,
    random,
    logger: silentLogger,
    security: security.open,
    extensions: [...registryExtensions({ serviceCidr: "10.96.0.0/16" }), ...security.extensions],
  });
  await server.start();
  await allow("writer", { apiGroups: [group], resources: ["*"], verbs: ["*"] });
});

/** Lets alice do it, everywhere. */
async function allow(name: string, rule: object): Promise<void> {
  const api = "/apis/rbac.authorization.k8s.io/v1";
  await send(admin, "POST", `${api}/clusterroles`, { metadata: { name }, rules: [rule] });
  await send(admin, "POST", `${api}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "User", name: "alice", apiGroup: "rbac.authorization.k8s.io" }],
  });
}

const send = async (
  user: UserInfo,
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: object,
): Promise<unknown> => (await server.inProcessTransport(user).request({ method, path, body })).body;

type Kind = "Validating" | "Mutating";
const policies = (kind: Kind): string => `/apis/${group}/v1/${kind.toLowerCase()}admissionpolicies`;
const bindings = (kind: Kind): string => `/apis/${group}/v1/${kind.toLowerCase()}admissionpolicybindings`;

const policy = (kind: Kind, paramKind?: object): object => ({
  apiVersion: `${group}/v1`,
  kind: `${kind}AdmissionPolicy`,
  metadata: { name: "p" },
  spec: {
    matchConstraints: {
      resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["pods"] }],
    },
    ...(paramKind === undefined ? {} : { paramKind }),
    ...(kind === "Validating"
      ? { validations: [{ expression: "true" }] }
      : {
          reinvocationPolicy: "Never",
          mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression: "Object{}" } }],
        }),
  },
});

const binding = (kind: Kind, spec: object): object => ({
  apiVersion: `${group}/v1`,
  kind: `${kind}AdmissionPolicyBinding`,
  metadata: { name: "b" },
  spec: { policyName: "p", ...(kind === "Validating" ? { validationActions: ["Deny"] } : {}), ...spec },
});

const configMaps = { apiVersion: "v1", kind: "ConfigMap" };
const nopes = { apiVersion: "x.example.com/v1", kind: "Nope" };
const readers = { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list"] };

/** Without what stands before and behind it in each of them. */
async function refusalOf(call: Promise<unknown>, field: string): Promise<string> {
  const { code, message = "", details } = await failure(call);
  expect([code, details?.causes?.map((cause) => cause.field)]).toEqual([422, [field]]);
  return message.slice(message.indexOf(`${field}: Forbidden: `) + field.length + 13);
}

describe.each<Kind>(["Validating", "Mutating"])("a %s policy", (kind) => {
  const write = (paramKind?: object): Promise<unknown> =>
    send(alice, "POST", policies(kind), policy(kind, paramKind));

  test.each([
    [configMaps, "kind=ConfigMap, apiVersion=v1"],
    [nopes, "kind=Nope, apiVersion=x.example.com/v1"],
  ])("with parameters %j is written by those who may read all of them", async (paramKind, named) => {
    expect(await refusalOf(write(paramKind), "spec.paramKind")).toBe(
      `user ${shown} must have "get" permission on all objects of the referenced paramKind (${named})`,
    );
    await allow("reader", { apiGroups: ["*"], resources: ["*"], verbs: ["get"] });
    expect(await write(paramKind)).toMatchObject({ metadata: { name: "p" } });
  });

  test("without parameters is written by whoever may", async () => {
    expect(await write()).toMatchObject({ metadata: { name: "p" } });
  });

  test("may be changed by others as long as its parameters stay", async () => {
    await send(admin, "POST", policies(kind), policy(kind, configMaps));
    const path = `${policies(kind)}/p`;
    const change = async (spec: object, labels: object): Promise<unknown> => {
      const live = (await send(admin, "GET", path)) as { metadata: object; spec: object };
      const changed = { ...live, metadata: { ...live.metadata, labels }, spec: { ...live.spec, ...spec } };
      // The server itself writes, once, what it thinks of the expressions.
      return await send(alice, "PUT", path, changed).catch((error: unknown) => {
        if (isConflict(error)) return change(spec, labels);
        throw error;
      });
    };
    expect(await refusalOf(change({ paramKind: nopes }, {}), "spec.paramKind")).toContain("(kind=Nope");
    expect(await change({}, { a: "b" })).toMatchObject({ metadata: { labels: { a: "b" } } });
  });
});

describe.each<Kind>(["Validating", "Mutating"])("a binding of a %s policy", (kind) => {
  const byName = { paramRef: { name: "x", namespace: "default", parameterNotFoundAction: "Deny" } };
  const bySelector = { paramRef: { selector: {}, parameterNotFoundAction: "Deny" } };
  const write = (spec: object): Promise<unknown> => send(alice, "POST", bindings(kind), binding(kind, spec));
  const forAll = (verb: string): string =>
    `to determine minimum required permissions and user ${shown} does not have "${verb}" permission for all groups, versions and resources`;
  // In messages about bindings of the one kind Kubernetes confuses the two.
  const lacks = (verb: string): string =>
    kind === "Validating"
      ? `user ${shown} does not have "${verb}" permission on the object referenced by paramRef`
      : `user ${verb} does not have "${shown}" permission on the object referenced by paramRef`;

  test("without parameters is written by whoever may", async () => {
    expect(await write({})).toMatchObject({ metadata: { name: "b" } });
  });

  test("to parameters is written by those who may read them", async () => {
    await send(admin, "POST", policies(kind), policy(kind, configMaps));
    expect(await refusalOf(write(byName), "spec.paramRef")).toBe(lacks("get"));
    expect(await refusalOf(write(bySelector), "spec.paramRef")).toBe(lacks("list"));
    await allow("reader", readers);
    expect(await write(byName)).toMatchObject({ metadata: { name: "b" } });
  });

  test("to a policy that is not there asks for everything", async () => {
    await allow("reader", readers);
    expect(await refusalOf(write(byName), "spec.paramRef")).toBe(`unable to get policy p ${forAll("get")}`);
  });

  test("to parameters of a kind that is not there asks for all of its group", async () => {
    await send(admin, "POST", policies(kind), policy(kind, nopes));
    expect(await refusalOf(write(byName), "spec.paramRef")).toBe(
      `unable to resolve paramKind &{x.example.com/v1 Nope} ${forAll("get")}`,
    );
  });

  test("that is wrong in other ways is refused for these alone", async () => {
    const { message } = await failure(write({ ...byName, policyName: "" }));
    expect(message).not.toContain("Forbidden");
  });
});
