import type { KubernetesObject } from "../apimachinery/object.ts";
import { isNotFound } from "../apimachinery/status.ts";
import { parseYaml } from "../apimachinery/yaml.ts";
import type { ResourceClient } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Stage, Step } from "./stage.ts";

interface PlayParts {
  readonly objects: ResourceClient<KubernetesObject>;
  readonly events: EventRecorder;
}

/** Does to the object what the Stage says, in order. An object that is gone needs nothing more. */
export async function playStage(
  { objects, events }: PlayParts,
  stage: Stage,
  object: KubernetesObject,
): Promise<void> {
  const { name = "", namespace } = object.metadata;
  let gone = false;
  for (const step of stage.steps) {
    if (step.kind === "event") {
      events.event(object, step.type === "Warning" ? "Warning" : "Normal", step.reason, step.message(object));
      continue;
    }
    if (gone) continue;
    try {
      if (step.kind === "delete") {
        gone = true;
        await objects.delete(name, { namespace, gracePeriodSeconds: 0 });
      } else if (step.kind === "finalizers") await changeFinalizers(objects, step, object);
      else await patch(objects, step, object);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      gone = true;
    }
  }
}

async function changeFinalizers(
  objects: ResourceClient<KubernetesObject>,
  { add, remove, empty }: Step & { kind: "finalizers" },
  { metadata }: KubernetesObject,
): Promise<void> {
  const { name = "", namespace, finalizers = [] } = metadata;
  const kept = empty ? [] : finalizers.filter((finalizer) => !remove.includes(finalizer));
  const wanted = [...kept, ...add.filter((finalizer) => !kept.includes(finalizer))];
  if (wanted.join() === finalizers.join()) return;
  await objects.patch(name, { metadata: { finalizers: wanted } }, { type: "merge", namespace });
}

async function patch(
  objects: ResourceClient<KubernetesObject>,
  step: Step & { kind: "patch" },
  object: KubernetesObject,
): Promise<void> {
  const { name = "", namespace } = object.metadata;
  const type = step.type ?? (isBuiltIn(object) ? "strategic" : "merge");
  const made = parseYaml(step.template(object)) ?? {};
  const { root, subresource } = step;
  const body = root === "" ? made : type === "json" ? below(root, made) : { [root]: made };
  await objects.patch(name, body, { type, namespace, ...(subresource !== "" && { subresource }) });
}

const isBuiltIn = ({ apiVersion, kind }: KubernetesObject): boolean =>
  apiVersion === "v1" && (kind === "Pod" || kind === "Node");

/** Paths of a JSON patch that count from a field. */
const below = (root: string, operations: unknown): unknown =>
  Array.isArray(operations)
    ? (operations as { path?: unknown }[]).map((operation) => ({
        ...operation,
        path: `/${root}${String(operation.path)}`,
      }))
    : operations;
