import type { HostPorts } from "../apimachinery/host-ports.ts";
import type { CertificateAuthority } from "../pki/index.ts";
import { bootstrapSignerController, tokenCleanerController } from "./bootstrap-tokens/index.ts";
import { certificateControllers } from "./certificates/index.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation/index.ts";
import type { ControllerRegistration } from "./controller.ts";
import { cronJobController } from "./cronjob/index.ts";
import { daemonSetController } from "./daemonset/index.ts";
import { deploymentController } from "./deployment/index.ts";
import { disruptionController } from "./disruption/index.ts";
import { endpointsController } from "./endpoints/index.ts";
import { endpointSliceController } from "./endpointslice/index.ts";
import { endpointSliceMirroringController } from "./endpointslice-mirroring/index.ts";
import { ephemeralVolumeController } from "./ephemeral-volume/index.ts";
import { eventTtlController } from "./event-ttl/index.ts";
import { garbageCollectorController } from "./garbage-collector/index.ts";
import { jobController } from "./job/index.ts";
import { type LocalVolumes, localProvisionerController } from "./local-provisioner/index.ts";
import { namespaceController } from "./namespace/index.ts";
import { nodeLifecycleController } from "./node-lifecycle/index.ts";
import { persistentVolumeController } from "./persistent-volume/index.ts";
import { podGcController } from "./pod-gc/index.ts";
import { replicaSetController } from "./replicaset/index.ts";
import { replicationControllerController } from "./replicationcontroller/index.ts";
import { resourceQuotaController } from "./resource-quota/index.ts";
import { rootCaController } from "./root-ca/index.ts";
import { serviceAddressController } from "./service-cidr/addresses.ts";
import { serviceCidrController } from "./service-cidr/index.ts";
import { serviceLoadBalancerController } from "./service-load-balancer/index.ts";
import { serviceAccountController } from "./serviceaccount/index.ts";
import { type LegacyTokenIssuer, serviceAccountTokenController } from "./serviceaccount-token/index.ts";
import { legacyTokenCleanerController } from "./serviceaccount-token/legacy-cleaner.ts";
import { statefulSetController } from "./statefulset/index.ts";
import { taintEvictionController } from "./taint-eviction/index.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished/index.ts";
import {
  attributesClassProtectionController,
  claimProtectionController,
  volumeProtectionController,
} from "./volume-protection/index.ts";

export interface ControllerSettings {
  /** Signs approved requests; its certificate is published in every namespace. See `authorityControllers`. */
  readonly authority: () => CertificateAuthority;
  readonly tokens: LegacyTokenIssuer;
  /** Without them no local volumes are provisioned. */
  readonly localVolumes?: LocalVolumes;
  /** Ports that this cluster shares with others; without them all are its own. */
  readonly hostPorts?: HostPorts;
}

/** Those that tell of the authority's certificate: begun anew when it was renewed, they tell of the new one. */
export const authorityControllers: readonly string[] = [
  "root-ca-certificate-publisher-controller",
  "serviceaccount-token-controller",
];

/** Every controller of the cluster. */
export function controllerRegistrations({
  authority,
  tokens,
  localVolumes,
  hostPorts,
}: ControllerSettings): ControllerRegistration[] {
  return [
    deploymentController,
    replicaSetController,
    statefulSetController,
    daemonSetController,
    jobController,
    cronJobController,
    replicationControllerController,
    endpointsController,
    endpointSliceController,
    endpointSliceMirroringController,
    namespaceController,
    serviceAccountController,
    serviceAccountTokenController(tokens, () => authority().certificate),
    rootCaController(() => authority().certificate),
    ...certificateControllers(authority),
    legacyTokenCleanerController,
    bootstrapSignerController,
    tokenCleanerController,
    garbageCollectorController,
    clusterRoleAggregationController,
    persistentVolumeController,
    ...(localVolumes === undefined ? [] : [localProvisionerController(localVolumes)]),
    ephemeralVolumeController,
    claimProtectionController,
    volumeProtectionController,
    attributesClassProtectionController,
    nodeLifecycleController,
    taintEvictionController,
    podGcController,
    ttlAfterFinishedController,
    eventTtlController,
    disruptionController,
    resourceQuotaController,
    serviceLoadBalancerController(hostPorts),
    serviceCidrController,
    serviceAddressController,
  ];
}
