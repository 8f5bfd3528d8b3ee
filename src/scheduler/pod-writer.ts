import type { Binding, Pod, PodCondition } from "../api/types/core-v1.ts";
import type { Clock } from "../apimachinery/clock.ts";
import { setCondition } from "../apimachinery/conditions.ts";
import type { Client } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import type { PodInfo } from "./pod-info.ts";

/** What the scheduler writes about pods. */
export class PodWriter {
  readonly #client: Client;
  readonly #clock: Clock;

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Puts the pod on the node, for good. */
  async bind({ name, namespace, pod }: PodInfo, nodeName: string): Promise<void> {
    const binding: Binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid: pod.metadata.uid },
      target: { kind: "Node", name: nodeName },
    };
    await this.#client.resource(resources.pods).postSubresource(name, "binding", binding, { namespace });
  }

  /** Says in the pod's condition why it has no node. A nominated node of "" ends the nomination. */
  async writeCondition(
    info: PodInfo,
    reason: string,
    message: string,
    nominatedNodeName: string | undefined,
  ): Promise<void> {
    const { status } = info.pod;
    const condition: PodCondition = { type: "PodScheduled", status: "False", reason, message };
    const { generation } = info.pod.metadata;
    if (generation !== undefined) condition.observedGeneration = generation;
    const conditions = setCondition(status?.conditions, condition, this.#clock.now());
    const nominationChanges =
      nominatedNodeName !== undefined && nominatedNodeName !== (status?.nominatedNodeName ?? "");
    if (conditions === status?.conditions && !nominationChanges) return;
    const patch: Record<string, unknown> = {
      conditions: conditions.filter(({ type }) => type === "PodScheduled"),
    };
    if (nominationChanges) patch["nominatedNodeName"] = nominatedNodeName === "" ? null : nominatedNodeName;
    await this.patchStatus(info.pod, patch);
  }

  /** Changes the status of this very pod, not of another of its name. */
  async patchStatus({ metadata: { name = "", namespace, uid } }: Pod, status: unknown): Promise<void> {
    const patch = { metadata: { uid }, status };
    await this.#client
      .resource(resources.pods)
      .patch(name, patch, { namespace, type: "strategic", subresource: "status" });
  }
}
