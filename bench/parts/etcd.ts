/** etcd (Debian's etcd-server) as a yardstick: one member on loopback, spoken to over gRPC as kube-apiserver does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

export interface Etcd {
  readonly pid: number;
  put(key: string, value: Uint8Array): Promise<void>;
  stop(): Promise<void>;
}

/** Starts etcd with its data in the folder; undefined when it is not installed. */
export async function startEtcd(folder: string): Promise<Etcd | undefined> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child = spawn(
    "etcd",
    [
      ["--data-dir", join(folder, "etcd"), "--log-level", "error"],
      ["--listen-client-urls", client, "--advertise-client-urls", client],
      ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ["--initial-cluster", `default=${peer}`],
    ].flat(),
    { stdio: "ignore" },
  );
  const failed = new Promise<true>((resolve) => {
    child.once("error", () => resolve(true));
  });
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await Promise.race([failed, wait(100).then(() => false)])) return undefined;
    const healthy = await fetch(`${client}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (!healthy) continue;
    const session = connectHttp2(client);
    return {
      pid: child.pid ?? 0,
      put: (key, value) => put(session, key, value),
      async stop() {
        session.close();
        child.kill();
        await once(child, "exit");
      },
    };
  }
  throw new Error("etcd did not become healthy within 10 s");
}

/** A put over gRPC: etcdserverpb.PutRequest is { 1: key, 2: value }. */
function put(session: ClientHttp2Session, key: string, value: Uint8Array): Promise<void> {
  const message = Buffer.concat([field(1, Buffer.from(key)), field(2, value)]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: "/etcdserverpb.KV/Put",
    [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
    te: "trailers",
  });
  stream.end(Buffer.concat([head, message]));
  return new Promise((resolve, reject) => {
    stream.on("trailers", (trailers) => {
      if (trailers["grpc-status"] === "0") resolve();
      else reject(new Error(`etcd: ${trailers["grpc-message"]}`));
    });
    stream.on("error", reject);
    stream.resume();
  });
}

/** A length-delimited protobuf field; lengths here stay below 2^14. */
function field(number: number, bytes: Uint8Array): Buffer {
  const { length } = bytes;
  const size = length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), bytes]);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
