import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { RealClock } from "../../apimachinery/clock.ts";
import { parseIpv4Range } from "../../apimachinery/ipv4-range.ts";
import { createPki, decodePem, encodePem, keyId, type Pki } from "../../pki/index.ts";
import { Cluster } from "../cluster.ts";
import { nthNodeName } from "../names.ts";
import { dnsAddressIn } from "../service-range.ts";
import { SimulatedNode, simulatedPodCidr } from "../simulated-node.ts";
import { ClusterStages } from "../stages.ts";
import { checkAdmission } from "./admission-flags.ts";
import { apiServerFlags } from "./api-server-flags.ts";
import { FlagError, parseFlags } from "./flags.ts";

export interface RunningApiServer {
  readonly url: string;
  /** Resolves when it has closed. */
  stop(): Promise<void>;
}

/**
 * An API server as envtest and its like start it: from kube-apiserver's flags, with the certificates that they made, and
 * nothing beside it unless asked. Its state is in memory. Resolves when it answers; throws FlagError for flags that make
 * no sense.
 */
export async function startApiServer(args: readonly string[]): Promise<RunningApiServer> {
  const flags = parseFlags(args, apiServerFlags);
  checkModes(flags.get("authorization-mode") ?? "RBAC");
  checkAdmission(namesOf(flags, "enable-admission-plugins"), namesOf(flags, "disable-admission-plugins"));
  const clock = new RealClock();
  const address = flags.get("bind-address") ?? "127.0.0.1";
  if (isIP(address) === 0)
    throw new FlagError(
      `invalid argument "${address}" for "--bind-address" flag: failed to parse IP: "${address}"`,
    );
  const serviceCidr = flags.get("service-cluster-ip-range") ?? "10.0.0.0/24";
  if (parseIpv4Range(serviceCidr) === undefined)
    throw new FlagError(
      `invalid argument "${serviceCidr}" for "--service-cluster-ip-range": Sampan's kube-apiserver takes one range of IPv4 addresses, such as 10.0.0.0/24`,
    );
  const port = numberOf(flags, "secure-port", 6443);
  const files = new FlagFiles(flags);
  const own = createPki({ clock, serverNames: { dnsNames: [], ipAddresses: [address] } });
  const clientAuthorities = files.text("client-ca-file");
  const chosen = namesOf(flags, "sampan-controllers");
  const nodes = numberOf(flags, "sampan-nodes", 0);
  const issuer = flags.get("service-account-issuer");
  const cluster = new Cluster({
    clock,
    pki: withTokenKeys(own, files),
    serviceCidr,
    apiEndpoint: { ip: flags.get("advertise-address") ?? address, port },
    defaultStorageClass: false,
    controllers: (name) => chosen.includes("all") || chosen.includes(name),
    scheduler: nodes > 0,
    security: {
      disableAdmission: namesOf(flags, "disable-admission-plugins"),
      enableAdmission: namesOf(flags, "enable-admission-plugins"),
      ...(clientAuthorities !== undefined && { clientAuthorities }),
      ...(issuer !== undefined && { issuer }),
    },
  });
  await cluster.startApi();
  await cluster.bootstrap();
  if (chosen.length > 0 || nodes > 0) await startRest(cluster, chosen, nodes);
  const clientCa = clientAuthorities ?? own.authority.certificate;
  const bound = await cluster.server.listen({ tls: { ...servingPair(flags, own), clientCa }, address, port });
  return {
    url: `https://${address.includes(":") ? `[${address}]` : address}:${bound}`,
    stop: () => cluster.stop(),
  };
}

async function startRest(cluster: Cluster, chosen: readonly string[], nodes: number): Promise<void> {
  await cluster.startControllers();
  const known = cluster.controllerNames();
  const unknown = chosen.find((name) => name !== "all" && !known.includes(name));
  if (unknown !== undefined) {
    throw new FlagError(
      `invalid argument "${unknown}" for "--sampan-controllers": there are all, ${known.join(", ")}`,
    );
  }
  const dnsAddress = dnsAddressIn(cluster.serviceCidr);
  const stages = new ClusterStages();
  if (nodes > 0) stages.attach(cluster);
  for (let index = 0; index < nodes; index++) {
    const settings = { name: nthNodeName(index), podCidr: simulatedPodCidr(index), dnsAddress, stages };
    await new SimulatedNode(cluster, settings).start();
  }
}

/** What decides here is the node authorizer and RBAC; who counts on everything being allowed must know. */
function checkModes(modes: string): void {
  const refused = modes.split(",").find((mode) => mode !== "RBAC" && mode !== "Node");
  if (refused === undefined) return;
  throw new FlagError(
    `authorization-mode ${refused} is not supported by Sampan's kube-apiserver: RBAC and Node are`,
  );
}

const namesOf = (flags: ReadonlyMap<string, string>, flag: string): string[] =>
  (flags.get(flag) ?? "").split(",").filter((name) => name !== "");

function numberOf(flags: ReadonlyMap<string, string>, name: string, absent: number): number {
  const text = flags.get(name);
  const number = Number(text ?? absent);
  if (text !== "" && Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new FlagError(
    `invalid argument "${text}" for "--${name}" flag: strconv.ParseInt: parsing "${text}": invalid syntax`,
  );
}

/** The files that flags name. */
class FlagFiles {
  readonly #flags: ReadonlyMap<string, string>;

  constructor(flags: ReadonlyMap<string, string>) {
    this.#flags = flags;
  }

  /** Undefined when the flag was not given; throws FlagError for a file that cannot be read. */
  text(flag: string): string | undefined {
    const path = this.#flags.get(flag);
    if (path === undefined || path === "") return undefined;
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      throw new FlagError(
        `--${flag}: open ${path}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

/** What the server shows: the files of the flags, else those in the folder for certificates, else its own. */
function servingPair(flags: ReadonlyMap<string, string>, own: Pki): { cert: string; key: string } {
  const folder = flags.get("cert-dir");
  const [cert, key] = [
    flags.get("tls-cert-file") ?? (folder === undefined ? "" : join(folder, "apiserver.crt")),
    flags.get("tls-private-key-file") ?? (folder === undefined ? "" : join(folder, "apiserver.key")),
  ];
  if (cert !== "" && existsSync(cert) && existsSync(key)) {
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  }
  return { cert: own.server.certificate, key: own.server.key };
}

/** The same, but tokens are signed and verified by the keys that were given. */
function withTokenKeys(own: Pki, files: FlagFiles): Pki {
  const signing = files.text("service-account-signing-key-file");
  if (signing === undefined) return own;
  const key = createPrivateKey(signing);
  const verifying = publicKeysOf(files.text("service-account-key-file") ?? "");
  const all = [createPublicKey(key), ...verifying];
  return Object.create(own, {
    serviceAccountKey: { value: key },
    serviceAccountKeys: { value: new Map(all.map((each) => [keyId(each), each])) },
  }) as Pki;
}

/** Of public keys, private keys and certificates, as kube-apiserver reads them. */
function publicKeysOf(pem: string): KeyObject[] {
  return decodePem(pem).map(({ label, der }) =>
    label === "CERTIFICATE" ? new X509Certificate(der).publicKey : createPublicKey(encodePem(label, der)),
  );
}
