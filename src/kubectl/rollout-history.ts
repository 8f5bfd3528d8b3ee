import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet } from "../api/types/apps-v1.ts";
import type { PodTemplateSpec } from "../api/types/core-v1.ts";
import { selectorFromLabelSelector } from "../apimachinery/labels.ts";
import { controllerOf, type UnstructuredObject } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { PatchType } from "./api.ts";
import { Description } from "./describe/description.ts";
import { describePodTemplate } from "./describe/pods.ts";
import { KubectlError } from "./errors.ts";
import type { LiveTarget } from "./modifying.ts";
import { newAndOldReplicaSets, plainTemplate, revisionOf } from "./replica-sets.ts";
import type { Session } from "./session.ts";

/** One state that a workload had. */
export interface Revision {
  readonly revision: number;
  /** What the user said of it. */
  readonly cause: string;
  readonly template: PodTemplateSpec | undefined;
  /** The object that holds it: a replica set, or a controller revision. */
  readonly object: UnstructuredObject;
  /** What brings it back. */
  readonly patch: { readonly type: PatchType; readonly patch: unknown };
}

const causeAnnotation = "kubernetes.io/change-cause";
/** Annotations that belong to the deployment itself and stay as they are when its template goes back. */
const ownAnnotations = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  "deployment.kubernetes.io/revision",
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
  "deprecated.deployment.rollback.to",
]);

/** The history of a workload, oldest first. */
export async function historyOf(session: Session, target: LiveTarget): Promise<Revision[]> {
  const { kind } = target.live;
  if (kind === "Deployment") return await deploymentHistory(session, target.live as unknown as Deployment);
  if (kind === "DaemonSet" || kind === "StatefulSet") {
    return await controllerRevisions(session, target.live as unknown as DaemonSet);
  }
  throw new KubectlError(
    `error retrieving history for ${JSON.stringify(kind)}, no visitor method exists for {${target.resource.group} ${kind}}`,
  );
}

async function deploymentHistory(session: Session, deployment: Deployment): Promise<Revision[]> {
  const labelSelector = selectorFromLabelSelector(deployment.spec.selector).toString();
  const place = { resource: resources.replicasets, namespace: deployment.metadata.namespace };
  const list = await session.api.list(place, { query: { labelSelector } });
  const { all } = newAndOldReplicaSets(deployment, list["items"] as ReplicaSet[]);
  const { metadata } = deployment;
  const kept = Object.entries(metadata.annotations ?? {}).filter(([key]) => ownAnnotations.has(key));
  return all
    .map((set) => {
      const others = Object.entries(set.metadata.annotations ?? {}).filter(
        ([key]) => !ownAnnotations.has(key),
      );
      const annotations = Object.fromEntries([...kept, ...others]);
      const patch = [
        { op: "replace", path: "/spec/template", value: plainTemplate(set.spec?.template) },
        { op: "replace", path: "/metadata/annotations", value: annotations },
      ];
      return {
        revision: revisionOf(set),
        cause: set.metadata.annotations?.[causeAnnotation] ?? "<none>",
        template: set.spec?.template,
        object: set as unknown as UnstructuredObject,
        patch: { type: "json" as const, patch },
      };
    })
    .filter(({ revision }) => revision > 0)
    .toSorted((a, b) => a.revision - b.revision);
}

async function controllerRevisions(session: Session, owner: DaemonSet): Promise<Revision[]> {
  const labelSelector = selectorFromLabelSelector(owner.spec?.selector).toString();
  const place = { resource: resources.controllerrevisions, namespace: owner.metadata.namespace };
  const list = await session.api.list(place, { query: { labelSelector } });
  return (list["items"] as ControllerRevision[])
    .filter((revision) => controllerOf(revision)?.uid === owner.metadata.uid)
    .map((revision) => {
      const data = revision.data as { spec?: { template?: PodTemplateSpec } } | undefined;
      return {
        revision: revision.revision,
        cause: revision.metadata.annotations?.[causeAnnotation] ?? "<none>",
        template: data?.spec?.template,
        object: revision as unknown as UnstructuredObject,
        patch: { type: "strategic" as const, patch: revision.data },
      };
    })
    .toSorted((a, b) => a.revision - b.revision);
}

/** The pod template of a revision, with its tabs as they are: kubectl does not align it either. */
export function describeTemplate(session: Session, { template, cause }: Revision): string {
  const description = new Description(session.clock.now());
  const annotations = {
    ...template?.metadata?.annotations,
    ...(cause === "<none>" ? {} : { [causeAnnotation]: cause }),
  };
  const shown =
    template === undefined ? undefined : { ...template, metadata: { ...template.metadata, annotations } };
  describePodTemplate(description, shown);
  return description.raw();
}
