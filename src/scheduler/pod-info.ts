import type { Pod, PodAffinityTerm, PodSpec, Toleration } from "../api/types/core-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import { nothing, type Selector, selectorFromLabelSelector } from "../apimachinery/labels.ts";
import { keyOf } from "../apimachinery/object.ts";
import { defaultRequests, podRequests, type Resources, sameResources } from "./resources.ts";

/** A pod with what scheduling needs of it, worked out once. */
export class PodInfo {
  #pod: Pod;
  readonly spec: PodSpec;
  readonly key: string;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly tolerations: readonly Toleration[];
  readonly requests: Resources;
  /** With the defaults for containers that ask for nothing: for scores only. */
  readonly assumedRequests: Resources;
  readonly hostPorts: readonly HostPort[];
  /** Claims in the pod's namespace, by the name of the claim. */
  readonly claims: readonly ClaimUse[];
  readonly affinity: AffinityTerms;

  constructor(pod: Pod) {
    this.#pod = pod;
    this.spec = pod.spec ?? { containers: [] };
    this.key = keyOf(pod);
    this.uid = pod.metadata.uid ?? this.key;
    this.name = pod.metadata.name ?? "";
    this.namespace = pod.metadata.namespace ?? "";
    this.labels = pod.metadata.labels ?? {};
    this.priority = this.spec.priority ?? 0;
    this.tolerations = this.spec.tolerations ?? [];
    this.requests = podRequests(this.spec);
    const assumed = podRequests(this.spec, defaultRequests);
    this.assumedRequests = sameResources(assumed, this.requests) ? this.requests : assumed;
    this.hostPorts = hostPortsOf(this.spec);
    this.claims = claimsOf(this.name, this.spec);
    this.affinity = affinityTermsOf(this.namespace, this.spec);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /**
   * Takes a newer state of the pod when scheduling asks for nothing that differs in it, as most often, since statuses
   * are what changes; false when all has to be worked out anew.
   */
  takesOver(pod: Pod): boolean {
    const { metadata } = this.#pod;
    const isSame =
      pod.spec === this.spec &&
      pod.metadata.uid === this.uid &&
      pod.metadata.deletionTimestamp === metadata.deletionTimestamp &&
      deepEqual(pod.metadata.labels, metadata.labels);
    if (isSame) this.#pod = pod;
    return isSame;
  }

  get isTerminating(): boolean {
    return this.pod.metadata.deletionTimestamp !== undefined;
  }
}

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface ClaimUse {
  readonly name: string;
  /** The claim is made for this pod from a template in it. */
  readonly ephemeral: boolean;
}

/** A term of pod affinity, of the pod that bears it. Equal terms have equal keys. */
export interface AffinityTerm {
  readonly key: string;
  readonly topologyKey: string;
  readonly selector: Selector;
  readonly namespaces: ReadonlySet<string>;
  readonly namespaceSelector: Selector;
  readonly weight: number;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly AffinityTerm[];
  readonly preferredAnti: readonly AffinityTerm[];
}

function hostPortsOf(spec: PodSpec): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === "Always");
  return [...sidecars, ...spec.containers].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort = 0 }) => hostPort > 0)
      .map(({ hostIP = "", hostPort = 0, protocol = "TCP" }) => ({
        ip: hostIP === "" ? "0.0.0.0" : hostIP,
        protocol,
        port: hostPort,
      })),
  );
}

function claimsOf(podName: string, spec: PodSpec): ClaimUse[] {
  const claims: ClaimUse[] = [];
  for (const volume of spec.volumes ?? []) {
    const { persistentVolumeClaim } = volume;
    if (persistentVolumeClaim !== undefined) {
      claims.push({ name: persistentVolumeClaim.claimName, ephemeral: false });
    } else if (volume.ephemeral !== undefined) {
      claims.push({ name: `${podName}-${volume.name}`, ephemeral: true });
    }
  }
  return claims;
}

const noTerms: AffinityTerms = { required: [], requiredAnti: [], preferred: [], preferredAnti: [] };

function affinityTermsOf(namespace: string, { affinity }: PodSpec): AffinityTerms {
  const { podAffinity, podAntiAffinity } = affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return noTerms;
  const plain = (terms: readonly PodAffinityTerm[] = []): AffinityTerm[] =>
    terms.map((term) => parseTerm(namespace, term, 0));
  return {
    required: plain(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAnti: plain(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferred: (podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) =>
      parseTerm(namespace, weighted.podAffinityTerm, weighted.weight),
    ),
    preferredAnti: (podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((weighted) =>
      parseTerm(namespace, weighted.podAffinityTerm, weighted.weight),
    ),
  };
}

/** matchLabelKeys and mismatchLabelKeys are not looked at: the API server has merged them into the selector. */
function parseTerm(namespace: string, term: PodAffinityTerm, weight: number): AffinityTerm {
  const { namespaces: named = [], namespaceSelector } = term;
  // Without either, the pod's own namespace is meant.
  const namespaces = new Set(named.length === 0 && namespaceSelector === undefined ? [namespace] : named);
  const { topologyKey } = term;
  const parts = [topologyKey, term.labelSelector, [...namespaces].sort(), namespaceSelector, weight];
  return {
    key: JSON.stringify(parts),
    topologyKey,
    selector: parseSelector(term.labelSelector),
    namespaces,
    namespaceSelector: parseSelector(namespaceSelector),
    weight,
  };
}

/** A selector that cannot be parsed matches nothing instead of stopping the scheduler. */
export function parseSelector(selector: Parameters<typeof selectorFromLabelSelector>[0]): Selector {
  try {
    return selectorFromLabelSelector(selector);
  } catch {
    return nothing;
  }
}

/** The labels of a namespace, for terms that select namespaces by label. */
export type NamespaceLabels = (namespace: string) => Readonly<Record<string, string>> | undefined;

export function termMatches(term: AffinityTerm, pod: PodInfo, labelsOf: NamespaceLabels): boolean {
  const inNamespace =
    term.namespaces.has(pod.namespace) || term.namespaceSelector.matches(labelsOf(pod.namespace) ?? {});
  return inNamespace && term.selector.matches(pod.labels);
}
