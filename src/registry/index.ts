import type { ResourceExtension } from "../apiserver/registry/strategy.ts";
import { admissionRegistrationExtensions } from "./admissionregistration/index.ts";
import { validatingPoliciesExtension } from "./admissionregistration/validating-policies.ts";
import { daemonSetsExtension } from "./apps/daemonsets.ts";
import { horizontalPodAutoscalersExtension } from "./autoscaling/horizontal-pod-autoscalers.ts";
import { jobsExtension } from "./batch/jobs.ts";
import { leasesExtension } from "./coordination/leases.ts";
import { limitRangesExtension } from "./core/limit-ranges.ts";
import { namespacesExtension } from "./core/namespaces.ts";
import { nodesExtension } from "./core/nodes.ts";
import { bindingsExtension, podsExtension } from "./core/pods.ts";
import { servicesExtension } from "./core/services.ts";
import { persistentVolumeClaimsExtension, persistentVolumesExtension } from "./core/volumes.ts";
import { endpointSlicesExtension } from "./discovery/endpoint-slices.ts";
import { flowSchemasExtension, priorityLevelsExtension } from "./flowcontrol/mandatory.ts";
import {
  deviceClassesExtension,
  resourceClaimsExtension,
  resourceClaimTemplatesExtension,
} from "./resource/claims.ts";
import { deviceTaintRulesExtension, resourceSlicesExtension } from "./resource/device-taints.ts";
import { priorityClassesExtension } from "./scheduling/priority-classes.ts";
import { csiDriversExtension } from "./storage/csi-drivers.ts";

/** Every resource that is more than its schema, but for those of security, which come with it. */
export function registryExtensions({ serviceCidr }: { readonly serviceCidr: string }): ResourceExtension[] {
  return [
    namespacesExtension,
    nodesExtension,
    limitRangesExtension,
    podsExtension,
    bindingsExtension,
    servicesExtension(serviceCidr),
    persistentVolumesExtension,
    persistentVolumeClaimsExtension,
    daemonSetsExtension,
    endpointSlicesExtension,
    horizontalPodAutoscalersExtension,
    jobsExtension,
    resourceSlicesExtension,
    deviceTaintRulesExtension,
    deviceClassesExtension,
    resourceClaimsExtension,
    resourceClaimTemplatesExtension,
    leasesExtension,
    priorityClassesExtension,
    csiDriversExtension,
    flowSchemasExtension,
    priorityLevelsExtension,
    ...admissionRegistrationExtensions,
    validatingPoliciesExtension,
  ];
}
