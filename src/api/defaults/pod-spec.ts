import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  LifecycleHandler,
  PersistentVolumeClaimSpec,
  PodSpec,
  Probe,
  ResourceRequirements,
  Volume,
} from "../types/core-v1.ts";
import { isLatestImage } from "./image-tag.ts";
import { roundResourceList } from "./resource-list.ts";
import { defaultDiskSources } from "./volume-sources.ts";

/**
 * Defaults of pods and of everything with a pod template. Mirrors pkg/apis/core/v1/defaults.go, and the parts of
 * pkg/apis/core/v1/conversion.go that make two spellings of a field agree.
 */
export function defaultPodSpec(spec: PodSpec): void {
  spec.dnsPolicy ||= "ClusterFirst";
  spec.restartPolicy ||= "Always";
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= "default-scheduler";
  spec.serviceAccountName ||= spec.serviceAccount;
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else removeEmptyAccount(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of spec.initContainers ?? []) defaultContainer(container);
  for (const container of spec.containers ?? []) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  roundResourceList(spec.overhead);
  roundRequirements(spec.resources);
}

function removeEmptyAccount(spec: PodSpec): void {
  delete spec.serviceAccount;
  delete spec.serviceAccountName;
}

/** A pod template: of a workload, of a job template. */
export function defaultPodTemplate(
  template: { metadata?: ObjectMeta | undefined; spec?: PodSpec | undefined } | undefined,
): void {
  if (template?.spec !== undefined) defaultPodSpec(template.spec);
}

export function roundRequirements(
  resources: Pick<ResourceRequirements, "limits" | "requests"> | undefined,
): void {
  roundResourceList(resources?.limits);
  roundResourceList(resources?.requests);
}

export function defaultContainer(container: Container | EphemeralContainer): void {
  container.imagePullPolicy ||= isLatestImage(container.image ?? "") ? "Always" : "IfNotPresent";
  container.terminationMessagePath ||= "/dev/termination-log";
  container.terminationMessagePolicy ||= "File";
  for (const port of container.ports ?? []) port.protocol ||= "TCP";
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= "v1";
    if (valueFrom?.fileKeyRef !== undefined) valueFrom.fileKeyRef.optional ??= false;
  }
  roundRequirements(container.resources);
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHandler(container.lifecycle?.postStart);
  defaultHandler(container.lifecycle?.preStop);
}

function defaultProbe(probe: Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= "";
}

function defaultHandler(handler: LifecycleHandler | undefined): void {
  defaultHttpGet(handler?.httpGet);
}

function defaultHttpGet(action: HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ||= "/";
  action.scheme ||= "HTTP";
}

/** 0644: what files of secrets, config maps and the like are given. */
const fileMode = 0o644;

function defaultVolume(volume: Volume): void {
  if (Object.entries(volume).every(([field, value]) => field === "name" || value === undefined)) {
    volume.emptyDir = {};
  }
  defaultDiskSources(volume);
  if (volume.secret !== undefined) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= fileMode;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= "";
  if (volume.image !== undefined) {
    volume.image.pullPolicy ||= isLatestImage(volume.image.reference ?? "") ? "Always" : "IfNotPresent";
  }
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= fileMode;
    for (const { fieldRef } of volume.downwardAPI.items ?? []) if (fieldRef) fieldRef.apiVersion ||= "v1";
  }
  if (volume.ephemeral?.volumeClaimTemplate !== undefined) {
    defaultClaimSpec(volume.ephemeral.volumeClaimTemplate.spec);
  }
  defaultProjected(volume.projected);
}

function defaultProjected(projected: Volume["projected"]): void {
  if (projected === undefined) return;
  projected.defaultMode ??= fileMode;
  for (const source of projected.sources ?? []) {
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600;
    for (const { fieldRef } of source.downwardAPI?.items ?? []) if (fieldRef) fieldRef.apiVersion ||= "v1";
  }
}

export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= "Filesystem";
  roundRequirements(spec.resources);
}
