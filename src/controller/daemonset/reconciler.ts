import type { ControllerRevision, DaemonSet, DaemonSetStatus } from "../../api/types/apps-v1.ts";
import type { Node, Pod } from "../../api/types/core-v1.ts";
import { KeyedBackoff } from "../../apimachinery/backoff.ts";
import { type Selector, selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { isBeingDeleted, keyOf } from "../../apimachinery/object.ts";
import type { ResourceClient } from "../../client/client.ts";
import type { Informer } from "../../client/informer.ts";
import { resources } from "../../client/resources.ts";
import {
  type ControllerContext,
  type ControllerWatch,
  type ReconcileResult,
  soonest,
} from "../controller.ts";
import { claimObjects, indexByController, ownedAndOrphaned } from "../controller-ref-manager.ts";
import { Expectations } from "../expectations.ts";
import { RevisionHistory, revisionHashLabel } from "../history.ts";
import { OwnWrites } from "../own-writes.ts";
import { watchOwnedPods } from "../owned-pods.ts";
import { isNamespaceTerminating, PodControl, slowStartBatch } from "../pod-control.ts";
import { isPodAvailable, isPodReady, isPodTerminal, nextAvailableMs } from "../pods.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { writeStatus } from "../write-status.ts";
import { daemonTolerationsOf, type Fit, fitOf, nodeNameOf, tieToNode } from "./fit.ts";
import { allowsSurge, isUpdated, updateStep } from "./update.ts";

/** At most so many pods are created or deleted in one go. */
const burst = 250;

/** A daemon that fails at once must not be made again and again. */
const failedPodDelays = { initialMs: 1000, maxMs: 15 * 60_000 };

/** A set with its nodes and pods, as one round sees them. */
interface Round {
  readonly set: DaemonSet;
  readonly nodes: readonly (readonly [Node, Fit])[];
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
  /** Of the current template. */
  readonly hash: string;
}

/** Keeps one pod of each DaemonSet on every node that it fits. (Mirrors pkg/controller/daemon.) */
export class DaemonSetReconciler {
  readonly #context: ControllerContext;
  readonly #sets: Informer<DaemonSet>;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #resource: ResourceClient<DaemonSet>;
  readonly #podControl: PodControl;
  readonly #history: RevisionHistory<DaemonSet>;
  readonly #expectations: Expectations;
  readonly #written = new OwnWrites();
  readonly #failedPods = new KeyedBackoff<string>(failedPodDelays);

  constructor(context: ControllerContext) {
    const { client, informers } = context;
    this.#context = context;
    this.#sets = informers.informer(resources.daemonsets);
    this.#nodes = informers.informer(resources.nodes);
    this.#pods = informers.informer(resources.pods);
    this.#resource = client.resource(resources.daemonsets);
    this.#podControl = new PodControl(client, context.events);
    this.#expectations = new Expectations(context.clock);
    this.#history = new RevisionHistory({
      client,
      informers,
      ownerReference: resources.daemonsets,
      hashLabel: revisionHashLabel,
      written: this.#written,
    });
    indexByController(this.#pods);
  }

  watches(): ControllerWatch[] {
    const pods = watchOwnedPods({
      pods: this.#pods,
      owners: this.#sets,
      kind: "DaemonSet",
      selectorOf: ({ spec }) => selectorFromLabelSelector(spec.selector),
      expectations: this.#expectations,
    });
    return [watch(this.#sets, enqueueSelf), pods, this.#written.watch()];
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = this.#sets.getByKey(key);
    if (set === undefined) {
      this.#expectations.delete(key);
      this.#written.forget(key);
      return undefined;
    }
    if (!this.#written.isSeen(key)) return undefined;
    const selector = selectorFromLabelSelector(set.spec.selector);
    if (selector.isEmpty()) {
      const message = "This daemon set is selecting all pods. A non-empty selector is required.";
      this.#context.events.event(set, "Warning", "SelectingAll", message);
      return undefined;
    }
    if (isBeingDeleted(set)) return undefined;
    const mayManage = this.#expectations.satisfied(key);
    const revisions = await this.#history.list(set, selector);
    const found = await this.#history.current(set, revisions, set.status?.collisionCount ?? 0);
    const pods = await this.#claim(key, set, selector);
    const round: Round = {
      set,
      nodes: this.#nodes.list().map((node) => [node, fitOf(set, node)] as const),
      podsByNode: groupByNode(pods),
      hash: found.revision.metadata.labels?.[revisionHashLabel] ?? "",
    };
    let failure: { error: unknown } | undefined;
    let requeueAfterMs: number | undefined;
    if (mayManage) {
      try {
        requeueAfterMs = await this.#act(round);
        await this.#history.truncate(set, found.all, liveNames(found.all, found.revision, pods));
      } catch (error) {
        failure = { error };
      }
    }
    const status = this.#statusOf(round, found.collisionCount, mayManage);
    this.#written.wrote(key, this.#sets, await writeStatus(this.#resource, set, status));
    if (failure !== undefined) throw failure.error;
    const availableMs = nextAvailableMs(pods, set.spec.minReadySeconds ?? 0, this.#context.clock.now());
    return soonest(requeueAfterMs, availableMs, this.#expectations.remainingMs(key));
  }

  /** First every node gets what it lacks; only then is anything updated. Returns when to look again, if ever. */
  async #act(round: Round): Promise<number | undefined> {
    const { acted, requeueAfterMs } = await this.#manage(round);
    const { set, podsByNode, hash } = round;
    const rolls = (set.spec.updateStrategy?.type ?? "RollingUpdate") === "RollingUpdate";
    // What was done just now is not in this round's pods: an update judged by them would take too many away.
    if (!rolls || acted) return requeueAfterMs;
    const present = allowsSurge(set) ? onKnownNodes(round) : podsByNode;
    const step = updateStep(set, present, hash, desiredOf(round), this.#context.clock.now());
    await this.#sync(round, step.deletePods, step.createOn);
    return requeueAfterMs;
  }

  async #claim(key: string, set: DaemonSet, selector: Selector): Promise<Pod[]> {
    return await claimObjects(ownedAndOrphaned(this.#pods, set), {
      client: this.#context.client,
      reference: resources.pods,
      owner: set,
      ownerReference: resources.daemonsets,
      selector,
      wrote: (pod) => this.#written.wrote(key, this.#pods, pod),
    });
  }

  async #manage(round: Round): Promise<{ acted: boolean; requeueAfterMs: number | undefined }> {
    const createOn: string[] = [];
    const deletePods: Pod[] = [];
    const waits: number[] = [];
    const known = new Set<string>();
    for (const [node, { shouldRun, mayStay }] of round.nodes) {
      const name = node.metadata.name ?? "";
      known.add(name);
      const pods = round.podsByNode.get(name) ?? [];
      if (pods.length === 0) {
        if (shouldRun) createOn.push(name);
      } else if (mayStay) {
        const { surplus, waitMs } = this.#sortOut(round, name, pods);
        deletePods.push(...surplus);
        if (waitMs !== undefined) waits.push(waitMs);
      } else {
        deletePods.push(...pods.filter((pod) => !isBeingDeleted(pod)));
      }
    }
    // Pods that wait for a node which is no more will never run; those that ran there are collected elsewhere.
    for (const [name, pods] of round.podsByNode) {
      if (known.has(name)) continue;
      deletePods.push(...pods.filter((pod) => !isBeingDeleted(pod) && (pod.spec.nodeName ?? "") === ""));
    }
    await this.#sync(round, deletePods, createOn);
    const acted = deletePods.length + createOn.length > 0;
    return { acted, requeueAfterMs: waits.length === 0 ? undefined : Math.min(...waits) };
  }

  /** Of the pods on one node, those that must go: what has ended, and all but one of the rest. */
  #sortOut(round: Round, node: string, pods: readonly Pod[]): { surplus: Pod[]; waitMs: number | undefined } {
    const surplus: Pod[] = [];
    const running: Pod[] = [];
    let waitMs: number | undefined;
    for (const pod of pods) {
      if (isBeingDeleted(pod)) continue;
      if (!isPodTerminal(pod)) {
        running.push(pod);
        continue;
      }
      const wait = pod.status?.phase === "Failed" ? this.#failedPodWaitMs(round.set, node) : undefined;
      if (wait !== undefined) {
        waitMs = wait;
        continue;
      }
      this.#sayEnded(round.set, node, pod);
      surplus.push(pod);
    }
    running.sort(byAgeAndPhase);
    if (allowsSurge(round.set)) surplus.push(...this.#surplusOfSurge(round, running));
    else surplus.push(...running.slice(1));
    return { surplus, waitMs };
  }

  /** With surge a node may have one old and one new pod, until the new one is available or the old one is not ready. */
  #surplusOfSurge({ set, hash }: Round, running: readonly Pod[]): Pod[] {
    if (running.length <= 1) return [];
    const newPod = running.find((pod) => isUpdated(pod, hash));
    const oldPod = running.find((pod) => !isUpdated(pod, hash));
    const surplus = running.filter((pod) => pod !== newPod && pod !== oldPod);
    if (newPod === undefined || oldPod === undefined) return surplus;
    const takesOver = isPodAvailable(newPod, set.spec.minReadySeconds ?? 0, this.#context.clock.now());
    return takesOver || !isPodReady(oldPod) ? [...surplus, oldPod] : surplus;
  }

  #failedPodWaitMs(set: DaemonSet, node: string): number | undefined {
    const nowMs = this.#context.clock.now();
    const key = `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${node}`;
    const since = this.#failedSinceMs.get(key);
    const leftMs = since === undefined ? 0 : since + this.#failedPods.current(key) - nowMs;
    if (leftMs > 0) return leftMs;
    this.#failedPods.next(key, nowMs);
    this.#failedSinceMs.set(key, nowMs);
    return undefined;
  }

  /** When the last failed pod of a set on a node was taken away. */
  readonly #failedSinceMs = new Map<string, number>();

  #sayEnded(set: DaemonSet, node: string, pod: Pod): void {
    const { namespace, name } = pod.metadata;
    const { events } = this.#context;
    if (pod.status?.phase === "Failed") {
      const message = `Found failed daemon pod ${namespace}/${name} on node ${node}, will try to kill it`;
      events.event(set, "Warning", "FailedDaemonPod", message);
    } else {
      const message = `Found succeeded daemon pod ${namespace}/${name} on node ${node}, will try to delete it`;
      events.event(set, "Normal", "SucceededDaemonPod", message);
    }
  }

  async #sync({ set, hash }: Round, deletePods: readonly Pod[], createOn: readonly string[]): Promise<void> {
    const key = keyOf(set);
    const doomed = deletePods.slice(0, burst);
    const nodes = createOn.slice(0, burst);
    if (doomed.length + nodes.length === 0) return;
    this.#expectations.expect(key, { creations: nodes.length, deletions: doomed.map(keyOf) });
    const deletions = Promise.allSettled(
      doomed.map(async (pod) => {
        try {
          await this.#podControl.delete(pod, set);
        } catch (error) {
          this.#expectations.deletionObserved(key, keyOf(pod));
          throw error;
        }
      }),
    );
    let refusedByNamespace = 0;
    const { succeeded, error } = await slowStartBatch(nodes.length, async (index) => {
      try {
        await this.#createOn(set, hash, nodes[index] ?? "");
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error;
        refusedByNamespace++;
      }
    });
    this.#expectations.creationObserved(key, nodes.length - succeeded + refusedByNamespace);
    const failure = (await deletions).find((result) => result.status === "rejected");
    if (error !== undefined) throw error;
    if (failure !== undefined) throw failure.reason;
  }

  async #createOn(set: DaemonSet, hash: string, node: string): Promise<void> {
    const created = await this.#podControl.create(set.spec.template, set, (pod) => {
      pod.metadata.labels = { ...pod.metadata.labels, ...generationLabel(set), [revisionHashLabel]: hash };
      pod.spec.tolerations = daemonTolerationsOf(pod.spec);
      tieToNode(pod.spec, node);
    });
    this.#written.wrote(keyOf(set), this.#pods, created);
  }

  #statusOf(round: Round, collisionCount: number, observed: boolean): DaemonSetStatus {
    const { set, nodes, podsByNode, hash } = round;
    const nowMs = this.#context.clock.now();
    const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
    for (const [node, { shouldRun }] of nodes) {
      const [pod] = (podsByNode.get(node.metadata.name ?? "") ?? []).toSorted(byAgeAndPhase);
      if (shouldRun) counts.desired++;
      if (pod === undefined) continue;
      if (!shouldRun) {
        counts.misscheduled++;
        continue;
      }
      counts.current++;
      if (isPodReady(pod)) counts.ready++;
      if (isPodAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)) counts.available++;
      if (isUpdated(pod, hash)) counts.updated++;
    }
    const unavailable = counts.desired - counts.available;
    const { conditions, observedGeneration } = set.status ?? {};
    return {
      currentNumberScheduled: counts.current,
      desiredNumberScheduled: counts.desired,
      numberMisscheduled: counts.misscheduled,
      numberReady: counts.ready,
      ...(counts.updated > 0 ? { updatedNumberScheduled: counts.updated } : {}),
      ...(counts.available > 0 ? { numberAvailable: counts.available } : {}),
      ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
      // While pods made before are not seen yet, the counts do not speak for this generation.
      observedGeneration: observed ? set.metadata.generation : observedGeneration,
      ...(collisionCount > 0 ? { collisionCount } : {}),
      ...(conditions === undefined ? {} : { conditions }),
    };
  }
}

