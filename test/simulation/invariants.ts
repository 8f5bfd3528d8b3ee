import { matchingResources, usageOf } from "../../src/api/quota/usage.ts";
import type { ReplicaSet } from "../../src/api/types/apps-v1.ts";
import type { Job } from "../../src/api/types/batch-v1.ts";
import type { Pod, PodTemplateSpec, ResourceQuota, Service } from "../../src/api/types/core-v1.ts";
import { selectorFromLabelSelector, selectorFromMap } from "../../src/apimachinery/labels.ts";
import {
  controllerOf,
  type KubernetesObject,
  keyOf,
  type UnstructuredObject,
} from "../../src/apimachinery/object.ts";
import { Quantity } from "../../src/apimachinery/quantity.ts";
import { resources } from "../../src/client/resources.ts";
import type { SavedRuntime } from "../../src/cri/simulated/index.ts";
import { type Change, type History, keyOfObject, prefixOf } from "./history.ts";

/** What invariants are judged by. */
export interface World {
  readonly history: History;
  /** What runs on each node that runs. */
  readonly runtimes: ReadonlyMap<string, SavedRuntime>;
  readonly nowMs: number;
  /** Uids of which the last finalizer was let go by whoever holds it. */
  readonly released: ReadonlySet<string>;
  /** Uids of pods whose end nobody waited for: deleted without grace, or with their node. */
  readonly forced: ReadonlySet<string>;
}

/** A sentence that is true of every cluster, whatever clients do to it and whatever weather it has. */
export interface Invariant {
  readonly name: string;
  readonly claim: string;
  /** Judged at each change of the store, right after it. Tells what is wrong. */
  readonly always?: (change: Change, world: World) => Iterable<string>;
  /** Judged now and then, whatever is under way. */
  readonly anytime?: (world: World) => Iterable<string>;
  /** Judged when the weather has cleared and everybody had time to do what is left. */
  readonly atRest?: (world: World) => Iterable<string>;
}

/** The finalizer of this simulation's own clients. */
export const holdFinalizer = "simulation.sampan.dev/hold";

/** All of them, fresh: some remember what they have seen. */
export function newInvariants(): Invariant[] {
  return [
    revisionsFollow(),
    identity,
    deletionIsFinal,
    finalizersHold,
    boundOnce,
    endedForGood,
    podAddresses,
    podRanges,
    serviceAddresses,
    nodePorts,
    quotasHold(),
    jobsCountOnce(),
    runsWhereItIsBound,
    oneOfEachIdentity,
    nothingStuck,
    noOrphans,
    namespacesWhole,
    nodesReady,
    podsRun,
    deploymentsConverge,
    replicaSetsConverge,
    statefulSetsConverge,
    daemonSetsConverge,
    jobsFinish,
    cronJobsKnowTheirJobs,
    endpointsAreReadyPods,
    quotaStatusIsUsage,
    budgetsAreCurrent,
    volumesAreBoundOneToOne,
    serviceAddressesAreRecorded,
    definitionsRule,
  ];
}

const isOver = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
const isGoing = ({ metadata }: KubernetesObject): boolean => metadata.deletionTimestamp !== undefined;
const isOf = (change: Change, reference: { readonly group: string; readonly resource: string }): boolean =>
  change.key.startsWith(prefixOf(reference));
const ownedBy = <T extends KubernetesObject>(objects: readonly T[], owner: KubernetesObject): T[] =>
  objects.filter((object) => controllerOf(object)?.uid === owner.metadata.uid);
const conditionOf = (
  object: {
    readonly status?:
      | { readonly conditions?: readonly { type: string; status: string }[] | undefined }
      | undefined;
  },
  type: string,
): boolean =>
  object.status?.conditions?.some((each) => each.type === type && each.status === "True") === true;

/** Who holds a value that only one may hold: tells of each that has several. */
function* sharedValues(
  holders: Iterable<readonly [value: string, holder: string]>,
  what: string,
): Generator<string> {
  const known = new Map<string, string>();
  for (const [value, holder] of holders) {
    const other = known.get(value);
    if (other !== undefined) yield `${holder} and ${other} both have ${what} ${value}`;
    known.set(value, holder);
  }
}

function* different(what: string, is: unknown, should: unknown): Generator<string> {
  if (is !== should) yield `${what} is ${String(is)} and should be ${String(should)}`;
}

function revisionsFollow(): Invariant {
  let last: number | undefined;
  let lastKeys = new Set<string>();
  return {
    name: "revisions-follow",
    claim: "Each commit has the revision after the one before it, and changes a key once.",
    *always({ revision, key }) {
      const isSame = revision === last;
      if (last !== undefined && !isSame && revision !== last + 1)
        yield `revision ${revision} came after ${last}`;
      if (isSame && lastKeys.has(key)) yield `revision ${revision} changed ${key} twice`;
      lastKeys = isSame ? lastKeys.add(key) : new Set([key]);
      last = revision;
    },
  };
}

