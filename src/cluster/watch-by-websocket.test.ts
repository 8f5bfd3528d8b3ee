import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { loadKubeconfig, resolveContext } from "../client/kubeconfig.ts";
import { resources } from "../client/resources.ts";
import { createCluster } from "./library/create-cluster.ts";
import type { EmbeddedCluster } from "./library/embedded-cluster.ts";

/** Browsers watch like this, and clients of Java. */
describe("a watch over a WebSocket", () => {
  let cluster: EmbeddedCluster;
  beforeAll(async () => {
    cluster = await createCluster({ nodes: 0, controllers: "none" });
  });
  afterAll(() => cluster.close());

  const configMap = (name: string) => ({
    apiVersion: "v1" as const,
    kind: "ConfigMap" as const,
    metadata: { name, namespace: "default" },
    data: { lines: "one\ntwo\n" },
  });

  async function open(
    query: string,
    accept = "application/json",
  ): Promise<{ socket: WebSocket; next: () => Promise<Buffer> }> {
    const { transport } = resolveContext(loadKubeconfig([await cluster.kubeconfig()]));
    const { server, ca, clientCertificate: cert, clientKey: key } = transport;
    const url = `${server.replace("https:", "wss:")}/api/v1/namespaces/default/configmaps?watch=true&${query}`;
    const socket = new WebSocket(url, { ca, cert, key, headers: { accept, origin: server } });
    const waiting: Buffer[] = [];
    const takers: ((message: Buffer) => void)[] = [];
    socket.on("message", (data: Buffer, isBinary) => {
      expect(isBinary).toBe(accept.includes("protobuf"));
      const taker = takers.shift();
      if (taker === undefined) waiting.push(data);
      else taker(data);
    });
    await once(socket, "open");
    const next = (): Promise<Buffer> =>
      new Promise((resolve) => {
        const first = waiting.shift();
        if (first === undefined) takers.push(resolve);
        else resolve(first);
      });
    return { socket, next };
  }

  it("has a message for each event, of what is there and of what comes", async () => {
    const maps = cluster.client.resource(resources.configmaps);
    await maps.create(configMap("a"));
    await maps.create(configMap("b"));
    const { socket, next } = await open("");
    const event = async (): Promise<unknown> => JSON.parse((await next()).toString());
    expect([await event(), await event()]).toMatchObject([
      { type: "ADDED", object: { metadata: { name: "a" } } },
      { type: "ADDED", object: { metadata: { name: "b" }, data: { lines: "one\ntwo\n" } } },
    ]);
    await maps.delete("a", { namespace: "default" });
    expect(await event()).toMatchObject({ type: "DELETED", object: { metadata: { name: "a" } } });
    socket.close();
    await once(socket, "close");
  });

  it("has messages of protobuf for who asks for them", async () => {
    await cluster.client.resource(resources.configmaps).create(configMap("c"));
    const { socket, next } = await open(
      "fieldSelector=metadata.name%3Dc",
      "application/vnd.kubernetes.protobuf",
    );
    // A WatchEvent: field 1 is its type.
    expect((await next()).subarray(0, 7)).toEqual(Buffer.from([0x0a, 5, ...Buffer.from("ADDED")]));
    socket.terminate();
  });

  it("ends when its time is over", async () => {
    const { socket } = await open("timeoutSeconds=1");
    const [code] = await once(socket, "close");
    expect(code).toBe(1000);
  });
});
