import { beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { LogOptions, NodeConnection } from "../../streaming/node-connection.ts";
import { failure, TestApi } from "../testing/api.ts";
import { listenForTest } from "../testing/https.ts";
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
    ["lost/log", {}, 404, 'nodes "n9" not found'],
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

describe("over a WebSocket", () => {
  async function messages(path: string, protocols: string[]): Promise<(string | Buffer)[]> {
    const server = await startTestServer({ nodes: { connection: () => node } });
    const containers = [{ name: "c", image: "x" }];
    await new TestApi(server.transport).post(pods, {
      metadata: { name: "bound" },
      spec: { nodeName: "n1", containers },
    });
    const https = await listenForTest(server.server, Date.parse("2026-01-01T00:00:00Z"));
    const socket = new WebSocket(`wss://127.0.0.1:${https.port}${path}`, protocols, {
      rejectUnauthorized: false,
      headers: { authorization: "Bearer admin" },
    });
    const received: (string | Buffer)[] = [];
    socket.on("message", (data: Buffer, isBinary) => received.push(isBinary ? data : data.toString()));
    try {
      await new Promise((resolve, reject) => socket.on("close", resolve).on("error", reject));
      return received;
    } finally {
      await https.close();
    }
  }

  test.each<[string[], (string | Buffer)[]]>([
    [[], ["", "one\n", "two\n"].map((line) => Buffer.from(line))],
    [["binary.k8s.io"], ["", "one\n", "two\n"].map((line) => Buffer.from(line))],
    [["base64.binary.k8s.io"], ["", "b25lCg==", "dHdvCg=="]],
  ])("with the protocols %j each piece is a message, after an empty one", async (protocols, expected) => {
    expect(await messages(`${pods}/bound/log`, protocols)).toEqual(expected);
  });

  test("protocols that nobody knows and pods that are not there are refused", async () => {
    await expect(messages(`${pods}/bound/log`, ["v9.example"])).rejects.toThrow("403");
    await expect(messages(`${pods}/nobody/log`, [])).rejects.toThrow("404");
  });
});