const identity: Invariant = {
  name: "identity",
  claim:
    "An object keeps its uid and its time of birth while it lives, no uid is ever given twice, and its generation never falls.",
  *always({ before, after, key }, { history }) {
    if (after === undefined) return;
    const { uid = "", creationTimestamp, generation = 0 } = after.metadata;
    if (uid === "") yield `${key} has no uid`;
    const first = history.keyOfUid(uid);
    if (before === undefined) {
      if (first !== undefined && first !== key) yield `${key} has the uid of ${first}`;
      return;
    }
    yield* different(`the uid of ${key}`, uid, before.metadata.uid);
    yield* different(`the creationTimestamp of ${key}`, creationTimestamp, before.metadata.creationTimestamp);
    if (generation < (before.metadata.generation ?? 0))
      yield `the generation of ${key} fell to ${generation}`;
  },
};

const deletionIsFinal: Invariant = {
  name: "deletion-is-final",
  claim: "What is being deleted stays so, is not given more time, and nobody adds a finalizer to it.",
  *always({ before, after, key }) {
    if (before === undefined || after === undefined || !isGoing(before)) return;
    if (!isGoing(after)) yield `${key} is no longer being deleted`;
    const had = before.metadata.deletionGracePeriodSeconds ?? 0;
    if ((after.metadata.deletionGracePeriodSeconds ?? 0) > had) yield `${key} was given more time`;
    // Whoever deletes it again may wait for its dependents, or let them be.
    const held = new Set([...(before.metadata.finalizers ?? []), "foregroundDeletion", "orphan"]);
    const added = (after.metadata.finalizers ?? []).filter((finalizer) => !held.has(finalizer));
    if (added.length > 0) yield `${key} was given the finalizers ${added.join(", ")} while it goes`;
  },
};

const finalizersHold: Invariant = {
  name: "finalizers-hold",
  claim: "An object with a finalizer is not removed before whoever holds it has let go.",
  *always({ before, after, key }, { released }) {
    if (before === undefined || after !== undefined) return;
    const { finalizers = [], uid = "" } = before.metadata;
    if (finalizers.includes(holdFinalizer) && !released.has(uid)) yield `${key} went while it was held`;
  },
};

const boundOnce: Invariant = {
  name: "bound-once",
  claim: "A pod that is bound to a node is never bound to another, nor set free.",
  *always(change) {
    if (!isOf(change, resources.pods)) return;
    const [before, after] = [change.before, change.after] as (Pod | undefined)[];
    const from = before?.spec.nodeName ?? "";
    if (from === "" || after === undefined) return;
    yield* different(`the node of ${change.key}`, after.spec.nodeName, from);
  },
};

const endedForGood: Invariant = {
  name: "ended-for-good",
  claim: "A pod that has succeeded or failed stays so, and a Job that is complete or failed too.",
  *always(change) {
    const { before, after, key } = change;
    if (before === undefined || after === undefined) return;
    if (isOf(change, resources.pods) && isOver(before as Pod)) {
      yield* different(`the phase of ${key}`, (after as Pod).status?.phase, (before as Pod).status?.phase);
    }
    if (!isOf(change, resources.jobs)) return;
    for (const type of ["Complete", "Failed"]) {
      if (conditionOf(before as Job, type) && !conditionOf(after as Job, type))
        yield `${key} is no longer ${type}`;
    }
    if (conditionOf(after as Job, "Complete") && conditionOf(after as Job, "Failed"))
      yield `${key} is complete and failed`;
  },
};

const podAddresses: Invariant = {
  name: "pod-addresses",
  claim: "No two pods that are not over have the same address, unless somebody gave up on one of them.",
  *always(change, { history, forced }) {
    if (!isOf(change, resources.pods)) return;
    const address = (change.after as Pod | undefined)?.status?.podIP;
    if (address === undefined || address === (change.before as Pod | undefined)?.status?.podIP) return;
    const living = history
      .objects(resources.pods)
      .filter(
        (pod) =>
          pod.status?.podIP === address &&
          pod.spec.hostNetwork !== true &&
          !isOver(pod) &&
          !forced.has(pod.metadata.uid ?? ""),
      );
    yield* sharedValues(
      living.map((pod) => [address, keyOf(pod)] as const),
      "the pod address",
    );
  },
};

const podRanges: Invariant = {
  name: "pod-ranges",
  claim: "No two nodes have the same range of pod addresses.",
  *always(change, { history }) {
    if (!isOf(change, resources.nodes)) return;
    const ranges = history
      .objects(resources.nodes)
      .flatMap(({ metadata, spec }) =>
        spec.podCIDR === undefined ? [] : [[spec.podCIDR, metadata.name ?? ""] as const],
      );
    yield* sharedValues(ranges, "the range");
  },
};

const addressesOf = ({ spec }: Service): string[] =>
  (spec?.clusterIPs ?? []).filter((address) => address !== "None" && address !== "");

const serviceAddresses: Invariant = {
  name: "service-addresses",
  claim: "No two Services have the same address.",
  *always(change, { history }) {
    if (!isOf(change, resources.services) || change.after === undefined) return;
    const holders = history
      .objects(resources.services)
      .flatMap((service) => addressesOf(service).map((address) => [address, keyOf(service)] as const));
    yield* sharedValues(holders, "the address");
  },
};

