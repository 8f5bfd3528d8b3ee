import type { Pod, PodTemplateSpec } from "../api/types/core-v1.ts";
import { type KubernetesObject, newControllerRef } from "../apimachinery/object.ts";
import { isConflict, isNotFound, StatusError } from "../apimachinery/status.ts";
import type { Client, ResourceClient } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import { resources } from "../client/resources.ts";
import { podFromTemplate } from "./pods.ts";

/** Creates and deletes pods for an owner and says so in events about the owner. */
export class PodControl {
  readonly #pods: ResourceClient<Pod>;
  readonly #events: EventRecorder;

  constructor(client: Client, events: EventRecorder) {
    this.#pods = client.resource(resources.pods);
    this.#events = events;
  }

  /** `adjust` may change the pod before it is created: its name, its node, more labels. */
  async create(
    template: PodTemplateSpec | undefined,
    owner: KubernetesObject,
    adjust: (pod: Pod) => void = () => undefined,
  ): Promise<Pod> {
    const pod = podFromTemplate(template, owner, newControllerRef(owner));
    adjust(pod);
    try {
      const created = await this.#pods.create(pod);
      this.#events.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
      return created;
    } catch (error) {
      // A namespace that ends refuses all that is new: events too, and nobody needs to hear of it.
      if (!isNamespaceTerminating(error)) {
        this.#events.event(owner, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
      }
      throw error;
    }
  }

  /** A pod that is gone already is success. */
  async delete(pod: Pod, owner: KubernetesObject): Promise<void> {
    const { name = "", namespace, uid = "" } = pod.metadata;
    try {
      await this.#pods.delete(name, { namespace, preconditions: { uid } });
      this.#events.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      if (isNotFound(error)) return;
      // A conflict says that the cache was behind, as when the name is another pod's by now: nobody needs to hear of it.
      if (!isConflict(error))
        this.#events.event(owner, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }
}

/** The server refused because the namespace is being deleted. */
export function isNamespaceTerminating(error: unknown): boolean {
  const causes = error instanceof StatusError ? error.status.details?.causes : undefined;
  return causes?.some(({ reason }) => reason === "NamespaceTerminating") ?? false;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Calls the function `count` times: once, then two, four, … at a time, and no further once a batch has a failure. So
 * a mistake that fails every call (a quota, say) costs a few calls, not `count`. Returns how many succeeded, and the
 * first error.
 */
export async function slowStartBatch(
  count: number,
  call: (index: number) => Promise<unknown>,
): Promise<{ succeeded: number; error: unknown }> {
  let succeeded = 0;
  for (let done = 0, size = 1; done < count; size *= 2) {
    const batch = Math.min(size, count - done);
    const calls = Array.from({ length: batch }, (_, index) => call(done + index));
    const results = await Promise.allSettled(calls);
    succeeded += results.filter(({ status }) => status === "fulfilled").length;
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) return { succeeded, error: failure.reason ?? new Error("failed") };
    done += batch;
  }
  return { succeeded, error: undefined };
}
