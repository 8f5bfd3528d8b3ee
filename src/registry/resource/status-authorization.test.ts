import { beforeEach, expect, test } from "vitest";
import type { ResourceClaim } from "../../api/types/resource-v1.ts";
import type { AuthorizationAttributes, Authorizer } from "../../apiserver/authorization/authorizer.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";
import { failure, TestApi } from "../../apiserver/testing/api.ts";
import { openSecurity } from "../../apiserver/testing/test-server.ts";
import { startRegistryServer } from "../testing/registry-server.ts";

const account = (name: string, node?: string): UserInfo => ({
  name: `system:serviceaccount:default:${name}`,
  uid: "",
  groups: [],
  extra: node === undefined ? {} : { "authentication.kubernetes.io/node-name": [node] },
});

/** What is allowed of the subresources that exist for roles alone; everything else is. */
let allowed: string[] = [];
const authorizer: Authorizer = {
  authorize: ({ user, verb, subresource, namespace, name }: AuthorizationAttributes) => {
    const isOpen = subresource !== "binding" && subresource !== "driver";
    const asked = `${user.name.split(":").at(-1)} ${verb} ${subresource} ${namespace}/${name}`;
    return { decision: isOpen || allowed.includes(asked) ? "allow" : "noOpinion", reason: "" };
  },
  rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
};

const claims = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims";
const result = (driver: string) => ({ request: "r", driver, pool: "p", device: "d" });
const allocation = {
  devices: { results: [result("a.example.com"), result("b.example.com")] },
  nodeSelector: {
    nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }],
  },
};
const device = (driver: string) => ({ driver, pool: "p", device: "d", data: { of: driver } });

async function start() {
  const { server, api } = await startRegistryServer({
    security: () => ({ ...openSecurity(), authorizer }),
  });
  await api.post(claims, {
    apiVersion: "resource.k8s.io/v1",
    kind: "ResourceClaim",
    metadata: { name: "c", namespace: "default" },
    spec: { devices: { requests: [{ name: "r", exactly: { deviceClassName: "x" } }] } },
  });
  const as = (user: UserInfo): TestApi => new TestApi(server.inProcessTransport(user));
  const write = async (user: UserInfo, status: ResourceClaim["status"]): Promise<unknown> => {
    const claim = await as(user).get(`${claims}/c`);
    return as(user).put(`${claims}/c/status`, { ...claim, status });
  };
  return { write };
}

beforeEach(() => {
  allowed = ["scheduler update binding /"];
});

test("what is allocated is written by those who may bind claims", async () => {
  const { write } = await start();
  const { code, message } = await failure(write(account("driver"), { allocation }));
  expect(code).toBe(422);
  expect(message).toBe(
    'ResourceClaim.resource.k8s.io "c" is invalid: status.allocation: Forbidden: changing status.allocation or ' +
      'status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: ' +
      'resourceclaims.resource.k8s.io is forbidden: User "system:serviceaccount:default:driver" cannot update ' +
      'resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
  );
  await write(account("scheduler"), { allocation });
});

test("a driver tells of its own devices, on its own node", async () => {
  const { write } = await start();
  await write(account("scheduler"), { allocation });
  allowed.push("a associated-node:update driver default/a.example.com");
  const status = { allocation, devices: [device("a.example.com")] };
  const elsewhere = (await failure(write(account("a", "n2"), status))).message;
  expect(elsewhere).toContain(
    'verb="[arbitrary-node:update]" permission: resourceclaims.resource.k8s.io "a.exam',
  );
  await write(account("a", "n1"), status);
  const both = { allocation, devices: [device("a.example.com"), device("b.example.com")] };
  expect((await failure(write(account("a", "n1"), both))).message).toContain(
    'status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", ' +
      'verb="[associated-node:update arbitrary-node:update]" permission: resourceclaims.resource.k8s.io ' +
      '"b.example.com" is forbidden: User "system:serviceaccount:default:a" cannot associated-node:update resource ' +
      '"resourceclaims/driver" in API group "resource.k8s.io" in the namespace "default"',
  );
});

test("a driver of any node may tell of devices everywhere, and nobody else may take it back", async () => {
  const { write } = await start();
  await write(account("scheduler"), { allocation });
  allowed.push("b arbitrary-node:update driver default/b.example.com");
  await write(account("b"), { allocation, devices: [device("b.example.com")] });
  expect((await failure(write(account("a", "n1"), { allocation }))).message).toContain(
    "status.devices: Forbidden",
  );
  // Who takes the allocation away takes with it what was told.
  await write(account("scheduler"), {});
});
