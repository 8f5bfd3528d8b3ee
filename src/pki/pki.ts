import type { KeyObject } from "node:crypto";
import type { Clock } from "../apimachinery/clock.ts";
import type { AlternativeNames } from "./alternative-names.ts";
import { type AuthorityLife, CertificateAuthority, type Credential } from "./authority.ts";
import { keyId } from "./jwt.ts";
import { generateKey, privateKeyFromPem, publicOf, reproducibleKey } from "./keys.ts";
import type { PkiMaterial } from "./material.ts";
import type { SubjectName } from "./name.ts";
import { Renewable } from "./renewable.ts";

/**
 * Every key and certificate of a cluster. Members are made or read when first used, and a certificate that was renewed is
 * another one from then on: whoever wants the present one asks again.
 */
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
  /** How long until the next of the certificates that were made is due; Infinity when none ever will be. */
  readonly dueInMs: number;
  /**
   * Renews what is due; what the old ones have signed, and they themselves, stay good until their end. Resolves, when all
   * is kept, with what is new. After a failure the next call goes on with what could not be kept.
   */
  renew(): Promise<readonly CertificateName[]>;
  /** Calls the listener whenever a certificate was made for the first time. Returns the removal. */
  onMade(listener: () => void): () => void;
}

/** The certificates of a PKI, by kubeadm's names for their files. Authorities come before what they sign. */
export const certificateNames = [
  "ca",
  "front-proxy-ca",
  "apiserver",
  "admin",
  "apiserver-kubelet-client",
  "front-proxy-client",
] as const;

export type CertificateName = (typeof certificateNames)[number];

export interface PkiOptions {
  readonly clock: Clock;
  /**
   * The time of programs outside, where the cluster has one of its own: what such programs look at is good by both, and
   * authorities have no end. Default: everybody has the cluster's time.
   */
  readonly outsideClock?: Clock;
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
  const life = lifeOf(options);
  const newAuthority = (name: string): CertificateAuthority =>
    CertificateAuthority.create(
      name,
      clock.now(),
      reproducibleFrom === undefined ? undefined : reproducibleKey(`${name} ${reproducibleFrom}`),
      life,
    );
  return assemblePki(options, {
    authority: (file, name) => {
      const kept = file === "ca" ? material?.authority : material?.frontProxyAuthority;
      return kept === undefined ? newAuthority(name) : CertificateAuthority.load(kept);
    },
    serviceAccountKey: () =>
      material === undefined ? generateKey() : privateKeyFromPem(material.serviceAccountKey),
  });
}

/** What a PKI begins with, and where it is kept. */
export interface PkiParts {
  readonly authority: (file: CertificateName, commonName: string) => CertificateAuthority;
  readonly serviceAccountKey: () => KeyObject;
  /** The first of a certificate. Default: one that is issued. */
  readonly leaf?: (
    file: CertificateName,
    issuer: CertificateAuthority,
    issue: () => Credential,
  ) => Credential;
  /** Takes what was renewed, to be kept by the next `save`. */
  readonly keep?: (file: CertificateName, renewed: Credential) => void;
  /** Resolves when all that was taken is safe. */
  readonly save?: () => Promise<void>;
}

/** The PKI of those parts. */
export function assemblePki(options: PkiOptions, parts: PkiParts): Pki {
  const { clock } = options;
  const listeners = new Set<() => void>();
  const onMade = (): void => {
    for (const listener of listeners) listener();
  };
  const authorityOf = (file: CertificateName, commonName: string): Renewable<CertificateAuthority> =>
    new Renewable(
      (before) => before?.renew(clock.now(), lifeOf(options)) ?? parts.authority(file, commonName),
      onMade,
    );
  const ca = authorityOf("ca", "kubernetes");
  const frontProxyCa = authorityOf("front-proxy-ca", "front-proxy-ca");
  const leafOf = (
    file: CertificateName,
    authority: Renewable<CertificateAuthority>,
    issue: (issuer: CertificateAuthority, nowMs: number, outsideMs: number) => Credential,
  ): Renewable<Credential> =>
    new Renewable((before) => {
      const issuer = authority.value;
      const nowMs = clock.now();
      const issued = (): Credential => issue(issuer, nowMs, options.outsideClock?.now() ?? nowMs);
      return before === undefined ? (parts.leaf?.(file, issuer, issued) ?? issued()) : issued();
    }, onMade);
  const { admin, kubeletClient, frontProxyClient } = clientSubjects;
  const all = {
    ca,
    "front-proxy-ca": frontProxyCa,
    apiserver: leafOf("apiserver", ca, (issuer, nowMs, outsideMs) =>
      issuer.issueServer("kube-apiserver", serverNames(options), nowMs, outsideMs),
    ),
    // Judged by this cluster alone, so it ends when the cluster's time says so.
    admin: leafOf("admin", ca, (issuer, nowMs) => issuer.issueClient(admin, nowMs)),
    "apiserver-kubelet-client": leafOf("apiserver-kubelet-client", ca, (issuer, nowMs, outsideMs) =>
      issuer.issueClient(kubeletClient, nowMs, undefined, outsideMs),
    ),
    "front-proxy-client": leafOf("front-proxy-client", frontProxyCa, (issuer, nowMs, outsideMs) =>
      issuer.issueClient(frontProxyClient, nowMs, undefined, outsideMs),
    ),
  } satisfies Record<CertificateName, Renewable<CertificateAuthority> | Renewable<Credential>>;
  const serviceAccountKey = once(parts.serviceAccountKey);
  const serviceAccountKeys = once(() => acceptedKeys(serviceAccountKey()));
  const unsaved = new Set<CertificateName>();
  return {
    get authority() {
      return all.ca.value;
    },
    get server() {
      return all.apiserver.value;
    },
    get admin() {
      return all.admin.value;
    },
    get kubeletClient() {
      return all["apiserver-kubelet-client"].value;
    },
    get frontProxyAuthority() {
      return all["front-proxy-ca"].value;
    },
    get frontProxyClient() {
      return all["front-proxy-client"].value;
    },
    get serviceAccountKey() {
      return serviceAccountKey();
    },
    get serviceAccountKeys() {
      return serviceAccountKeys();
    },
    get dueInMs() {
      if (unsaved.size > 0) return 0;
      return Math.max(0, Math.min(...certificateNames.map((name) => all[name].dueMs)) - clock.now());
    },
    async renew() {
      const nowMs = clock.now();
      for (const name of certificateNames) {
        const each = all[name];
        if (each.dueMs > nowMs) continue;
        each.renew();
        parts.keep?.(name, each.value);
        unsaved.add(name);
      }
      const renewed = [...unsaved];
      if (renewed.length === 0) return renewed;
      await parts.save?.();
      for (const name of renewed) unsaved.delete(name);
      return renewed;
    },
    onMade(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const lifeOf = ({ outsideClock }: PkiOptions): AuthorityLife =>
  outsideClock === undefined ? "ten years" : "without end";

/** The set of keys whose tokens are accepted, by their ids. */
export function acceptedKeys(...keys: readonly KeyObject[]): ReadonlyMap<string, KeyObject> {
  return new Map(keys.map((key) => [keyId(key), publicOf(key)]));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
