import { beforeAll, describe, expect, test } from "vitest";
import { StatusError } from "../../apimachinery/status.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import { startTestServer } from "../testing/test-server.ts";

/** Patches whose result is none of its kind, and what kube-apiserver 1.36.1 says of them. */
let transport: Transport;

const deployment = "/apis/apps/v1/namespaces/default/deployments/d";
const secret = "/api/v1/namespaces/default/secrets/s";

beforeAll(async () => {
  ({ transport } = await startTestServer());
  const create = (path: string, body: object): Promise<unknown> =>
    transport.request({ method: "POST", path, body });
  await create("/api/v1/namespaces", { metadata: { name: "default" } });
  await create("/api/v1/namespaces/default/secrets", { metadata: { name: "s" }, data: { a: "YQ==" } });
  await create("/apis/apps/v1/namespaces/default/deployments", {
    metadata: { name: "d" },
    spec: {
      selector: { matchLabels: { a: "b" } },
      template: {
        metadata: { labels: { a: "b" } },
        spec: { containers: [{ name: "c", image: "x" }] },
      },
    },
  });
});

async function refusal(path: string, body: unknown): Promise<string> {
  try {
    await transport.request({
      method: "PATCH",
      path,
      body,
      contentType: "application/strategic-merge-patch+json",
    });
    return "accepted";
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return error.message;
  }
}

const container = (more: object): object => ({
  spec: { template: { spec: { containers: [{ name: "c", ...more }] } } },
});
const quantity =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

describe("a strategic merge patch with values of the wrong type", () => {
  test.each([
    [{ metadata: { labels: "x" } }, "map[metadata:map[labels:x]]", "cannot restore map from string"],
    [{ metadata: { labels: ["x"] } }, "map[metadata:map[labels:[x]]]", "cannot restore map from slice"],
    [
      { metadata: { labels: { a: 1 } } },
      "map[metadata:map[labels:map[a:1]]]",
      "cannot convert int64 to string",
    ],
    [
      { metadata: { labels: { a: 1.5 } } },
      "map[metadata:map[labels:map[a:1.5]]]",
      "unrecognized type: string",
    ],
    [
      { metadata: { finalizers: {} } },
      "map[metadata:map[finalizers:map[]]]",
      "cannot restore slice from map",
    ],
    [
      { metadata: { finalizers: [1] } },
      "map[metadata:map[finalizers:[1]]]",
      "cannot convert int64 to string",
    ],
    [{ metadata: "x" }, "map[metadata:x]", "cannot restore struct from: string"],
    [{ spec: [1] }, "map[spec:[1]]", "cannot restore struct from: slice"],
    [{ spec: 5 }, "map[spec:5]", "cannot restore struct from: int64"],
    [{ spec: true }, "map[spec:true]", "cannot restore struct from: bool"],
    [{ spec: 1.5 }, "map[spec:1.5]", "cannot restore struct from: float64"],
    [{ spec: { replicas: "3" } }, "map[spec:map[replicas:3]]", "unrecognized type: int32"],
    [{ spec: { replicas: 1.5 } }, "map[spec:map[replicas:1.5]]", "cannot convert float64 to int32"],
    [{ spec: { paused: "yes" } }, "map[spec:map[paused:yes]]", "unrecognized type: bool"],
    [
      { metadata: { creationTimestamp: 5 } },
      "map[metadata:map[creationTimestamp:5]]",
      "json: cannot unmarshal number into Go value of type string",
    ],
    [
      { spec: { strategy: { rollingUpdate: { maxSurge: true } } } },
      "map[spec:map[strategy:map[rollingUpdate:map[maxSurge:true]]]]",
      "json: cannot unmarshal bool into Go value of type int32",
    ],
    [
      container({ resources: { limits: { cpu: true } } }),
      "map[spec:map[template:map[spec:map[containers:[map[name:c resources:map[limits:map[cpu:true]]]]]]]]",
      quantity,
    ],
    [
      container({ env: { a: "b" } }),
      "map[spec:map[template:map[spec:map[containers:[map[env:map[a:b] name:c]]]]]]",
      "cannot restore slice from map",
    ],
    [
      { metadata: { generation: "x", labels: "y" }, spec: "z" },
      "map[metadata:map[generation:x labels:y] spec:z]",
      "unrecognized type: int64",
    ],
  ])("%j", async (body, shown, why) => {
    expect(await refusal(deployment, body)).toBe(` "" is invalid: patch: Invalid value: "${shown}": ${why}`);
  });

  test.each([
    [{ data: { a: 5 } }, "map[data:map[a:5]]", "cannot restore slice from int64"],
    [
      { data: { a: "!!" } },
      "map[data:map[a:!!]]",
      "error decoding from json: illegal base64 data at input byte 0",
    ],
    [{ data: { a: ["x"] } }, "map[data:map[a:[x]]]", "unrecognized type: uint8"],
    [{ kind: 5 }, "map[kind:5]", "cannot convert int64 to string"],
  ])("%j of a secret", async (body, shown, why) => {
    expect(await refusal(secret, body)).toBe(` "" is invalid: patch: Invalid value: "${shown}": ${why}`);
  });
});

test("a strategic merge patch keeps of a number that is too large what fits", async () => {
  expect(await refusal(deployment, { spec: { replicas: 3_000_000_000 } })).toBe(
    'Deployment.apps "d" is invalid: spec.replicas: Invalid value: -1294967296: must be greater than or equal to 0',
  );
});

test.each([
  [
    "application/json-patch+json",
    {},
    "json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
  ],
  [
    "application/merge-patch+json",
    [],
    "json: cannot unmarshal array into Go value of type map[string]interface {}",
  ],
])("a %s that is none is told when there is an object to change", async (contentType, body, why) => {
  const patch = (path: string): Promise<unknown> =>
    transport.request({ method: "PATCH", path, body, contentType });
  await expect(patch(secret)).rejects.toThrow(`error decoding patch: ${why}`);
  await expect(patch(`${secret}-none`)).rejects.toThrow('secrets "s-none" not found');
});
