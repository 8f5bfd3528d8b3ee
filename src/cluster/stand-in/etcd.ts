import { createServer } from "node:http";
import { type FlagTable, parseFlags } from "./flags.ts";

const unused = (description: string): { description: string; withoutEffect: true } => ({
  description,
  withoutEffect: true,
});

/** What the stand-in of etcd takes. */
export const etcdFlags: FlagTable = {
  "listen-client-urls": {
    description: "Where to answer whether it is healthy (default http://localhost:2379)",
  },
  "advertise-client-urls": unused("Clients"),
  "auto-compaction-mode": unused("Compaction"),
  "auto-compaction-retention": unused("Compaction"),
  "election-timeout": unused("Peers"),
  "heartbeat-interval": unused("Peers"),
  "data-dir": unused("Nothing is stored"),
  "initial-advertise-peer-urls": unused("Peers"),
  "initial-cluster": unused("Peers"),
  "initial-cluster-state": unused("Peers"),
  "initial-cluster-token": unused("Peers"),
  "listen-metrics-urls": unused("Metrics"),
  "listen-peer-urls": unused("Peers"),
  "log-level": unused("Logs"),
  "log-outputs": unused("Logs"),
  logger: unused("Logs"),
  "max-request-bytes": unused("Nothing is stored"),
  "max-txn-ops": unused("Nothing is stored"),
  name: unused("A name"),
  "quota-backend-bytes": unused("Nothing is stored"),
  "snapshot-count": unused("Nothing is stored"),
  "wal-dir": unused("Nothing is stored"),
  "unsafe-no-fsync": { ...unused("Nothing is stored"), boolean: true },
};

/**
 * Says that it is healthy, and is nothing else: the stand-in of kube-apiserver keeps its state itself. Resolves when it
 * listens.
 */
export async function startEtcd(args: readonly string[]): Promise<void> {
  const flags = parseFlags(args, etcdFlags);
  const urls = (flags.get("listen-client-urls") ?? "http://localhost:2379").split(",");
  for (const { hostname, port } of urls.map((url) => new URL(url))) {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://etcd");
      const isHealth = pathname === "/health" || pathname === "/livez" || pathname === "/readyz";
      const body = isHealth ? '{"health":"true","reason":""}' : "404 page not found\n";
      response.writeHead(isHealth ? 200 : 404, {
        "content-type": isHealth ? "application/json" : "text/plain",
      });
      response.end(body);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(Number(port || 2379), hostname.replace(/^\[|\]$/g, ""), resolve);
    });
  }
}