const nodePorts: Invariant = {
  name: "node-ports",
  claim: "No two Services have the same port of the nodes for the same protocol.",
  *always(change, { history }) {
    if (!isOf(change, resources.services) || change.after === undefined) return;
    const holders = history
      .objects(resources.services)
      .flatMap((service) =>
        (service.spec?.ports ?? []).flatMap(({ nodePort = 0, protocol = "TCP" }) =>
          nodePort === 0 ? [] : [[`${protocol} ${nodePort}`, keyOf(service)] as const],
        ),
      );
    yield* sharedValues(holders, "the port");
  },
};

/** The resources that the simulation bounds by quotas. */
const bounded = [resources.pods, resources.services, resources.configmaps];

function usageIn(
  history: History,
  quota: ResourceQuota,
  names: readonly string[],
  nowMs: number,
): Map<string, Quantity> {
  const total = new Map<string, Quantity>(names.map((name) => [name, Quantity.fromInteger(0)]));
  for (const reference of bounded) {
    const matching = matchingResources(reference, names);
    if (matching.length === 0) continue;
    const objects: readonly KubernetesObject[] = history.objects<KubernetesObject>(reference);
    for (const object of objects) {
      if (object.metadata.namespace !== quota.metadata.namespace) continue;
      const usage = usageOf(reference, object as UnstructuredObject, nowMs);
      for (const name of matching) {
        const used = usage.get(name);
        if (used !== undefined) total.set(name, total.get(name)?.add(used) ?? used);
      }
    }
  }
  return total;
}

/** What was let in while a quota was counted for the first time is found by the second look, ten seconds later. */
const countedTwiceMs = 15_000;

function quotasHold(): Invariant {
  /** When each quota was first seen with a count, by uid: before that it bounds nothing. */
  const countedMs = new Map<string, number>();
  const sinceCountedMs = ({ metadata: { uid = "" }, status }: ResourceQuota, nowMs: number): number => {
    if (status?.hard === undefined) return 0;
    if (!countedMs.has(uid)) countedMs.set(uid, nowMs);
    return nowMs - (countedMs.get(uid) ?? nowMs);
  };
  return {
    name: "quotas-hold",
    claim: "Nothing is created that exceeds a quota, once that has counted twice what was there before it.",
    *always(change, { history, nowMs }) {
      if (change.after !== undefined && isOf(change, resources.resourcequotas))
        sinceCountedMs(change.after as ResourceQuota, nowMs);
      const reference = bounded.find((each) => isOf(change, each));
      if (reference === undefined || change.before !== undefined || change.after === undefined) return;
      const { namespace } = change.after.metadata;
      for (const quota of history.objects(resources.resourcequotas)) {
        if (quota.metadata.namespace !== namespace) continue;
        if (sinceCountedMs(quota, nowMs) < countedTwiceMs) continue;
        const hard = quota.status?.hard ?? {};
        const names = matchingResources(reference, Object.keys(hard));
        if (names.length === 0) continue;
        for (const [name, used] of usageIn(history, quota, names, nowMs)) {
          const limit = Quantity.parse(hard[name] ?? "0");
          if (used.compare(limit) > 0) {
            yield `${change.key} makes it ${used.toString()} ${name} where ${keyOf(quota)} allows ${limit.toString()}`;
          }
        }
      }
    },
  };
}

function jobsCountOnce(): Invariant {
  const succeeded = new Map<string, Set<string>>();
  const ever = new Map<string, Set<string>>();
  const remember = (map: Map<string, Set<string>>, job: string, pod: string): void => {
    map.set(job, (map.get(job) ?? new Set<string>()).add(pod));
  };
  const look = ({ key, after }: Change): void => {
    const owner = after === undefined ? undefined : controllerOf(after);
    if (after === undefined || owner?.kind !== "Job" || !key.startsWith(prefixOf(resources.pods))) return;
    const { uid = "" } = after.metadata;
    remember(ever, owner.uid, uid);
    if ((after as Pod).status?.phase === "Succeeded") remember(succeeded, owner.uid, uid);
  };
  let hasLookedBack = false;
  return {
    name: "jobs-count-once",
    claim:
      "A Job counts each of its pods at most once, never counts down, and never counts more successes than it wants.",
    *always(change, { history }) {
      const { before, after, key } = change;
      if (!hasLookedBack) for (const each of history.past) look(each);
      hasLookedBack = true;
      look(change);
      if (!isOf(change, resources.jobs) || after === undefined) return;
      const { status = {}, metadata, spec } = after as Job;
      const { uid = "" } = metadata;
      const counted = status.succeeded ?? 0;
      const was = (before as Job | undefined)?.status ?? {};
      const happened = succeeded.get(uid)?.size ?? 0;
      if (counted < (was.succeeded ?? 0))
        yield `${key} counts ${counted} successes after ${was.succeeded ?? 0}`;
      if ((status.failed ?? 0) < (was.failed ?? 0))
        yield `${key} counts ${status.failed ?? 0} failures after ${was.failed ?? 0}`;
      if (counted > happened) yield `${key} counts ${counted} successes of ${happened} pods`;
      if (counted + (status.failed ?? 0) > (ever.get(uid)?.size ?? 0)) {
        yield `${key} counts ${counted} successes and ${status.failed ?? 0} failures of ${ever.get(uid)?.size ?? 0} pods`;
      }
      if (spec?.completions !== undefined && counted > spec.completions)
        yield `${key} succeeded ${counted} times of ${spec.completions}`;
    },
  };
}

