import type { KeyObject } from "node:crypto";
import type { Clock } from "../apimachinery/clock.ts";
import type { AlternativeNames } from "./alternative-names.ts";
import { CertificateAuthority, type Credential } from "./authority.ts";
import { keyId } from "./jwt.ts";
import { generateKey, privateKeyFromPem, publicOf, reproducibleKey } from "./keys.ts";
import type { PkiMaterial } from "./material.ts";
import type { SubjectName } from "./name.ts";

/** Every key and certificate of a cluster. Members are made or read when first used. */
export interface Pki {
  /** Signs the server's, the clients' and the nodes' certificates; clients trust it. */
  readonly authority: CertificateAuthority;
  /** What the API server shows. */
  readonly server: Credential;
  /** `kubernetes-admin` of `system:masters`: for kubeconfig. */
  readonly admin: Credential;
  /** What the API server shows to kubelets on other machines. */
  readonly kubeletClient: Credential;
  /** Vouches for users in request headers to aggregated API servers. */
  readonly frontProxyAuthority: CertificateAuthority;
  readonly frontProxyClient: Credential;
  /** Signs service account tokens. */
  readonly serviceAccountKey: KeyObject;
  /** Public keys, by key id, whose tokens are accepted. */
  readonly serviceAccountKeys: ReadonlyMap<string, KeyObject>;
}

export interface PkiOptions {
  readonly clock: Clock;
  /** Names and addresses of the API server beyond those that it always has: host name, service address. */
  readonly serverNames?: AlternativeNames;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** The authorities are made from this text, the same each time: for tests, where their keys need be no secret. */
  readonly reproducibleFrom?: string;
  /** The keys of a PKI that was before (`pkiMaterial`): what it signed is believed. */
  readonly material?: PkiMaterial;
}

/** The identities that are issued at the start, by the name of their files. */
export const clientSubjects: Readonly<Record<"admin" | "kubeletClient" | "frontProxyClient", SubjectName>> = {
  admin: { commonName: "kubernetes-admin", organizations: ["system:masters"] },
  kubeletClient: { commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] },
  frontProxyClient: { commonName: "front-proxy-client", organizations: [] },
};

/** What the server's certificate is valid for: its names inside the cluster, this machine, and what the caller adds. */
export function serverNames({
  serverNames: added,
  clusterDomain = "cluster.local",
}: PkiOptions): AlternativeNames {
  const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const dnsNames = [
    ...service,
    `kubernetes.default.svc.${clusterDomain}`,
    "localhost",
    ...(added?.dnsNames ?? []),
  ];
  return {
    dnsNames: [...new Set(dnsNames)],
    ipAddresses: [...new Set(["127.0.0.1", "::1", ...(added?.ipAddresses ?? [])])],
  };
}

/** A PKI that lives in memory: a fresh cluster in a test pays only for what it uses. */
export function createPki(options: PkiOptions): Pki {
  const { clock, reproducibleFrom, material } = options;
  const newAuthority = (name: string): CertificateAuthority =>
    reproducibleFrom === undefined
      ? CertificateAuthority.create(name, clock.now())
      : CertificateAuthority.create(name, clock.now(), reproducibleKey(`${name} ${reproducibleFrom}`));
  const authorityOf = (name: string, kept: Credential | undefined): CertificateAuthority =>
    kept === undefined ? newAuthority(name) : CertificateAuthority.load(kept);
  const authority = once(() => authorityOf("kubernetes", material?.authority));
  const frontProxyAuthority = once(() => authorityOf("front-proxy-ca", material?.frontProxyAuthority));
  const server = once(() => authority().issueServer("kube-apiserver", serverNames(options), clock.now()));
  const admin = once(() => authority().issueClient(clientSubjects.admin, clock.now()));
  const kubeletClient = once(() => authority().issueClient(clientSubjects.kubeletClient, clock.now()));
  const frontProxyClient = once(() =>
    frontProxyAuthority().issueClient(clientSubjects.frontProxyClient, clock.now()),
  );
  const serviceAccountKey = once(() =>
    material === undefined ? generateKey() : privateKeyFromPem(material.serviceAccountKey),
  );
  const serviceAccountKeys = once(() => acceptedKeys(serviceAccountKey()));
  return {
    get authority() {
      return authority();
    },
    get server() {
      return server();
    },
    get admin() {
      return admin();
    },
    get kubeletClient() {
      return kubeletClient();
    },
    get frontProxyAuthority() {
      return frontProxyAuthority();
    },
    get frontProxyClient() {
      return frontProxyClient();
    },
    get serviceAccountKey() {
      return serviceAccountKey();
    },
    get serviceAccountKeys() {
      return serviceAccountKeys();
    },
  };
}

/** The set of keys whose tokens are accepted, by their ids. */
export function acceptedKeys(...keys: readonly KeyObject[]): ReadonlyMap<string, KeyObject> {
  return new Map(keys.map((key) => [keyId(key), publicOf(key)]));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
