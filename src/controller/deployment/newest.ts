import type { Deployment, ReplicaSet } from "../../api/types/apps-v1.ts";
import { findCondition } from "../../apimachinery/conditions.ts";
import { podTemplateHash } from "../../apimachinery/hash.ts";
import { deepCopy } from "../../apimachinery/json.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import { controllerOf, newControllerRef } from "../../apimachinery/object.ts";
import { isAlreadyExists } from "../../apimachinery/status.ts";
import type { ResourceClient } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import { isNamespaceTerminating, messageOf } from "../pod-control.ts";
import {
  maxRevision,
  newestAnnotations,
  revisionAnnotation,
  sameAnnotations,
  withSizes,
} from "./annotations.ts";
import { type Finding, setFinding } from "./conditions.ts";
import { byAge, progressDeadlineMs } from "./limits.ts";
import { newestSize } from "./sizes.ts";
import { sameTemplate } from "./template.ts";

const hashLabel = "pod-template-hash";

export interface Found {
  /** As written last: finding may note a revision or a condition. */
  readonly deployment: Deployment;
  readonly newest: ReplicaSet | undefined;
}

/** Finds or makes the ReplicaSet of a Deployment's current template, and keeps the revisions of both. */
export class NewestReplicaSet {
  readonly #context: ControllerContext;
  readonly #deployments: ResourceClient<Deployment>;
  readonly #replicaSets: ResourceClient<ReplicaSet>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.client.resource(resources.deployments);
    this.#replicaSets = context.client.resource(resources.replicasets);
  }

  /** Makes one only when asked to. A ReplicaSet that comes back (a rollback) gets the newest revision. */
  async find(deployment: Deployment, replicaSets: readonly ReplicaSet[], create: boolean): Promise<Found> {
    // Of several with the same template, which takes a race to make, the oldest counts.
    const newest = replicaSets
      .toSorted(byAge)
      .find(({ spec }) => sameTemplate(spec.template, deployment.spec.template));
    const old = replicaSets.filter((replicaSet) => replicaSet !== newest);
    const revision = maxRevision(old) + 1n;
    if (newest !== undefined) return await this.#refresh(deployment, newest, revision);
    if (!create) return { deployment, newest: undefined };
    return await this.#create(deployment, old, revision);
  }

  async #refresh(deployment: Deployment, newest: ReplicaSet, revision: bigint): Promise<Found> {
    const annotations = newestAnnotations(newest.metadata.annotations, deployment, revision);
    const { minReadySeconds = 0 } = deployment.spec;
    const current =
      sameAnnotations(newest.metadata.annotations, annotations) &&
      (newest.spec.minReadySeconds ?? 0) === minReadySeconds
        ? newest
        : await this.#replicaSets.update({
            ...newest,
            metadata: { ...newest.metadata, annotations: { ...annotations } },
            spec: { ...newest.spec, minReadySeconds },
          });
    const known = findCondition(deployment.status?.conditions, "Progressing") !== undefined;
    const finding = known
      ? undefined
      : progressing("FoundNewReplicaSet", `Found new replica set "${newest.metadata.name}"`);
    const noted = await this.#note(deployment, current.metadata.annotations?.[revisionAnnotation], finding);
    return { deployment: noted, newest: current };
  }

  async #create(deployment: Deployment, old: readonly ReplicaSet[], revision: bigint): Promise<Found> {
    const wanted = this.#describe(deployment, old, revision);
    let created: ReplicaSet;
    try {
      created = await this.#replicaSets.create(wanted);
    } catch (error) {
      const present = isAlreadyExists(error) ? await this.#sameByName(deployment, wanted) : undefined;
      if (present === undefined) return await this.#failed(deployment, wanted, error);
      const noted = await this.#note(deployment, String(revision), undefined);
      return { deployment: noted, newest: present };
    }
    const name = created.metadata.name ?? "";
    const size = created.spec.replicas ?? 0;
    if (size > 0) {
      const message = `Scaled up replica set ${name} from 0 to ${size}`;
      this.#context.events.event(deployment, "Normal", "ScalingReplicaSet", message);
    }
    const finding = progressing("NewReplicaSetCreated", `Created new replica set "${name}"`);
    return { deployment: await this.#note(deployment, String(revision), finding), newest: created };
  }

  #describe(deployment: Deployment, old: readonly ReplicaSet[], revision: bigint): ReplicaSet {
    const { spec, metadata, status } = deployment;
    const hash = podTemplateHash(spec.template, status?.collisionCount);
    const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
    const template = deepCopy(spec.template);
    template.metadata = { ...template.metadata, labels };
    const { minReadySeconds = 0 } = spec;
    const replicaSet: ReplicaSet = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        // The same template always asks for the same name, so that no race makes two.
        name: `${metadata.name}-${hash}`,
        namespace: metadata.namespace,
        labels,
        annotations: { ...withSizes(newestAnnotations(undefined, deployment, revision), deployment) },
        ownerReferences: [newControllerRef(deployment)],
      },
      spec: { replicas: 0, minReadySeconds, selector: withHash(spec.selector, hash), template },
    };
    replicaSet.spec.replicas = newestSize(deployment, [...old, replicaSet], replicaSet);
    return replicaSet;
  }

  /** The ReplicaSet that has the name already, when it is the one that was to be made: a cache was behind. */
  async #sameByName(deployment: Deployment, { metadata, spec }: ReplicaSet): Promise<ReplicaSet | undefined> {
    const { name = "", namespace } = metadata;
    const present = await this.#replicaSets.get(name, { namespace });
    const isOwn = controllerOf(present)?.uid === deployment.metadata.uid;
    if (isOwn && sameTemplate(present.spec.template, spec.template)) return present;
    // Another template with the same hash: with the count raised, the next try asks for another name.
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const status = { ...deployment.status, collisionCount };
    await this.#deployments.updateStatus({ ...deployment, status });
    return undefined;
  }

  async #failed(deployment: Deployment, { metadata }: ReplicaSet, error: unknown): Promise<never> {
    if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) {
      const message = `Failed to create new replica set "${metadata.name}": ${messageOf(error)}`;
      const finding = {
        type: "Progressing",
        status: "False",
        reason: "ReplicaSetCreateError",
        message,
      } as const;
      this.#context.events.event(deployment, "Warning", "ReplicaSetCreateError", message);
      // The reason why nothing could be made is worth more than a second one why that could not be noted.
      await this.#note(deployment, undefined, finding).catch(() => undefined);
    }
    throw error;
  }

  /** Writes the revision and the finding into the Deployment when they are new to it. */
  async #note(
    deployment: Deployment,
    revision: string | undefined,
    finding: Finding | undefined,
  ): Promise<Deployment> {
    const { metadata, status } = deployment;
    const sameRevision = revision === undefined || metadata.annotations?.[revisionAnnotation] === revision;
    const judged = finding !== undefined && progressDeadlineMs(deployment) !== undefined;
    if (sameRevision && !judged) return deployment;
    const annotations = sameRevision
      ? metadata.annotations
      : { ...metadata.annotations, [revisionAnnotation]: revision };
    const conditions = judged
      ? setFinding(status?.conditions, finding, this.#context.clock.now())
      : status?.conditions;
    return await this.#deployments.updateStatus({
      ...deployment,
      metadata: { ...metadata, annotations },
      status: { ...status, ...(conditions === undefined ? {} : { conditions }) },
    });
  }
}

function progressing(reason: string, message: string): Finding {
  return { type: "Progressing", status: "True", reason, message };
}

function withHash(selector: LabelSelector, hash: string): LabelSelector {
  return { ...deepCopy(selector), matchLabels: { ...selector.matchLabels, [hashLabel]: hash } };
}
