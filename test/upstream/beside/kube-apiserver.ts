/** Kubernetes' own API server with an etcd of its own, on loopback: what our answers are laid beside. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { buildApiServer } from "../build.ts";
import { send } from "./send.ts";

export interface RealServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** What both servers are set up with, so that addresses and users are the same. */
export const serviceCidr = "10.96.0.0/24";
export const users = [
  { token: "admin", name: "admin", groups: ["system:masters"] },
  { token: "viewer", name: "viewer", groups: ["dev"] },
] as const;

/** The programs are built first if they are not there; `say` hears of it. Ready when it resolves. */
export async function startKubeApiServer(say: (line: string) => void): Promise<RealServer> {
  const { etcd, apiServer } = buildApiServer(say);
  const folder = mkdtempSync(join(tmpdir(), "kube-apiserver-"));
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = join(folder, "sa.key");
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }));
  const tokens = join(folder, "tokens.csv");
  writeFileSync(
    tokens,
    users.map(({ token, name, groups }) => `${token},${name},${name}-uid,"${groups.join(",")}"\n`).join(""),
  );
  const [port, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const children = [
    run(folder, etcd, [
      ["--data-dir", join(folder, "etcd"), "--log-level", "error", "--unsafe-no-fsync"],
      ["--listen-client-urls", client, "--advertise-client-urls", client],
      ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ["--initial-cluster", `default=${peer}`],
    ]),
    run(folder, apiServer, [
      ["--etcd-servers", client, "--cert-dir", join(folder, "certs")],
      ["--bind-address", "127.0.0.1", "--secure-port", String(port), "--advertise-address", "10.1.2.3"],
      ["--service-cluster-ip-range", serviceCidr, "--allow-privileged", "--token-auth-file", tokens],
      ["--service-account-issuer", "https://kubernetes.default.svc.cluster.local"],
      ["--service-account-key-file", key, "--service-account-signing-key-file", key],
      ["--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction"],
      // As our clusters: every beta version, and the kinds that belong to two features that are off by default.
      ["--runtime-config", "api/beta=true"],
      [
        "--feature-gates",
        "ClusterTrustBundle=true,ClusterTrustBundleProjection=true,PodCertificateRequest=true,StorageVersionMigrator=true",
      ],
    ]),
  ];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null) continue;
      child.kill();
      await once(child, "exit");
    }
    rmSync(folder, { recursive: true, force: true });
  };
  for (let attempt = 0; attempt < 300; attempt++) {
    await wait(200);
    const answer = await send(port, { path: "/readyz" }).catch(() => undefined);
    if (answer?.code === 200) return { port, stop };
    if (children.some((child) => child.exitCode !== null)) break;
  }
  const log = execFileSync("tail", ["-n", "20", join(folder, "log")], { encoding: "utf8" });
  await stop();
  throw new Error(`kube-apiserver did not become ready:\n${log}`);
}

function run(folder: string, program: string, words: readonly (readonly string[])[]): ChildProcess {
  const log = openSync(join(folder, "log"), "a");
  return spawn(program, words.flat(), { stdio: ["ignore", log, log] });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
