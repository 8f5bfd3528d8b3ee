/** The library: a cluster in your own process. */
export { StatusError } from "../apimachinery/status.ts";
export type { Client, ResourceClient, ResourceReference } from "../client/client.ts";
export { resources } from "../client/resources.ts";
export type { PodPattern, PodScript, ScriptedPods, ScriptRule } from "../cri/simulated/index.ts";
export type { ChangesOptions } from "./library/changes.ts";
export type { ClusterServer } from "./library/cluster-server.ts";
export { createCluster } from "./library/create-cluster.ts";
export type { EmbeddedCluster } from "./library/embedded-cluster.ts";
export type { Endpoint } from "./library/endpoint.ts";
export type {
  Fault,
  FaultReason,
  FaultRule,
  RandomFaultKind,
  RandomFaultOptions,
  RandomFaults,
  WebhookError,
  WebhookFault,
  WebhookFaultRule,
} from "./library/faults.ts";
export type { Change, Difference, DiffOptions, RewindToOptions, Rewound } from "./library/history.ts";
export type { AnyObject, ApplyOptions, Manifests } from "./library/manifests.ts";
export type { FailureKind, NodeFailure } from "./library/node-failures.ts";
export type { CreateClusterOptions, Duration, NodeOptions, TestUser } from "./library/options.ts";
export type { UntilOptions } from "./library/until.ts";
export {
  newWebhookCertificate,
  pointWebhooks,
  type WebhookCertificate,
  type WebhookTarget,
} from "./library/webhooks.ts";
export type { Explanation } from "./library/why.ts";
