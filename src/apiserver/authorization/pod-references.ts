import type { Container, EphemeralContainer, Pod, Volume } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";

/** Marks pods that a kubelet shows for its static pods: they may refer to nothing in the API. */
export const mirrorPodAnnotation = "kubernetes.io/config.mirror";

export const isMirrorPod = (pod: Pod): boolean =>
  pod.metadata.annotations?.[mirrorPodAnnotation] !== undefined;

const present = (names: readonly (string | undefined)[]): Set<string> =>
  new Set(names.flatMap((name) => (name === undefined || name === "" ? [] : [name])));

type AnyContainer = Container | EphemeralContainer;

/** Init, regular and ephemeral containers. */
export function allContainers({ spec }: Pod): AnyContainer[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])];
}

/** The names of Secrets in the pod's namespace that its containers, volumes and image pulls use. */
export function secretNames(pod: Pod): Set<string> {
  const names = [
    ...(pod.spec?.imagePullSecrets ?? []).map((reference) => reference.name),
    ...allContainers(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.secretRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap(secretsOfVolume),
  ];
  return present(names);
}

function secretsOfVolume(volume: Volume): (string | undefined)[] {
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
    ...secretReferences(volume).map((reference) => reference.name),
  ];
}

/** Every `…SecretRef` of the members of a volume or a volume source: drivers differ in little else. */
export function secretReferences(sources: object): { name?: string; namespace?: string }[] {
  return Object.values(sources)
    .filter(isObject)
    .flatMap((source) => Object.entries(source))
    .filter(([field, value]) => /secretref$/i.test(field) && isObject(value))
    .map(([, value]) => value as { name?: string; namespace?: string });
}

export function configMapNames(pod: Pod): Set<string> {
  const names = [
    ...allContainers(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.configMapRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap((volume) => [
      volume.configMap?.name,
      ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ];
  return present(names);
}

/** Claims by name, and those that ephemeral volumes are given: POD-VOLUME. */
export function claimNames(pod: Pod): Set<string> {
  const names = (pod.spec?.volumes ?? []).flatMap((volume) => [
    volume.persistentVolumeClaim?.claimName,
    volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`,
  ]);
  return present(names);
}

export function resourceClaimNames(pod: Pod): Set<string> {
  const names = [
    ...(pod.spec?.resourceClaims ?? []).map((claim) => claim.resourceClaimName),
    ...(pod.status?.resourceClaimStatuses ?? []).map((claim) => claim.resourceClaimName),
  ];
  return present(names);
}