const running = ({ runtimes }: World) =>
  [...runtimes].flatMap(([node, { sandboxes }]) =>
    sandboxes.filter(({ ready }) => ready).map(({ config, ips }) => ({ node, config, ips })),
  );

const runsWhereItIsBound: Invariant = {
  name: "runs-where-it-is-bound",
  claim:
    "No pod runs on two nodes, or on another than the one that it is bound to; no two that run have one address.",
  *anytime(world) {
    const sandboxes = running(world);
    yield* sharedValues(
      sandboxes.map(
        ({ config, node }) => [config.uid, `${config.namespace}/${config.name} on ${node}`] as const,
      ),
      "the uid",
    );
    yield* sharedValues(
      sandboxes.flatMap(({ config, ips }) =>
        ips.map((ip) => [ip, `${config.namespace}/${config.name}`] as const),
      ),
      "the address",
    );
    for (const { node, config } of sandboxes) {
      const pod = world.history.byUid(config.uid) as Pod | undefined;
      if (pod !== undefined) yield* different(`the node of ${keyOf(pod)}`, pod.spec.nodeName, node);
    }
  },
};

const oneOfEachIdentity: Invariant = {
  name: "one-of-each-identity",
  claim: "Of the pods of a name only one runs at a time, unless somebody gave up on the one before.",
  *anytime(world) {
    const { history, forced } = world;
    // Pods of a node that is no more are given up by their collector.
    const isGivenUp = (node: string, uid: string): boolean =>
      forced.has(uid) || history.find(resources.nodes, node) === undefined;
    const holders = running(world)
      .filter(({ node, config }) => !isGivenUp(node, config.uid))
      .map(({ node, config }) => [`${config.namespace}/${config.name}`, `${config.uid} on ${node}`] as const);
    yield* sharedValues(holders, "the name");
  },
};

const nothingStuck: Invariant = {
  name: "nothing-stuck",
  claim: "Whatever is deleted goes, once nobody holds it, no pod uses it and no Job waits to replace it.",
  *atRest({ history, nowMs }) {
    const used = new Set<string>();
    for (const job of history.objects(resources.jobs)) {
      const own = ownedBy(history.objects(resources.pods), job);
      for (const { metadata } of awaitingReplacement(job, own, history, nowMs))
        used.add(keyOfObject(resources.pods, metadata));
    }
    for (const pod of history.objects(resources.pods)) {
      for (const { persistentVolumeClaim } of isOver(pod) ? [] : (pod.spec.volumes ?? [])) {
        const { claimName } = persistentVolumeClaim ?? {};
        const { namespace } = pod.metadata;
        if (claimName !== undefined)
          used.add(keyOfObject(resources.persistentvolumeclaims, { namespace, name: claimName }));
      }
    }
    for (const [key, object] of history.all()) {
      if (isGoing(object) && !used.has(key))
        yield `${key} is being deleted since ${object.metadata.deletionTimestamp ?? ""}, held by ${JSON.stringify(object.metadata.finalizers ?? [])}`;
    }
  },
};

const noOrphans: Invariant = {
  name: "no-orphans",
  claim:
    "What all owners have gone from goes too, and references to owners that are gone do not stay beside others.",
  *atRest({ history }) {
    for (const [key, object] of history.all()) {
      const owners = object.metadata.ownerReferences ?? [];
      if (owners.length === 0) continue;
      const absent = owners.filter(({ uid }) => {
        const owner = history.byUid(uid);
        const { namespace = object.metadata.namespace } = owner?.metadata ?? {};
        return owner === undefined || namespace !== object.metadata.namespace;
      });
      if (absent.length > 0)
        yield `${key} stays with ${absent.length} of ${owners.length} owners gone: ${absent.map(({ kind, name }) => `${kind} ${name}`).join(", ")}`;
    }
  },
};

const namespacesWhole: Invariant = {
  name: "namespaces-whole",
  claim:
    "Nothing is in a namespace that is not there, and each namespace has its ServiceAccount and the cluster's certificate.",
  *atRest({ history }) {
    const names = new Set(history.objects(resources.namespaces).map(({ metadata }) => metadata.name ?? ""));
    for (const [key, { metadata }] of history.all()) {
      if (metadata.namespace !== undefined && !names.has(metadata.namespace))
        yield `${key} is in no namespace`;
    }
    for (const name of names) {
      if (history.find(resources.serviceaccounts, "default", name) === undefined)
        yield `${name} has no ServiceAccount default`;
      if (history.find(resources.configmaps, "kube-root-ca.crt", name) === undefined)
        yield `${name} has no kube-root-ca.crt`;
    }
  },
};

const nodesReady: Invariant = {
  name: "nodes-ready",
  claim: "Nodes that run are there, ready, and free of the taints of those that do not.",
  *atRest({ history, runtimes }) {
    for (const name of runtimes.keys()) {
      const node = history.find(resources.nodes, name);
      if (node === undefined) yield `node ${name} is not there`;
      else if (!conditionOf(node, "Ready")) yield `node ${name} is not ready`;
      else if ((node.spec.taints ?? []).length > 0)
        yield `node ${name} has the taints ${JSON.stringify(node.spec.taints)}`;
    }
  },
};

