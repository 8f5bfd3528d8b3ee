/**
 * What a flood from one user does to the traffic that keeps a cluster alive: leases of a node, leader election of the
 * controller manager, an administrator's reads, each over connections of their own, before, during and after a thousand
 * connections of one user ask as fast as they are answered. Prints rates, refusals, latencies and the server's memory.
 *
 *   npm run bench -- flood [--connections 1000] [--seconds 10] [--pods 2000] [--kind mixed|lists] [--program FOLDER]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CertificateAuthority } from "../src/pki/index.ts";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { type Figure, median, quantile, report } from "./parts/figures.ts";
import type { FloodReport } from "./parts/flooder.ts";
import { busyNote, cpuNanoseconds, memoryOf } from "./parts/processes.ts";
import { RawClient, type RawEndpoint } from "./parts/raw-client.ts";

const { values: options } = parseArgs({
  options: {
    connections: { type: "string", default: "1000" },
    seconds: { type: "string", default: "10" },
    pods: { type: "string", default: "2000" },
    kind: { type: "string", default: "mixed" },
    program: { type: "string", default: repository },
  },
});
const durationMs = Number(options.seconds) * 1000;

/** How often each of the cluster's own parts asks. */
const intervalMs = 25;

interface Part {
  readonly name: string;
  readonly client: RawClient;
  readonly ask: (client: RawClient) => Promise<{ status: number }>;
}

interface Seen {
  readonly latenciesMs: number[];
  readonly failures: number[];
}

const now = (): string => new Date().toISOString().replace("Z", "000Z");
const renewal = (): string => JSON.stringify({ spec: { renewTime: now() } });

const lease = (namespace: string, name: string, holder: string): string =>
  JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  });

/** Lets a part of the cluster ask at its pace. */
async function pace({ client, ask }: Part, forMs: number): Promise<Seen> {
  const latenciesMs: number[] = [];
  const failures: number[] = [];
  const startedMs = performance.now();
  for (let turn = 0; turn * intervalMs < forMs; turn++) {
    const dueMs = startedMs + turn * intervalMs;
    if (performance.now() < dueMs) await sleep(dueMs - performance.now());
    const sentMs = performance.now();
    const { status } = await ask(client);
    if (status >= 300) failures.push(status);
    latenciesMs.push(performance.now() - sentMs);
  }
  return { latenciesMs, failures };
}

async function systemTraffic(parts: readonly Part[], forMs: number): Promise<Map<string, Seen>> {
  const seen = await Promise.all(parts.map(async (part) => [part.name, await pace(part, forMs)] as const));
  return new Map(seen);
}

async function connected(endpoint: RawEndpoint): Promise<ChildProcess> {
  const child = fork(
    join(import.meta.dirname, "parts/flooder.ts"),
    [JSON.stringify(endpoint), options.connections, options.kind],
    { execPath: cluster.node, execArgv: ["--disable-warning=ExperimentalWarning"] },
  );
  await once(child, "message");
  return child;
}

async function ended(child: ChildProcess): Promise<never> {
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  throw new Error(`the flooding process ended with ${code ?? signal}`);
}

async function must(client: RawClient, method: string, path: string, body: string): Promise<void> {
  const { status } = await client.request(method, path, body);
  if (status >= 300 && status !== 409) throw new Error(`${method} ${path}: ${status}`);
}

