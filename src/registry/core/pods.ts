import { appArmorPrefix, appArmorProfileOf, deprecatedAppArmor } from "../../api/app-armor.ts";
import { qosClassOf } from "../../api/pod-qos.ts";
import type { Scheme } from "../../api/scheme.ts";
import type { Binding, Pod, PodCondition, PodStatus } from "../../api/types/core-v1.ts";
import { notSupported, path, required } from "../../apimachinery/field-error.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";
import { isBeingDeleted, type UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newConflict, newInvalid } from "../../apimachinery/status.ts";
import type { RegistryDependencies, ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import type { RequestContext } from "../../apiserver/request-context.ts";
import { withPodCondition } from "./pod-conditions.ts";
import { evictPod } from "./pod-eviction.ts";
import { restrictPodUpdate } from "./pod-updates.ts";

const asPod = (object: UnstructuredObject): Pod => object as unknown as Pod;
const asObject = (pod: Pod): UnstructuredObject => pod as unknown as UnstructuredObject;

/** Pods: born Pending, bound once, deleted gracefully (mirrors pkg/registry/core/pod). */
export const podsExtension: ResourceExtension = {
  group: "",
  resource: "pods",
  setup(dependencies) {
    return {
      strategy: podStrategy(dependencies),
      subresources: {
        binding: {
          create(context, body) {
            if (body.metadata.name !== context.info.name) {
              throw newBadRequest("name in URL does not match name in Binding object");
            }
            return bindPod(dependencies, context, context.info.name, body as unknown as Binding);
          },
        },
        eviction: { create: (context, body) => evictPod(dependencies, context, body) },
      },
    };
  },
};

/** The older way to bind: POST to `bindings` of the namespace, with the pod's name in the body. */
export const bindingsExtension: ResourceExtension = {
  group: "",
  resource: "bindings",
  setup: (dependencies) => ({
    create: (context, object) =>
      bindPod(dependencies, context, object.metadata.name ?? "", object as unknown as Binding),
  }),
};

const podStrategy = ({ nowMs, scheme }: RegistryDependencies): Strategy => ({
  prepareForCreate(context, object) {
    const pod = asPod(object);
    pod.status = {
      phase: "Pending",
      qosClass: qosClassOf(pod.spec),
      ...gatedCondition(pod, scheme, nowMs()),
    };
    selectByLabelKeys(pod);
    takeAppArmorProfiles(pod, context);
  },
  prepareForUpdate(_context, object, old, subresource) {
    restrictPodUpdate(asPod(object), asPod(old), subresource);
  },
  gracePeriodSeconds(_context, object, asked) {
    const pod = asPod(object);
    const { phase } = pod.status ?? {};
    // Nobody runs it, or it has ended: there is nothing to wait for.
    if ((pod.spec.nodeName ?? "") === "" || phase === "Succeeded" || phase === "Failed") return 0;
    const period = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return period < 0 ? 1 : period;
  },
});

/** A pod with gates is not looked at by the scheduler, and says so from the start. */
function gatedCondition({ spec }: Pod, scheme: Scheme, nowMs: number): Partial<PodStatus> {
  if ((spec.schedulingGates ?? []).length === 0) return {};
  const condition: PodCondition = {
    type: "PodScheduled",
    status: "False",
    reason: "SchedulingGated",
    message: "Scheduling is blocked due to non-empty scheduling gates",
  };
  return withPodCondition(scheme, undefined, condition, nowMs);
}

/**
 * Keys whose values are the pod's own become part of the selectors beside them, so that whoever schedules the pod needs
 * to know nothing of them. (Mirrors mutatePodAffinity and its like of strategy.go.)
 */
function selectByLabelKeys({ metadata, spec }: Pod): void {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  for (const affinity of [podAffinity, podAntiAffinity]) {
    for (const term of affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
      extendSelector(term, metadata.labels);
    for (const { podAffinityTerm } of affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      extendSelector(podAffinityTerm, metadata.labels);
  }
  for (const constraint of spec.topologySpreadConstraints ?? []) extendSelector(constraint, metadata.labels);
}

/** Profiles that annotations name become fields, once; what cannot be read stays an annotation. */
function takeAppArmorProfiles({ metadata, spec }: Pod, context: RequestContext): void {
  if (spec.os?.name === "windows" || metadata.annotations === undefined) return;
  const lists = [spec.initContainers, spec.containers, spec.ephemeralContainers];
  for (const container of lists.flatMap((list) => list ?? [])) {
    const key = appArmorPrefix + container.name;
    const annotation = metadata.annotations[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile !== undefined) continue;
    const profile = appArmorProfileOf(annotation);
    const isUsable = profile?.localhostProfile === profile?.localhostProfile?.trim();
    if (profile !== undefined && isUsable) {
      if (deepEqual(profile, spec.securityContext?.appArmorProfile)) continue;
      container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    }
    context.addWarning(`metadata.annotations[${key}]: ${deprecatedAppArmor}`);
  }
}

interface SelectsByKeys {
  labelSelector?: LabelSelector | undefined;
  matchLabelKeys?: string[] | undefined;
  mismatchLabelKeys?: string[] | undefined;
}

function extendSelector(term: SelectsByKeys, labels: Record<string, string> = {}): void {
  const { labelSelector, matchLabelKeys = [], mismatchLabelKeys = [] } = term;
  if (labelSelector === undefined) return;
  const expressions = [
    ...matchLabelKeys.map((key) => ({ key, operator: "In" })),
    ...mismatchLabelKeys.map((key) => ({ key, operator: "NotIn" })),
  ].flatMap(({ key, operator }) => {
    const value = labels[key];
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
  if (expressions.length === 0) return;
  const { matchExpressions = [] } = labelSelector;
  // A retry with another generated name comes here again.
  const added = expressions.filter((one) => !matchExpressions.some((known) => deepEqual(known, one)));
  term.labelSelector = { ...labelSelector, matchExpressions: [...matchExpressions, ...added] };
}

async function bindPod(
  { stores, nowMs, scheme }: RegistryDependencies,
  context: RequestContext,
  name: string,
  binding: Binding,
): Promise<UnstructuredObject> {
  const { namespace } = context.info;
  const target = binding.target?.name ?? "";
  const kind = { group: "", kind: "Binding" };
  if (target === "") throw newInvalid(kind, name, [required(path("target").child("name"))]);
  const targetKind = binding.target.kind ?? "";
  if (targetKind !== "" && targetKind !== "Node") {
    throw newInvalid(kind, name, [
      notSupported(path("target").child("kind"), targetKind, ["Node", "<empty>"]),
    ]);
  }
  const pods = { group: "", resource: "pods/binding" };
  await stores.update(context, "", "pods", namespace, name, "binding", (current) => {
    const pod = asPod(current);
    const uid = binding.metadata.uid;
    if (uid !== undefined && uid !== "" && uid !== pod.metadata.uid) {
      throw newConflict(
        pods,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`,
      );
    }
    if (isBeingDeleted(pod))
      throw newConflict(pods, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    if ((pod.spec.nodeName ?? "") !== "") {
      throw newConflict(pods, name, `pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
    }
    if ((pod.spec.schedulingGates ?? []).length > 0) {
      throw newConflict(pods, name, `pod ${name} has non-empty .spec.schedulingGates`);
    }
    const scheduled = { type: "PodScheduled", status: "True" };
    return asObject({
      ...pod,
      metadata: {
        ...pod.metadata,
        ...mergedMap("annotations", pod.metadata.annotations, binding.metadata.annotations),
        ...mergedMap("labels", pod.metadata.labels, binding.metadata.labels),
      },
      spec: { ...pod.spec, nodeName: target },
      status: withPodCondition(scheme, pod.status, scheduled, nowMs()),
    });
  });
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 };
}

function mergedMap(
  name: "annotations" | "labels",
  own: Record<string, string> | undefined,
  added: Record<string, string> | undefined,
): { [key: string]: Record<string, string> } {
  return added === undefined ? {} : { [name]: { ...own, ...added } };
}