const podsRun: Invariant = {
  name: "pods-run",
  claim:
    "Each pod that is not over is bound to a node that is there and runs on it; nothing runs that is no pod.",
  *atRest(world) {
    const sandboxes = new Map(running(world).map(({ node, config }) => [config.uid, { node, config }]));
    for (const pod of world.history.objects(resources.pods)) {
      const sandbox = sandboxes.get(pod.metadata.uid ?? "");
      sandboxes.delete(pod.metadata.uid ?? "");
      if (isOver(pod)) {
        if (sandbox !== undefined) yield `${keyOf(pod)} is over and runs on ${sandbox.node}`;
      } else if (pod.spec.nodeName === undefined) {
        // Another pod still uses the claim, which goes with it.
        if (!namesGoingClaim(pod, world.history)) yield `${keyOf(pod)} is on no node: ${whyUnscheduled(pod)}`;
      } else if (sandbox === undefined)
        yield `${keyOf(pod)} (${pod.status?.phase ?? ""}) does not run on ${pod.spec.nodeName}`;
      // What is to end may fail again and again, and has nobody to end it where its Job was deleted without it.
      else if (!isReady(pod) && (pod.spec.restartPolicy ?? "Always") === "Always")
        yield `${keyOf(pod)} is not ready: ${JSON.stringify(pod.status?.containerStatuses?.[0]?.state)}`;
    }
    for (const { node, config } of sandboxes.values())
      yield `${config.namespace}/${config.name} runs on ${node} and is no pod`;
  },
};

/** Whether the pod waits for the end of a claim, and for another of its name. */
const namesGoingClaim = ({ metadata, spec }: Pod, history: History): boolean =>
  (spec.volumes ?? []).some(({ persistentVolumeClaim }) => {
    const name = persistentVolumeClaim?.claimName ?? "";
    const claim = history.find(resources.persistentvolumeclaims, name, metadata.namespace);
    return claim !== undefined && isGoing(claim);
  });

const whyUnscheduled = ({ status }: Pod): string =>
  status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "never looked at";

/** True when the controller cannot make what it should because a quota leaves no room. */
function hasNoRoom(set: ReplicaSet, history: History, nowMs: number): boolean {
  return (
    conditionOf(set, "ReplicaFailure") && lacksRoom(set.metadata.namespace, set.spec.template, history, nowMs)
  );
}

/** True when a quota of the namespace leaves no room for one more pod. */
function lacksRoom(
  namespace: string | undefined,
  template: PodTemplateSpec | undefined,
  history: History,
  nowMs: number,
): boolean {
  const pod = { ...template, apiVersion: "v1", kind: "Pod", metadata: {} } as UnstructuredObject;
  return history.objects(resources.resourcequotas).some((quota) => {
    if (quota.metadata.namespace !== namespace) return false;
    const names = matchingResources(resources.pods, Object.keys(quota.spec?.hard ?? {}));
    const more = usageOf(resources.pods, pod, nowMs);
    return [...usageIn(history, quota, names, nowMs)].some(([name, used]) => {
      const limit = Quantity.parse(quota.spec?.hard?.[name] ?? "0");
      return used.add(more.get(name) ?? Quantity.fromInteger(0)).compare(limit) > 0;
    });
  });
}

const deploymentsConverge: Invariant = {
  name: "deployments-converge",
  claim: "A Deployment has as many pods as it wants, all of its newest template, and says so.",
  *atRest({ history, nowMs }) {
    const sets = history.objects(resources.replicasets);
    for (const deployment of history.objects(resources.deployments)) {
      const name = `deployment ${keyOf(deployment)}`;
      const own = ownedBy(sets, deployment);
      if (own.some((set) => hasNoRoom(set, history, nowMs))) continue;
      yield* isSettled(name, deployment);
      const { status = {}, spec } = deployment;
      const wanted = spec?.replicas ?? 1;
      yield* different(`the replicas of ${name}`, status.replicas ?? 0, wanted);
      yield* different(`the updated replicas of ${name}`, status.updatedReplicas ?? 0, wanted);
      yield* different(`the available replicas of ${name}`, status.availableReplicas ?? 0, wanted);
      yield* different(`the unavailable replicas of ${name}`, status.unavailableReplicas ?? 0, 0);
      const scaled = own.filter((set) => (set.spec.replicas ?? 0) > 0);
      if (scaled.length > 1) yield `${name} has pods of ${scaled.length} templates`;
      const { revisionHistoryLimit = 10 } = spec ?? {};
      if (own.length - 1 > revisionHistoryLimit)
        yield `${name} keeps ${own.length - 1} old templates of ${revisionHistoryLimit}`;
    }
  },
};

function* isSettled(
  name: string,
  object: KubernetesObject & { status?: { observedGeneration?: number | undefined } | undefined },
): Generator<string> {
  yield* different(
    `the observed generation of ${name}`,
    object.status?.observedGeneration ?? 0,
    object.metadata.generation ?? 0,
  );
}

