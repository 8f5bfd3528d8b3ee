import type { Pod } from "../api/types/core-v1.ts";
import { deepEqual } from "../apimachinery/json.ts";
import type { Selector } from "../apimachinery/labels.ts";
import { controllerOf, isBeingDeleted, type KubernetesObject, keyOf } from "../apimachinery/object.ts";
import type { Informer } from "../client/informer.ts";
import type { ControllerWatch } from "./controller.ts";
import type { Expectations } from "./expectations.ts";

export interface OwnedPodsOptions<O extends KubernetesObject> {
  readonly pods: Informer<Pod>;
  readonly owners: Informer<O>;
  /** Of the owners. */
  readonly kind: string;
  readonly selectorOf: (owner: O) => Selector;
  /** Told of every pod that appears or goes. */
  readonly expectations?: Expectations;
}

/**
 * Wakes owners for their pods. A pod that nobody controls wakes every owner whose selector matches, so that one of
 * them may adopt it. A pod that begins to be deleted counts as gone: its owner must replace it at once, not when the
 * node has stopped it.
 */
export function watchOwnedPods<O extends KubernetesObject>(options: OwnedPodsOptions<O>): ControllerWatch {
  const { pods, owners, kind, selectorOf, expectations } = options;

  const ownerOf = (pod: Pod): O | undefined => {
    const reference = controllerOf(pod);
    if (reference?.kind !== kind) return undefined;
    const owner = owners.get(reference.name, pod.metadata.namespace);
    // An owner of the same name that was made since is another one.
    return owner?.metadata.uid === reference.uid ? owner : undefined;
  };

  const adopters = (pod: Pod): O[] =>
    owners.list(pod.metadata.namespace).filter((owner) => {
      const selector = selectorOf(owner);
      return !selector.isEmpty() && selector.matches(pod.metadata.labels);
    });

  return (enqueue) => {
    const enqueueOwner = (pod: Pod): void => {
      const owner = ownerOf(pod);
      if (owner !== undefined) enqueue(keyOf(owner));
    };
    const gone = (pod: Pod): void => {
      const owner = ownerOf(pod);
      if (owner === undefined) return;
      expectations?.deletionObserved(keyOf(owner), keyOf(pod));
      enqueue(keyOf(owner));
    };
    const enqueueAdopters = (pod: Pod): void => {
      for (const owner of adopters(pod)) enqueue(keyOf(owner));
    };
    return pods.addHandler({
      added: (pod) => {
        if (isBeingDeleted(pod)) return gone(pod);
        const owner = ownerOf(pod);
        if (owner !== undefined) {
          expectations?.creationObserved(keyOf(owner));
          enqueue(keyOf(owner));
        } else if (controllerOf(pod) === undefined) {
          enqueueAdopters(pod);
        }
      },
      updated: (old, pod) => {
        if (isBeingDeleted(pod)) gone(pod);
        const moved = controllerOf(old)?.uid !== controllerOf(pod)?.uid;
        if (moved) enqueueOwner(old);
        if (controllerOf(pod) !== undefined) return enqueueOwner(pod);
        if (moved || !deepEqual(old.metadata.labels, pod.metadata.labels)) enqueueAdopters(pod);
      },
      deleted: gone,
    });
  };
}
