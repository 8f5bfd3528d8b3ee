import type { KubernetesObject } from "../apimachinery/object.ts";
import { isAlreadyExists, isNotFound, StatusError } from "../apimachinery/status.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import { ConnectionError } from "../client/server-answer.ts";
import type { Stage } from "./stage.ts";
import type { Move } from "./steps.ts";

export interface PlayParts {
  readonly reference: ResourceReference;
  readonly events: EventRecorder;
  /** In the name of a user; of whoever plays the Stages when that is empty. */
  readonly clientOf: (user: string) => Client;
  /** Rejects for what is not served. */
  readonly resourceOf: (apiVersion: string, kind: string) => Promise<ResourceReference>;
}

/** A step failed in a way that may be over soon; those before it are done. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  /** Which one, from zero. */
  readonly step: number;

  constructor(step: number, cause: Error) {
    super(cause.message, { cause });
    this.step = step;
  }
}

/**
 * Does to the object what the Stage says, in order, from a step on. An object that is gone needs nothing more. Throws
 * StepFailed where the server could not do it now.
 */
export async function playStage(
  parts: PlayParts,
  stage: Stage,
  object: KubernetesObject,
  from: number,
): Promise<void> {
  for (const [at, step] of stage.steps.entries()) {
    if (at < from) continue;
    const move = step(object);
    if (move === undefined) continue;
    try {
      if (!(await play(parts, move, object))) return;
    } catch (error) {
      throw error instanceof Error && mayBeOver(error) ? new StepFailed(at, error) : error;
    }
  }
}

const passing: readonly string[] = ["ServerTimeout", "Timeout", "ServiceUnavailable", "TooManyRequests"];

const mayBeOver = (error: Error): boolean =>
  error instanceof ConnectionError || (error instanceof StatusError && passing.includes(error.reason));

/** False when the object is gone. */
async function play(parts: PlayParts, move: Move, object: KubernetesObject): Promise<boolean> {
  const { name = "", namespace } = object.metadata;
  if (move.kind === "event") {
    parts.events.event(object, move.type === "Warning" ? "Warning" : "Normal", move.reason, move.message);
    return true;
  }
  if (move.kind === "apply") {
    await apply(parts, move, namespace);
    return true;
  }
  const { clientOf, reference } = parts;
  try {
    if (move.kind === "delete")
      await clientOf("").resource(reference).delete(name, { namespace, gracePeriodSeconds: 0 });
    else {
      const { type, body, subresource, asUser } = move;
      await clientOf(asUser)
        .resource(reference)
        .patch(name, body, { type, namespace, ...below(subresource) });
    }
    return true;
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // What comes after the deletion of something that is gone already is still to be said.
    return move.kind === "delete";
  }
}

const below = (subresource: string): { subresource?: string } => (subresource === "" ? {} : { subresource });

/** Makes the object of the template, or changes it where it is there. */
async function apply(
  { clientOf, resourceOf }: PlayParts,
  { body, type, subresource, asUser }: Move & { kind: "apply" },
  ownNamespace: string | undefined,
): Promise<void> {
  const given = body as KubernetesObject;
  const reference = await resourceOf(given.apiVersion ?? "", given.kind ?? "");
  const namespace = reference.namespaced ? (given.metadata?.namespace ?? ownNamespace) : undefined;
  const object = {
    ...given,
    metadata: { ...given.metadata, ...(namespace !== undefined && { namespace }) },
  };
  const objects = clientOf(asUser).resource(reference);
  if (subresource === "")
    try {
      await objects.create(object, { namespace });
      return;
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  const owned = type === "apply" ? { fieldManager: "kwok", force: true } : {};
  const { name = "" } = object.metadata;
  await objects.patch(name, object, { type, namespace, ...owned, ...below(subresource) });
}