const replicaSetsConverge: Invariant = {
  name: "replicasets-converge",
  claim:
    "A ReplicaSet owns as many living pods as it wants and counts them right; no pod that it selects is without an owner.",
  *atRest({ history, nowMs }) {
    const pods = history.objects(resources.pods);
    for (const set of history.objects(resources.replicasets)) {
      const name = `replicaset ${keyOf(set)}`;
      const living = ownedBy(pods, set).filter((pod) => !isOver(pod));
      yield* isSettled(name, set);
      yield* different(`the replicas that ${name} counts`, set.status?.replicas ?? 0, living.length);
      yield* different(
        `the ready replicas that ${name} counts`,
        set.status?.readyReplicas ?? 0,
        living.filter(isReady).length,
      );
      if (!hasNoRoom(set, history, nowMs))
        yield* different(`the pods of ${name}`, living.length, set.spec.replicas ?? 1);
      const selector = selectorFromLabelSelector(set.spec.selector);
      for (const pod of pods) {
        const isIts =
          pod.metadata.namespace === set.metadata.namespace && selector.matches(pod.metadata.labels);
        if (isIts && controllerOf(pod) === undefined && !isOver(pod))
          yield `${keyOf(pod)} is not adopted by ${name}`;
      }
    }
  },
};

const ordinalOf = (pod: Pod): number => Number(/-(\d+)$/.exec(pod.metadata.name ?? "")?.[1] ?? Number.NaN);

const statefulSetsConverge: Invariant = {
  name: "statefulsets-converge",
  claim:
    "A StatefulSet has one ready pod for each ordinal and no other, each with its own claims and of the revision that it wants.",
  *always(change) {
    if (!isOf(change, resources.pods) || change.before !== undefined || change.after === undefined) return;
    const owner = controllerOf(change.after);
    if (owner?.kind === "StatefulSet" && !(change.after.metadata.name ?? "").startsWith(`${owner.name}-`))
      yield `${change.key} is no pod of ${owner.name}`;
  },
  *atRest({ history, nowMs }) {
    const pods = history.objects(resources.pods);
    for (const set of history.objects(resources.statefulsets)) {
      const name = `statefulset ${keyOf(set)}`;
      const own = ownedBy(pods, set);
      const wanted = set.spec?.replicas ?? 1;
      // Nor are those taken away that are too many, before all that are wanted are there.
      const isLacking = own.filter((pod) => ordinalOf(pod) < wanted).length < wanted;
      if (isLacking && lacksRoom(set.metadata.namespace, set.spec?.template, history, nowMs)) continue;
      yield* isSettled(name, set);
      const ordinals = own
        .map(ordinalOf)
        .toSorted((a, b) => a - b)
        .join();
      yield* different(
        `the ordinals of ${name}`,
        ordinals,
        Array.from({ length: wanted }, (_, index) => index).join(),
      );
      const { status = { replicas: 0 } } = set;
      yield* different(`the replicas of ${name}`, status.replicas, wanted);
      yield* different(`the ready replicas of ${name}`, status.readyReplicas ?? 0, wanted);
      yield* different(`the available replicas of ${name}`, status.availableReplicas ?? 0, wanted);
      if (set.spec?.updateStrategy?.type === "OnDelete") continue;
      for (const pod of own) {
        yield* different(
          `the revision of ${keyOf(pod)}`,
          pod.metadata.labels?.["controller-revision-hash"],
          status.updateRevision,
        );
      }
    }
  },
};

const daemonSetsConverge: Invariant = {
  name: "daemonsets-converge",
  claim: "A DaemonSet has exactly one ready pod on each node, of its newest template, and says so.",
  *atRest({ history, nowMs }) {
    const pods = history.objects(resources.pods);
    const nodes = history.objects(resources.nodes);
    for (const set of history.objects(resources.daemonsets)) {
      const name = `daemonset ${keyOf(set)}`;
      const own = ownedBy(pods, set);
      // A new pod may be wanted beside the old one.
      const surge = set.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0;
      const wanted = nodes.length + (surge === 0 || surge === "0%" ? 0 : 1);
      if (own.length < wanted && lacksRoom(set.metadata.namespace, set.spec?.template, history, nowMs))
        continue;
      yield* isSettled(name, set);
      const on = own.map(({ spec }) => spec.nodeName ?? "none").toSorted();
      yield* different(
        `the nodes of ${name}`,
        on.join(),
        nodes
          .map(({ metadata }) => metadata.name ?? "")
          .toSorted()
          .join(),
      );
      yield* different(`the ready pods that ${name} counts`, set.status?.numberReady, nodes.length);
      yield* different(`the pods that ${name} wants`, set.status?.desiredNumberScheduled, nodes.length);
      if (set.spec?.updateStrategy?.type !== "OnDelete") {
        yield* different(
          `the updated pods that ${name} counts`,
          set.status?.updatedNumberScheduled,
          nodes.length,
        );
      }
    }
  },
};

const isHeldByJob = ({ metadata }: Pod): boolean =>
  metadata.finalizers?.includes("batch.kubernetes.io/job-tracking") === true;

/**
 * With a limit of failures for each index, the last pod of an index that failed is held until the next one is there, which
 * it is not as long as a quota leaves no room for it.
 */
