import type { KubernetesObject, ResourceReference } from "sampan/operator";

/** A website: so many replicas of an image, reachable by a host name, backed up every night. */
export interface Site extends KubernetesObject {
  readonly spec: SiteSpec;
  readonly status?: SiteStatus;
}

export interface SiteSpec {
  readonly image: string;
  /** Filled in by the webhook when absent; fixed from then on. */
  readonly host?: string;
  readonly replicas?: number;
  readonly backup?: Backup;
}

export interface Backup {
  /** The hour of the day, in UTC. */
  readonly atHour: number;
  /** How many are kept. */
  readonly keep: number;
}

export interface SiteStatus {
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly lastBackupTime?: string;
  readonly conditions?: Condition[];
}

export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
}

/** Where Sites are found; it gives the typed client and the informer their type. */
export const sites: ResourceReference<Site> = {
  group: "example.dev",
  version: "v1",
  resource: "sites",
  kind: "Site",
  namespaced: true,
};
