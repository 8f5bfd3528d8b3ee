import type { Deployment, ReplicaSet, StatefulSet } from "../../api/types/apps-v1.ts";
import type { Pod, ReplicationController } from "../../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../api/types/policy-v1.ts";
import { resolveIntOrPercent } from "../../apimachinery/int-or-string.ts";
import type { OwnerReference } from "../../apimachinery/meta-v1.ts";
import { controllerOf } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { ResourceReference } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext } from "../controller.ts";
import { discoverResources } from "../discovery.ts";

export interface Expectation {
  /** How many pods there should be. */
  readonly expected: number;
  /** How many of them must stay healthy. */
  readonly desired: number;
  /** Pods that nobody controls: they cannot be counted on. */
  readonly unmanaged: readonly Pod[];
}

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

/** Finds out how many pods a budget's owners want. (Mirrors getExpectedPodCount of disruption.go.) */
export class Expectations {
  readonly #context: ControllerContext;
  readonly #deployments: Informer<Deployment>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #statefulSets: Informer<StatefulSet>;
  readonly #replicationControllers: Informer<ReplicationController>;
  /** Kinds beyond the built-in ones, by `apiVersion kind`. */
  #kinds = new Map<string, ResourceReference>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.informers.informer(resources.deployments);
    this.#replicaSets = context.informers.informer(resources.replicasets);
    this.#statefulSets = context.informers.informer(resources.statefulsets);
    this.#replicationControllers = context.informers.informer(resources.replicationcontrollers);
  }

  /** Throws when an owner cannot say how many pods it wants. */
  async of({ spec }: PodDisruptionBudget, pods: readonly Pod[]): Promise<Expectation> {
    const { minAvailable, maxUnavailable } = spec;
    if (maxUnavailable !== undefined) {
      const { expected, unmanaged } = await this.#scaleOf(pods);
      const desired = Math.max(0, expected - resolveIntOrPercent(maxUnavailable, expected, true));
      return { expected, desired, unmanaged };
    }
    if (minAvailable === undefined) return { expected: 0, desired: 0, unmanaged: [] };
    if (typeof minAvailable === "number")
      return { expected: pods.length, desired: minAvailable, unmanaged: [] };
    const { expected, unmanaged } = await this.#scaleOf(pods);
    return { expected, desired: resolveIntOrPercent(minAvailable, expected, true), unmanaged };
  }

  /** The sum of what the pods' controllers want, each counted once. */
  async #scaleOf(pods: readonly Pod[]): Promise<{ expected: number; unmanaged: readonly Pod[] }> {
    const unmanaged = pods.filter((pod) => controllerOf(pod) === undefined);
    const scales = new Map<string, number>();
    const asked = new Set<string>();
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (owner === undefined || asked.has(owner.uid)) continue;
      asked.add(owner.uid);
      const { uid, replicas } = await this.#scale(owner, pod);
      scales.set(uid, replicas);
    }
    return { expected: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged };
  }

  async #scale(owner: OwnerReference, pod: Pod): Promise<Scale> {
    const known = this.#builtIn(owner, pod.metadata.namespace ?? "") ?? (await this.#byScale(owner, pod));
    if (known === undefined) throw new Error(`found no controllers for pod "${pod.metadata.name}"`);
    return known;
  }

  #builtIn({ kind, name, uid }: OwnerReference, namespace: string): Scale | undefined {
    const owner = {
      ReplicaSet: this.#replicaSets,
      StatefulSet: this.#statefulSets,
      ReplicationController: this.#replicationControllers,
    }[kind]?.get(name, namespace);
    if (owner === undefined || owner.metadata.uid !== uid) return undefined;
    const above = controllerOf(owner);
    // During a rollout the ReplicaSets together want more than the Deployment does.
    const deployment =
      above?.kind === "Deployment" ? this.#deployments.get(above.name, namespace) : undefined;
    if (above !== undefined && deployment?.metadata.uid === above.uid)
      return { uid: above.uid, replicas: deployment.spec.replicas ?? 1 };
    return { uid, replicas: owner.spec.replicas ?? 1 };
  }

  /** Any other kind says so by its scale. */
  async #byScale({ apiVersion, kind, name, uid }: OwnerReference, pod: Pod): Promise<Scale | undefined> {
    const reference = await this.#kindOf(apiVersion, kind);
    if (reference === undefined) return undefined;
    try {
      const scale = await this.#context.client
        .resource(reference)
        .getSubresource<{ spec?: { replicas?: number } }>(name, "scale", {
          namespace: pod.metadata.namespace,
        });
      return { uid, replicas: scale.spec?.replicas ?? 0 };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const gvr = `${reference.resource}.${reference.group}`;
      throw new Error(`${gvr} does not implement the scale subresource`, { cause: error });
    }
  }

  async #kindOf(apiVersion: string, kind: string): Promise<ResourceReference | undefined> {
    const key = `${apiVersion} ${kind}`;
    if (!this.#kinds.has(key)) {
      const { resources: found } = await discoverResources(this.#context.client.transport);
      this.#kinds = new Map(
        found.map((reference) => {
          const { group, version } = reference;
          return [`${group === "" ? version : `${group}/${version}`} ${reference.kind}`, reference];
        }),
      );
    }
    return this.#kinds.get(key);
  }
}