function awaitingReplacement(
  job: Job,
  pods: readonly Pod[],
  history: History,
  nowMs: number,
): readonly Pod[] {
  const { metadata, spec } = job;
  if (spec?.backoffLimitPerIndex === undefined || conditionOf(job, "Complete") || conditionOf(job, "Failed"))
    return [];
  if (!lacksRoom(metadata.namespace, spec.template, history, nowMs)) return [];
  const indexOf = (pod: Pod): string | undefined => pod.metadata.labels?.[completionIndexLabel];
  return pods.filter(
    (pod) =>
      pod.status?.phase === "Failed" &&
      pods.every(
        (other) => other === pod || indexOf(other) !== indexOf(pod) || (isOver(other) && !isHeldByJob(other)),
      ),
  );
}

const completionIndexLabel = "batch.kubernetes.io/job-completion-index";

const jobsFinish: Invariant = {
  name: "jobs-finish",
  claim:
    "A Job that is not suspended ends, with as many successes as it wants or as failed, and none of its pods is left at work.",
  *atRest({ history, nowMs }) {
    const pods = history.objects(resources.pods);
    for (const job of history.objects(resources.jobs)) {
      const name = `job ${keyOf(job)}`;
      const own = ownedBy(pods, job);
      const { status = {}, spec } = job;
      const active = own.filter((pod) => !isOver(pod));
      yield* different(`the active pods that ${name} counts`, status.active ?? 0, active.length);
      const awaiting = awaitingReplacement(job, own, history, nowMs);
      const held = own.filter((pod) => isHeldByJob(pod) && !awaiting.includes(pod));
      if (held.length > 0) yield `${name} has not counted ${held.map(keyOf).join(", ")}`;
      if (spec?.suspend === true) {
        if (active.length > 0) yield `${name} is suspended and has ${active.length} pods at work`;
        continue;
      }
      const isComplete = conditionOf(job, "Complete");
      const isFailed = conditionOf(job, "Failed");
      if (isComplete || isFailed) {
        if (active.length > 0) yield `${name} is over and has ${active.length} pods at work`;
        if (isComplete)
          yield* different(`the successes of ${name}`, status.succeeded, spec?.completions ?? 1);
        if (status.completionTime === undefined && isComplete) yield `${name} is complete without a time`;
      } else if (!lacksRoom(job.metadata.namespace, spec?.template, history, nowMs)) {
        yield `${name} neither completes nor fails: ${status.succeeded ?? 0} successes, ${status.failed ?? 0} failures, ${own.length} pods`;
      }
    }
  },
};

const cronJobsKnowTheirJobs: Invariant = {
  name: "cronjobs-know-their-jobs",
  claim:
    "A CronJob lists those of its Jobs that are not over, all unless it is suspended, and keeps no more that are than it should.",
  *atRest({ history }) {
    const jobs = history.objects(resources.jobs);
    for (const cron of history.objects(resources.cronjobs)) {
      const name = `cronjob ${keyOf(cron)}`;
      const own = ownedBy(jobs, cron);
      const open = own.filter((job) => !conditionOf(job, "Complete") && !conditionOf(job, "Failed"));
      const listed = (cron.status?.active ?? []).map((each) => each.name ?? "").toSorted();
      const expected = open
        .map(({ metadata }) => metadata.name ?? "")
        // One that was suspended before it had noted its last Job never does, as in Kubernetes.
        .filter((each) => cron.spec?.suspend !== true || listed.includes(each))
        .toSorted();
      yield* different(`the list of ${name}`, listed.join(), expected.join());
      const complete = own.filter((job) => conditionOf(job, "Complete")).length;
      const { successfulJobsHistoryLimit = 3 } = cron.spec ?? {};
      if (complete > successfulJobsHistoryLimit)
        yield `${name} keeps ${complete} of ${successfulJobsHistoryLimit}`;
    }
  },
};

const endpointsAreReadyPods: Invariant = {
  name: "endpoints-are-ready-pods",
  claim:
    "The endpoints of a Service are the addresses of the ready pods that it selects, each once, in slices and in Endpoints.",
  *atRest({ history }) {
    const pods = history.objects(resources.pods);
    const slices = history.objects(resources.endpointslices);
    for (const service of history.objects(resources.services)) {
      const { namespace = "", name = "" } = service.metadata;
      const selector = service.spec?.selector ?? {};
      if (Object.keys(selector).length === 0) continue;
      const selected = selectorFromMap(selector);
      const wanted = pods
        .filter(
          (pod) =>
            pod.metadata.namespace === namespace &&
            selected.matches(pod.metadata.labels) &&
            isReady(pod) &&
            !isOver(pod),
        )
        .map(({ status }) => status?.podIP ?? "none")
        .toSorted()
        .join();
      const told = slices
        .filter(
          ({ metadata }) =>
            metadata.namespace === namespace && metadata.labels?.["kubernetes.io/service-name"] === name,
        )
        .flatMap(({ endpoints }) =>
          (endpoints ?? [])
            .filter(({ conditions }) => conditions?.ready !== false)
            .flatMap(({ addresses }) => addresses),
        );
      yield* different(`the slices of service ${namespace}/${name}`, told.toSorted().join(), wanted);
      const subsets = history.find(resources.endpoints, name, namespace)?.subsets ?? [];
      const listed = subsets.flatMap(({ addresses }) => (addresses ?? []).map(({ ip }) => ip));
      yield* different(`the endpoints of service ${namespace}/${name}`, listed.toSorted().join(), wanted);
    }
    for (const slice of slices) {
      const { namespace, labels = {} } = slice.metadata;
      const service = labels["kubernetes.io/service-name"] ?? "";
      // Whoever deletes a Service without its dependents leaves its slices, as Kubernetes does.
      if (controllerOf(slice) === undefined) continue;
      if (service !== "" && history.find(resources.services, service, namespace) === undefined)
        yield `slice ${keyOf(slice)} is of no service`;
    }
  },
};

