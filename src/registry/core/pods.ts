import { qosClassOf } from "../../api/pod-qos.ts";
import type { Binding, Pod, PodSpec } from "../../api/types/core-v1.ts";
import { setCondition } from "../../apimachinery/conditions.ts";
import { path, required } from "../../apimachinery/field-error.ts";
import { isBeingDeleted, type UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newConflict, newInvalid } from "../../apimachinery/status.ts";
import type { RegistryDependencies, ResourceExtension, Strategy } from "../../apiserver/registry/strategy.ts";
import type { RequestContext } from "../../apiserver/request-context.ts";
import { evictPod } from "./pod-eviction.ts";

const asPod = (object: UnstructuredObject): Pod => object as unknown as Pod;
const asObject = (pod: Pod): UnstructuredObject => pod as unknown as UnstructuredObject;

/** Pods: born Pending, bound once, deleted gracefully (mirrors pkg/registry/core/pod). */
export const podsExtension: ResourceExtension = {
  group: "",
  resource: "pods",
  setup(dependencies) {
    const { stores } = dependencies;
    const readPod = (context: RequestContext) =>
      stores.get(context, "", "pods", context.info.namespace, context.info.name);
    return {
      strategy: podStrategy,
      subresources: {
        binding: {
          create: (context, body) =>
            bindPod(dependencies, context, context.info.name, body as unknown as Binding),
        },
        eviction: { create: (context, body) => evictPod(dependencies, context, body) },
        ephemeralcontainers: {
          get: readPod,
          update: (context, body) =>
            stores.update(
              context,
              "",
              "pods",
              context.info.namespace,
              context.info.name,
              "ephemeralcontainers",
              (current) => {
                const pod = asPod(current);
                return asObject({
                  ...pod,
                  spec: { ...pod.spec, ephemeralContainers: asPod(body).spec.ephemeralContainers },
                });
              },
            ),
        },
        resize: {
          get: readPod,
          update: (context, body) =>
            stores.update(
              context,
              "",
              "pods",
              context.info.namespace,
              context.info.name,
              "resize",
              (current) => {
                const pod = asPod(current);
                return asObject({ ...pod, spec: withResources(pod.spec, asPod(body).spec) });
              },
            ),
        },
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

const podStrategy: Strategy = {
  prepareForCreate(_context, object) {
    const pod = asPod(object);
    pod.metadata.generation = 1;
    pod.status = { phase: "Pending", qosClass: qosClassOf(pod.spec) };
  },
  prepareForUpdate(_context, object, old, subresource) {
    if (subresource === "status") return;
    const status = asPod(old).status;
    if (status !== undefined && subresource !== "binding") asPod(object).status = status;
  },
  gracePeriodSeconds(_context, object, asked) {
    const pod = asPod(object);
    const { phase } = pod.status ?? {};
    // Nobody runs it, or it has ended: there is nothing to wait for.
    if ((pod.spec.nodeName ?? "") === "" || phase === "Succeeded" || phase === "Failed") return 0;
    const period = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return period < 0 ? 1 : period;
  },
};

async function bindPod(
  { stores, nowMs }: RegistryDependencies,
  context: RequestContext,
  name: string,
  binding: Binding,
): Promise<UnstructuredObject> {
  const { namespace } = context.info;
  const target = binding.target?.name ?? "";
  const kind = { group: "", kind: "Binding" };
  if (target === "") throw newInvalid(kind, name, [required(path("target").child("name"))]);
  if ((binding.target.kind ?? "Node") !== "" && (binding.target.kind ?? "Node") !== "Node") {
    throw newBadRequest(`a pod can be bound to a Node only, not to a ${binding.target.kind}`);
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
    const conditions = setCondition(
      pod.status?.conditions,
      { type: "PodScheduled", status: "True" },
      nowMs(),
    );
    return asObject({
      ...pod,
      metadata: {
        ...pod.metadata,
        ...mergedMap("annotations", pod.metadata.annotations, binding.metadata.annotations),
        ...mergedMap("labels", pod.metadata.labels, binding.metadata.labels),
      },
      spec: { ...pod.spec, nodeName: target },
      status: { ...pod.status, conditions },
    });
  });
  return { apiVersion: "v1", kind: "Status", metadata: {}, status: "Success", code: 201 };
}

function mergedMap(
  name: "annotations" | "labels",
  own: Record<string, string> | undefined,
  added: Record<string, string> | undefined,
): { [key: string]: Record<string, string> } {
  return added === undefined ? {} : { [name]: { ...own, ...added } };
}

/** The spec with the other's container resources and nothing else of it. */
function withResources(spec: PodSpec, wanted: PodSpec): PodSpec {
  return {
    ...spec,
    containers: spec.containers.map((container) => {
      const same = wanted.containers.find(({ name }) => name === container.name);
      return same === undefined
        ? container
        : {
            ...container,
            resources: same.resources,
            resizePolicy: same.resizePolicy ?? container.resizePolicy,
          };
    }),
  };
}
