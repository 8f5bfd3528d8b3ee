/** Load on a server and what it costs: workers that repeat an operation, objects to write, and a plain server beside. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BenchCluster } from "./bench-cluster.ts";
import { median, quantile } from "./figures.ts";
import { cpuNanoseconds } from "./processes.ts";
import { RawClient, type RawEndpoint } from "./raw-client.ts";

export const configMaps = "/api/v1/namespaces/default/configmaps";
export const pods = "/api/v1/namespaces/default/pods";

/** As much as a small pod has. */
const payload = "x".repeat(1800);
let serial = 0;

/** A number that no other object of this run has. */
export const nextSerial = (): number => serial++;

export function newConfigMap(name = `bench-${nextSerial()}`): string {
  const metadata = { name, namespace: "default" };
  return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { payload } });
}

/** Nobody schedules it: what is measured is the API. */
export function newPod(): string {
  const metadata = {
    name: `bench-${nextSerial()}`,
    namespace: "default",
    labels: { app: "bench", tier: "none" },
  };
  const container = {
    name: "main",
    image: "registry.example.com/team/app:1.2.3",
    ports: [{ containerPort: 8080 }],
    env: [{ name: "MODE", value: "production" }],
    resources: { requests: { cpu: "100m", memory: "64Mi" } },
  };
  const spec = { schedulerName: "none", containers: [container] };
  return JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata, spec });
}

export interface Speed {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the process that served, per operation: unlike speed, hardly touched by what else the machine does. */
  readonly cpuMicros: number;
}

/** Lets each worker repeat its operation for the time given. */
export async function measure(
  workers: readonly (() => Promise<unknown>)[],
  forMs: number,
  pid: number,
): Promise<Speed> {
  const latenciesMs: number[] = [];
  const cpuBefore = cpuNanoseconds(pid);
  const startedMs = performance.now();
  await Promise.all(
    workers.map(async (work) => {
      while (performance.now() - startedMs < forMs) {
        const beforeMs = performance.now();
        await work();
        latenciesMs.push(performance.now() - beforeMs);
      }
    }),
  );
  return {
    perSecond: (latenciesMs.length / (performance.now() - startedMs)) * 1000,
    p50Ms: median(latenciesMs),
    p99Ms: quantile(latenciesMs, 0.99),
    cpuMicros: (cpuNanoseconds(pid) - cpuBefore) / 1000 / latenciesMs.length,
  };
}

/** Asks and answers with the size of the body; an answer that is no success is an error. */
export async function ask(
  client: RawClient,
  method: string,
  path: string,
  body?: string,
  contentType?: string,
): Promise<number> {
  const { status, bodyBytes } = await client.request(method, path, body, contentType);
  if (status >= 300) throw new Error(`${method} ${path}: ${status}`);
  return bodyBytes;
}

export function endpointOf(cluster: BenchCluster): RawEndpoint {
  const { server, ca = "", clientCertificate = "", clientKey = "" } = cluster.credentials().transport;
  const { hostname, port } = new URL(server);
  return { host: hostname, port: Number(port), ca, cert: clientCertificate, key: clientKey };
}

/** Opens connections in small groups: a server's backlog is finite. */
export async function openClients(endpoint: RawEndpoint, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const group = Array.from({ length: Math.min(50, count - clients.length) }, () =>
      RawClient.open(endpoint),
    );
    clients.push(...(await Promise.all(group)));
  }
  return clients;
}

/** Creates so many pods, some at a time. */
export async function fillPods(endpoint: RawEndpoint, count: number): Promise<void> {
  const clients = await openClients(endpoint, 32);
  let left = count;
  await Promise.all(
    clients.map(async (client) => {
      while (left-- > 0) await ask(client, "POST", pods, newPod());
    }),
  );
  for (const client of clients) client.close();
}

export interface PlainServer {
  readonly child: ChildProcess;
  readonly endpoint: RawEndpoint;
}

/** Starts the yardstick: a process that only writes bytes to TLS sockets. */
export async function startPlainServer(
  cluster: BenchCluster,
  blobBytes: number,
  lineBytes: number,
): Promise<PlainServer> {
  const endpoint = endpointOf(cluster);
  const files = [join(cluster.home, "plain.key"), join(cluster.home, "plain.crt")];
  writeFileSync(files[0] ?? "", endpoint.key);
  writeFileSync(files[1] ?? "", endpoint.cert);
  const sizes = [String(blobBytes), String(lineBytes)];
  const child = fork(join(import.meta.dirname, "plain-server.ts"), [...files, ...sizes], {
    execPath: cluster.node,
  });
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  return { child, endpoint: { ...endpoint, port, anyServer: true } };
}
