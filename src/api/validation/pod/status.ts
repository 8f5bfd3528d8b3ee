import { duplicate, forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../../apimachinery/names.ts";
import type {
  ContainerExtendedResourceRequest,
  ContainerRestartRule,
  ContainerStatus,
  Pod,
  PodExtendedResourceClaimStatus,
  PodSpec,
  PodStatus,
} from "../../types/core-v1.ts";
import {
  checkLabel,
  checkName,
  checkRange,
  type Errors,
  immutable,
  isEmpty,
  list,
  oneOf,
  text,
} from "../basics.ts";
import { checkIp, isDualStack } from "../ip.ts";
import { checkObjectMetaUpdate } from "../object-meta.ts";
import { emptySpec } from "./spec.ts";
import { checkPodAnnotationUpdate, podOptions } from "./update.ts";

/** Status of pods (mirrors ValidatePodStatusUpdate). */
const systemConditions = new Set(["PodScheduled", "Ready", "Initialized"]);

export function checkPodStatusUpdate(pod: Pod, old: Pod, errors: Errors): void {
  const spec = pod.spec ?? emptySpec;
  const before = old.spec ?? emptySpec;
  const status = pod.status ?? {};
  const oldStatus = old.status ?? {};
  checkObjectMetaUpdate(pod.metadata, old.metadata, true, errors);
  checkPodAnnotationUpdate(pod, old, podOptions(old), errors);
  list(status.conditions).forEach(({ type, observedGeneration }, index) => {
    checkGeneration(observedGeneration, `status.conditions[${index}].observedGeneration`, errors);
    if (systemConditions.has(type)) return;
    checkName(type, qualifiedNameErrors, `status.conditions[${index}].Type`, errors);
  });
  if (text(spec.nodeName) !== text(before.nodeName)) {
    errors.push(forbidden("status.nodeName", "may not be changed directly"));
  }
  const nominated = text(status.nominatedNodeName);
  if (nominated !== "" && nominated !== oldStatus.nominatedNodeName) {
    checkName(nominated, dns1123SubdomainErrors, "status.nominatedNodeName", errors);
    if (!isEmpty(before.nodeName)) {
      const detail = "may not be set on pods that are already bound to a node";
      errors.push(forbidden("status.nominatedNodeName", detail));
    }
  }
  checkGeneration(status.observedGeneration, "status.observedGeneration", errors);
  // The registry keeps the class for those who leave it out.
  if (!isEmpty(status.qosClass)) immutable(status.qosClass, oldStatus.qosClass, "status.qosClass", errors);
  checkTransitions(status, oldStatus, before, errors);
  checkClaimStatuses(status, spec, errors);
  const { extendedResourceClaimStatus } = status;
  if (extendedResourceClaimStatus !== undefined) {
    checkExtendedClaim(extendedResourceClaimStatus, spec, errors);
  }
  const known = (addresses: PodStatus["podIPs"]): string[] => list(addresses).map(({ ip }) => ip);
  checkAddresses(list(status.podIPs), "status.podIPs", known(oldStatus.podIPs), errors);
  checkHostIps(status, known(oldStatus.hostIPs), errors);
  for (const field of statusLists) checkUsers(status[field], spec, `status.${field}`, errors);
  checkAllocated(status, spec, errors);
}

const statusLists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] as const;

/** A container that ended for good does not come back. */
function checkTransitions(status: PodStatus, old: PodStatus, spec: PodSpec, errors: Errors): void {
  const lists = {
    containerStatuses: list(spec.containers),
    initContainerStatuses: list(spec.initContainers),
  };
  const mayAllRestart = [...lists.containerStatuses, ...lists.initContainerStatuses].some((container) =>
    list(container.restartPolicyRules).some(({ action }) => action === "RestartAllContainers"),
  );
  for (const field of statusLists) {
    const isEphemeral = field === "ephemeralContainerStatuses";
    if (mayAllRestart && !isEphemeral) continue;
    list(old[field]).forEach(({ name, state }, index) => {
      const ended = state?.terminated;
      const now = list(status[field]).find((one) => one.name === name);
      if (ended === undefined || now === undefined || now.state?.terminated !== undefined) return;
      const container = isEphemeral ? undefined : lists[field].find((one) => one.name === name);
      if (container !== undefined && mayRestart(container, text(spec.restartPolicy), ended.exitCode)) return;
      const detail = "may not be transitioned to non-terminated state";
      errors.push(forbidden(`status.${field}[${index}].state`, detail));
    });
  }
}