/** Pods outlive their node for a while: what is made beside them for a node that is no more is taken away at once. */
const onKnownNodes = ({ nodes, podsByNode }: Round): ReadonlyMap<string, readonly Pod[]> => {
  const names = new Set(nodes.map(([{ metadata }]) => metadata.name));
  return new Map([...podsByNode].filter(([name]) => names.has(name)));
};

const desiredOf = ({ nodes }: Round): number => nodes.filter(([, { shouldRun }]) => shouldRun).length;

/** Pods that have ended and are being deleted already count for nothing. */
function groupByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeNameOf(pod);
    if (node === undefined || (isPodTerminal(pod) && isBeingDeleted(pod))) continue;
    const present = byNode.get(node);
    if (present === undefined) byNode.set(node, [pod]);
    else present.push(pod);
  }
  return byNode;
}

/** Pods with a node before those without, then the oldest first. */
function byAgeAndPhase(a: Pod, b: Pod): number {
  const assigned = ({ spec }: Pod): number => Number((spec.nodeName ?? "") === "");
  if (assigned(a) !== assigned(b)) return assigned(a) - assigned(b);
  const left = a.metadata.creationTimestamp ?? "";
  const right = b.metadata.creationTimestamp ?? "";
  if (left !== right) return left < right ? -1 : 1;
  return (a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1;
}

/** Sets that were made by an old API carry a number that their pods repeat. */
function generationLabel({ metadata }: DaemonSet): Record<string, string> {
  const generation = metadata.annotations?.["deprecated.daemonset.template.generation"];
  return generation === undefined || !/^[0-9]+$/.test(generation)
    ? {}
    : { "pod-template-generation": generation };
}

/** The revisions that pods are of, and the current one. */
function liveNames(
  revisions: readonly ControllerRevision[],
  current: ControllerRevision,
  pods: readonly Pod[],
): Set<string> {
  const hashes = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionHashLabel]));
  const live = revisions.filter(({ metadata }) => hashes.has(metadata.labels?.[revisionHashLabel]));
  return new Set([current, ...live].map(({ metadata }) => metadata.name ?? ""));
}
