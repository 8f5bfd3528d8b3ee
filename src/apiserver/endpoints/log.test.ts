import { beforeEach, describe, expect, test } from "vitest";
import type { LogOptions, NodeConnection } from "../../streaming/node-connection.ts";
import { failure, TestApi } from "../testing/api.ts";
import { startTestServer } from "../testing/test-server.ts";

const pods = "/api/v1/namespaces/default/pods";
let api: TestApi;
let asked: unknown[];

const node: NodeConnection = {
  async logs(target, options: LogOptions) {
    asked.push({ ...target, podUid: "", options });
    return (async function* () {
      yield Buffer.from("one\n");
      yield Buffer.from("two\n");
    })();
  },
  exec: () => Promise.reject(new Error("unused")),
  attach: () => Promise.reject(new Error("unused")),
  portForward: () => Promise.reject(new Error("unused")),
};

beforeEach(async () => {
  asked = [];
  const nodes = { connection: (name: string) => (name === "n1" ? node : undefined) };
  api = new TestApi((await startTestServer({ nodes })).transport);
  const containers = [{ name: "c", image: "x" }];
  await api.post(pods, { metadata: { name: "bound" }, spec: { nodeName: "n1", containers } });
  await api.post(pods, { metadata: { name: "unbound" }, spec: { containers } });
  await api.post(pods, { metadata: { name: "lost" }, spec: { nodeName: "n9", containers } });
  const two = [...containers, { name: "d", image: "x" }];
  const initContainers = [{ name: "i", image: "x" }];
  await api.post(pods, {
    metadata: { name: "many" },
    spec: { nodeName: "n1", containers: two, initContainers },
  });
});

const read = async (path: string, query: Record<string, string> = {}): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await api.transport.stream({ method: "GET", path, query })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
};

test("the log comes from the pod's node", async () => {
  expect(await read(`${pods}/bound/log`, { tailLines: "5", follow: "true", timestamps: "1" })).toBe(
    "one\ntwo\n",
  );
  expect(asked).toEqual([
    {
      namespace: "default",
      pod: "bound",
      podUid: "",
      container: "c",
      options: { follow: true, previous: false, timestamps: true, tailLines: 5 },
    },
  ]);
});

test("a pod without a node has an empty log", async () => {
  expect(await read(`${pods}/unbound/log`)).toBe("");
});

describe("is refused", () => {
  test.each([
    [
      "many/log",
      {},
      400,
      "a container name must be specified for pod many, choose one of: [c d] or one of the init containers: [i]",
    ],
    ["many/log", { container: "z" }, 400, "container z is not valid for pod many"],
    ["lost/log", {}, 503, 'the node "n9" is not connected'],
    ["none/log", {}, 404, 'pods "none" not found'],
    [
      "bound/log",
      { tailLines: "-1" },
      422,
      'PodLogOptions "bound" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
  ])("%s %j", async (path, query, code, message) => {
    expect(await failure(read(`${pods}/${path}`, query as Record<string, string>))).toMatchObject({
      code,
      message,
    });
  });
});