const quotaStatusIsUsage: Invariant = {
  name: "quota-status-is-usage",
  claim: "A quota says what is used of it, and what it allows.",
  *atRest({ history, nowMs }) {
    for (const quota of history.objects(resources.resourcequotas)) {
      const hard = quota.spec?.hard ?? {};
      for (const [name, used] of usageIn(history, quota, Object.keys(hard), nowMs)) {
        yield* different(`${name} of quota ${keyOf(quota)}`, quota.status?.used?.[name], used.toString());
        yield* different(
          `the limit of ${name} of quota ${keyOf(quota)}`,
          quota.status?.hard?.[name],
          hard[name],
        );
      }
    }
  },
};

const budgetsAreCurrent: Invariant = {
  name: "budgets-are-current",
  claim: "A disruption budget counts the pods that it protects, and those that are healthy.",
  *atRest({ history }) {
    const pods = history.objects(resources.pods);
    for (const budget of history.objects(resources.poddisruptionbudgets)) {
      const name = `budget ${keyOf(budget)}`;
      // Pods of what cannot be scaled cannot be counted: the controller says so instead.
      if (budget.status?.conditions?.some(({ reason }) => reason === "SyncFailed") === true) continue;
      const selector = selectorFromLabelSelector(budget.spec?.selector);
      const covered = pods.filter(
        ({ metadata }) =>
          metadata.namespace === budget.metadata.namespace && selector.matches(metadata.labels),
      );
      yield* isSettled(name, budget);
      yield* different(
        `the healthy pods that ${name} counts`,
        budget.status?.currentHealthy,
        covered.filter((pod) => isReady(pod) && !isOver(pod)).length,
      );
    }
  },
};

const volumesAreBoundOneToOne: Invariant = {
  name: "volumes-are-bound-one-to-one",
  claim:
    "A volume is bound to one claim and the claim to that volume, at all times; a claim that was bound stays so.",
  *always(change, { history }) {
    if (isOf(change, resources.persistentvolumeclaims)) {
      const from = (change.before as { spec?: { volumeName?: string } } | undefined)?.spec?.volumeName ?? "";
      if (from !== "" && change.after !== undefined) {
        yield* different(
          `the volume of ${change.key}`,
          (change.after as { spec?: { volumeName?: string } }).spec?.volumeName,
          from,
        );
      }
      const claims = history
        .objects(resources.persistentvolumeclaims)
        .flatMap((claim) =>
          claim.spec?.volumeName === undefined ? [] : [[claim.spec.volumeName, keyOf(claim)] as const],
        );
      yield* sharedValues(claims, "the volume");
    }
  },
  *atRest({ history }) {
    for (const claim of history.objects(resources.persistentvolumeclaims)) {
      const { volumeName } = claim.spec ?? {};
      if (volumeName === undefined) continue;
      const volume = history.find(resources.persistentvolumes, volumeName);
      yield* different(`the claim of volume ${volumeName}`, volume?.spec?.claimRef?.uid, claim.metadata.uid);
      yield* different(`the phase of claim ${keyOf(claim)}`, claim.status?.phase, "Bound");
    }
    for (const volume of history.objects(resources.persistentvolumes)) {
      const claim = volume.spec?.claimRef?.uid ?? "";
      if (history.byUid(claim) === undefined)
        yield `volume ${volume.metadata.name ?? ""} stays (${volume.status?.phase ?? ""}) after its claim`;
    }
  },
};

const serviceAddressesAreRecorded: Invariant = {
  name: "service-addresses-are-recorded",
  claim: "There is one IPAddress for each address of a Service, and none beside them.",
  *atRest({ history }) {
    const used = history.objects(resources.services).flatMap(addressesOf).toSorted();
    const recorded = history
      .objects(resources.ipaddresses)
      .map(({ metadata }) => metadata.name ?? "")
      .toSorted();
    yield* different("the list of recorded addresses", recorded.join(), used.join());
  },
};

const definitionsRule: Invariant = {
  name: "definitions-rule",
  claim: "No custom resource outlives its definition, and each definition is established.",
  *atRest({ history }) {
    const defined = new Set<string>();
    for (const definition of history.objects(resources.customresourcedefinitions)) {
      defined.add(prefixOf({ group: definition.spec.group, resource: definition.spec.names.plural }));
      if (!conditionOf(definition, "Established"))
        yield `definition ${definition.metadata.name ?? ""} is not established`;
    }
    for (const [key] of history.all()) {
      if (!key.startsWith("/registry/simulation.sampan.dev/")) continue;
      if (![...defined].some((prefix) => key.startsWith(prefix))) yield `${key} has no definition`;
    }
  },
};
