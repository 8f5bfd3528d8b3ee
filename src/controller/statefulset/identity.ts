import type { ControllerRevision, StatefulSet } from "../../api/types/apps-v1.ts";
import type { PersistentVolumeClaim, Pod } from "../../api/types/core-v1.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import { newControllerRef } from "../../apimachinery/object.ts";
import { revisionHashLabel, templateOf } from "../history.ts";
import { podFromTemplate } from "../pods.ts";

export const podNameLabel = "statefulset.kubernetes.io/pod-name";
export const podIndexLabel = "apps.kubernetes.io/pod-index";

/** "web-12" → web and 12; an ordinal of -1 when the name has none. */
export function parsePodName(name: string): { parent: string; ordinal: number } {
  const match = /^(.*)-([0-9]+)$/.exec(name);
  const ordinal = Number(match?.[2]);
  if (match === null || !Number.isSafeInteger(ordinal) || ordinal > 2 ** 31 - 1)
    return { parent: "", ordinal: -1 };
  return { parent: match[1] ?? "", ordinal };
}

export const ordinalOf = (pod: Pod): number => parsePodName(pod.metadata.name ?? "").ordinal;

export const isMemberOf = (set: StatefulSet, pod: Pod): boolean =>
  parsePodName(pod.metadata.name ?? "").parent === set.metadata.name;

export const startOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;

export const replicasOf = ({ spec }: StatefulSet): number => spec.replicas ?? 1;

/** Whether the set wants a pod of the ordinal at all. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOrdinal(set) && ordinal < startOrdinal(set) + replicasOf(set);
}

export const revisionNameOf = (pod: Pod): string => pod.metadata.labels?.[revisionHashLabel] ?? "";

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${set.metadata.name}-${ordinal}`;

/** The set's pod of an ordinal, of the template that the revision holds. */
export function newStatefulPod(set: StatefulSet, revision: ControllerRevision, ordinal: number): Pod {
  const pod = podFromTemplate(templateOf(revision) ?? set.spec.template, set, newControllerRef(set));
  const name = `${set.metadata.name}-${ordinal}`;
  const { generateName: _, ...metadata } = pod.metadata;
  pod.metadata = {
    ...metadata,
    name,
    labels: {
      ...metadata.labels,
      [podNameLabel]: name,
      [podIndexLabel]: String(ordinal),
      [revisionHashLabel]: revision.metadata.name ?? "",
    },
  };
  pod.spec.hostname = name;
  const { serviceName } = set.spec;
  if (serviceName !== undefined && serviceName !== "") pod.spec.subdomain = serviceName;
  const claims = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name ?? "",
    persistentVolumeClaim: { claimName: claimName(set, template, ordinal) },
  }));
  const names = new Set(claims.map((claim) => claim.name));
  // A claim takes the place of a volume of the same name.
  const others = (pod.spec.volumes ?? []).filter((volume) => !names.has(volume.name));
  if (claims.length + others.length > 0) pod.spec.volumes = [...claims, ...others];
  return pod;
}

/** The claims of the set's pod of an ordinal. */
export function newClaims(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { status: _, ...claim } = deepCopy(template);
    const { labels, annotations } = claim.metadata;
    return {
      ...claim,
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimName(set, template, ordinal),
        namespace: set.metadata.namespace,
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
    };
  });
}