/** By the first rule that knows the exit code, else by the container's policy, else by the pod's. */
function mayRestart(
  { restartPolicy, restartPolicyRules }: PodSpec["containers"][number],
  ofPod: string,
  exitCode: number,
): boolean {
  if (restartPolicy !== undefined && list(restartPolicyRules).some((rule) => knows(rule, exitCode)))
    return true;
  const policy = isEmpty(restartPolicy) ? ofPod : restartPolicy;
  return policy === "OnFailure" ? exitCode !== 0 : policy !== "Never";
}

function knows({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  const isListed = list(exitCodes?.values).includes(exitCode);
  return exitCodes !== undefined && (exitCodes.operator === "In" ? isListed : !isListed);
}

function checkClaimStatuses(status: PodStatus, spec: PodSpec, errors: Errors): void {
  const seen = new Set<string>();
  list(status.resourceClaimStatuses).forEach(({ name, resourceClaimName }, index) => {
    const where = `status.resourceClaimStatuses[${index}]`;
    const path = `${where}.name`;
    if (!list(spec.resourceClaims).some((claim) => claim.name === name)) {
      errors.push(invalid(path, name, "must match the name of an entry in `spec.resourceClaims`"));
    }
    if (seen.has(name)) errors.push(duplicate(path, name));
    seen.add(name);
    if (resourceClaimName !== undefined) {
      checkName(resourceClaimName, dns1123SubdomainErrors, `${where}.resourceClaimName`, errors);
    }
  });
}

function checkGeneration(value: number | undefined, path: string, errors: Errors): void {
  if ((value ?? 0) < 0) errors.push(invalid(path, value, "must be a non-negative integer"));
}

/** The claim that the scheduler made for devices which containers ask for as plain resources. */
function checkExtendedClaim(
  { requestMappings, resourceClaimName }: PodExtendedResourceClaimStatus,
  spec: PodSpec,
  errors: Errors,
): void {
  const path = "status.extendedResourceClaimStatus";
  if (list(requestMappings).length === 0) {
    errors.push(required(`${path}.requestMappings`, "at least one request mapping is required"));
  }
  const seen = new Set<string>();
  list(requestMappings).forEach((mapping, index) => {
    const where = `${path}.requestMappings[${index}]`;
    checkMapping(mapping, spec, where, errors);
    checkLabel(mapping.requestName, `${path}.requestName`, errors);
    const fields = ["containerName", "resourceName", "requestName"] as const;
    const key = JSON.stringify(fields.map((field) => mapping[field]));
    if (seen.has(key)) {
      for (const field of fields) errors.push(duplicate(`${where}.${field}`, mapping[field]));
    }
    seen.add(key);
  });
  if (isEmpty(resourceClaimName)) errors.push(required(`${path}.resourceClaimName`));
  else checkName(resourceClaimName, dns1123SubdomainErrors, `${path}.resourceClaimName`, errors);
}

function checkMapping(
  { containerName, resourceName }: ContainerExtendedResourceRequest,
  { initContainers, containers }: PodSpec,
  path: string,
  errors: Errors,
): void {
  const container = [...list(initContainers), ...list(containers)].findLast(
    ({ name }) => name === containerName,
  );
  if (container === undefined) {
    const detail = "must match the name of an entry in spec.initContainers.name or spec.containers.name";
    errors.push(invalid(`${path}.containerName`, containerName, detail));
  } else if (container.resources?.requests?.[resourceName] === undefined) {
    const detail =
      "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests";
    errors.push(invalid(`${path}.resourceName`, resourceName, detail));
  }
}

function checkAddresses(
  addresses: readonly { readonly ip: string }[],
  path: string,
  known: readonly string[],
  errors: Errors,
): void {
  addresses.forEach(({ ip }, index) => {
    checkIp(ip, `${path}[${index}]`, errors, known);
  });
  if (addresses.length < 2) return;
  if (addresses.length > 2 || !isDualStack(addresses.map(({ ip }) => ip))) {
    errors.push(invalid(path, addresses, "may specify no more than one IP for each IP family"));
  }
}

function checkHostIps({ hostIP, hostIPs }: PodStatus, known: readonly string[], errors: Errors): void {
  const [first] = list(hostIPs);
  if (first === undefined) return;
  if (text(hostIP) !== first.ip) {
    errors.push(invalid("status.hostIPs[0].ip", first.ip, "must be equal to `hostIP`"));
  }
  checkAddresses(list(hostIPs), "status.hostIPs", known, errors);
}

const idMax = 0x7fffffff;

function checkUsers(
  statuses: readonly ContainerStatus[] | undefined,
  spec: PodSpec,
  path: string,
  errors: Errors,
): void {
  list(statuses).forEach(({ user }, index) => {
    const linux = user?.linux;
    if (linux === undefined) return;
    const where = `${path}[${index}].user.linux`;
    if (spec.os?.name === "windows") {
      errors.push(forbidden(where, "cannot be set for a windows pod"));
      return;
    }
    checkRange(linux.uid, 0, idMax, `${where}.uid`, errors);
    checkRange(linux.gid, 0, idMax, `${where}.gid`, errors);
    list(linux.supplementalGroups).forEach((group, at) => {
      checkRange(group, 0, idMax, `${where}.supplementalGroups[${at}]`, errors);
    });
  });
}

function checkAllocated(status: PodStatus, spec: PodSpec, errors: Errors): void {
  checkAllocatedResources(status.containerStatuses, spec.containers, "status.containerStatuses", errors);
  const initPath = "status.initContainerStatuses";
  checkAllocatedResources(status.initContainerStatuses, spec.initContainers, initPath, errors);
  list(status.ephemeralContainerStatuses).forEach(({ allocatedResourcesStatus }, index) => {
    if (list(allocatedResourcesStatus).length === 0) return;
    const path = `status.ephemeralContainerStatuses[${index}].allocatedResourcesStatus`;
    errors.push(forbidden(path, "must not be specified in container status"));
  });
}

const healths = ["Healthy", "Unhealthy", "Unknown"];

function checkAllocatedResources(
  statuses: readonly ContainerStatus[] | undefined,
  containers: PodSpec["containers"] | undefined,
  path: string,
  errors: Errors,
): void {
  list(statuses).forEach(({ name, allocatedResourcesStatus }, index) => {
    const container = list(containers).find((one) => one.name === name);
    list(allocatedResourcesStatus).forEach((allocated, at) => {
      const where = `${path}[${index}].allocatedResourcesStatus[${at}]`;
      if (container !== undefined) checkAllocatedName(allocated.name, container, `${where}.name`, errors);
      const seen = new Set<string>();
      list(allocated.resources).forEach(({ health, resourceID }, which) => {
        const resource = `${where}.resources[${which}]`;
        oneOf(text(health), healths, `${resource}.health`, errors);
        if (seen.has(resourceID)) errors.push(duplicate(`${resource}.resourceID`, resourceID));
        seen.add(resourceID);
      });
    });
  });
}

function checkAllocatedName(
  name: string,
  { resources }: PodSpec["containers"][number],
  path: string,
  errors: Errors,
): void {
  if (name.startsWith("claim:")) {
    const names = list(resources?.claims).map((claim) =>
      isEmpty(claim.request) ? `claim:${claim.name}` : `claim:${claim.name}/${claim.request}`,
    );
    if (names.includes(name)) return;
    const detail =
      "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
    errors.push(invalid(path, name, detail));
  } else if (resources?.requests?.[name] === undefined) {
    errors.push(invalid(path, name, "must match one of the container's resource requests"));
  }
}