const cluster = new BenchCluster({ program: options.program, runtime: "simulated" });
try {
  await cluster.up();
  const { transport } = cluster.credentials();
  const { hostname: host, port } = new URL(transport.server);
  const pkiFile = (name: string): string => readFileSync(join(cluster.directory, "pki", name), "utf8");
  const authority = CertificateAuthority.load({ certificate: pkiFile("ca.crt"), key: pkiFile("ca.key") });
  const as = (commonName: string, ...organizations: string[]): RawEndpoint => {
    const { certificate, key } = authority.issueClient({ commonName, organizations }, Date.now());
    return { host, port: Number(port), ca: pkiFile("ca.crt"), cert: certificate, key };
  };
  const admin = await RawClient.open(as("admin", "system:masters"));
  await must(admin, "POST", "/api/v1/namespaces", JSON.stringify({ metadata: { name: "flood" } }));
  await must(
    admin,
    "POST",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    JSON.stringify({
      metadata: { name: "flood" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "flooder" }],
    }),
  );
  const containers = [
    { name: "main", image: "example.com/app:1", env: [{ name: "X", value: "x".repeat(1_000) }] },
  ];
  for (let index = 0; index < Number(options.pods); index++) {
    const spec = { schedulerName: "none", containers };
    await must(
      admin,
      "POST",
      "/api/v1/namespaces/flood/pods",
      JSON.stringify({ metadata: { name: `p-${index}` }, spec }),
    );
  }
  const nodeLease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const leaderLease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
  await must(admin, "POST", nodeLease, lease("kube-node-lease", "bench", "bench"));
  await must(admin, "POST", leaderLease, lease("kube-system", "bench", "bench"));
  const parts: Part[] = [
    {
      name: "lease of a node",
      client: await RawClient.open(as("system:node:bench", "system:nodes")),
      ask: (client) =>
        client.request("PATCH", `${nodeLease}/bench`, renewal(), "application/merge-patch+json"),
    },
    {
      name: "leader election",
      client: await RawClient.open(as("system:kube-controller-manager")),
      ask: (client) => client.request("GET", `${leaderLease}/bench`),
    },
    {
      name: "administrator",
      client: admin,
      ask: (client) => client.request("GET", "/api/v1/namespaces/flood"),
    },
  ];
  const pid = cluster.serverPid;
  const restMb = memoryOf(pid).residentMb;
  const before = await systemTraffic(parts, durationMs / 2);

  const flood = await connected(as("flooder"));
  let peakMb = 0;
  const watch = setInterval(() => (peakMb = Math.max(peakMb, memoryOf(pid).residentMb)), 100);
  flood.send("begin");
  await sleep(500);
  const cpuBefore = cpuNanoseconds(pid);
  const floodStartMs = performance.now();
  const during = await systemTraffic(parts, durationMs);
  const floodMs = performance.now() - floodStartMs;
  const cpuPart = (cpuNanoseconds(pid) - cpuBefore) / 1e6 / floodMs;
  flood.send("report");
  const [counted] = (await Promise.race([once(flood, "message"), ended(flood)])) as [FloodReport];
  flood.disconnect();
  await once(flood, "exit");
  await sleep(1_000);
  const peakAtEndMb = peakMb;
  const after = await systemTraffic(parts, durationMs / 2);
  clearInterval(watch);
  // A quiet server gives back what the flood left.
  await sleep(10_000);
  const endMb = memoryOf(pid).residentMb;

  const perSecond = (test: (status: number) => boolean): number =>
    Object.entries(counted.answers).reduce((sum, [status, n]) => sum + (test(Number(status)) ? n : 0), 0) /
    ((floodMs + 500) / 1000);
  const figures: Figure[] = [
    { name: "flood: served", value: perSecond((status) => status < 300), unit: "/s" },
    { name: "flood: refused with 429", value: perSecond((status) => status === 429), unit: "/s" },
    {
      name: "flood: answered with 5xx",
      value: perSecond((status) => status >= 500),
      unit: "/s",
      atMost: 0,
      note: JSON.stringify(counted.answers),
    },
    {
      name: "flood: connections broken",
      value: counted.broken,
      unit: "",
      atMost: Number(options.connections) / 100,
    },
    { name: "server's CPU during the flood", value: cpuPart * 100, unit: "% of a core" },
  ];
  const shown = (seen: Seen | undefined): string => {
    const latencies = seen?.latenciesMs ?? [];
    return `p50 ${median(latencies).toFixed(1)} ms, p99 ${quantile(latencies, 0.99).toFixed(1)} ms`;
  };
  for (const { name } of parts) {
    const seen = during.get(name);
    figures.push(
      {
        name: `${name}: p99 during the flood`,
        value: quantile(seen?.latenciesMs ?? [], 0.99),
        unit: "ms",
        atMost: 250,
        note: `during ${shown(seen)}; before ${shown(before.get(name))}; after ${shown(after.get(name))}`,
      },
      { name: `${name}: refused or failed`, value: seen?.failures.length ?? 0, unit: "", atMost: 0 },
    );
  }
  figures.push(
    {
      name: "resident memory, peak",
      value: peakAtEndMb,
      unit: "MB",
      atMost: 600,
      note: `at rest ${restMb.toFixed(0)} MB`,
    },
    { name: "resident memory, afterwards", value: endMb, unit: "MB", atMost: restMb + 100 },
  );
  report(`Flood of ${options.connections} connections of one user (${busyNote()})`, figures);
  for (const { client } of parts) client.close();
} finally {
  await cluster.remove();
}
