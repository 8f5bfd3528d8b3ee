import type { Pod, PodStatus } from "../../api/types/core-v1.ts";
import { Backoff } from "../../apimachinery/backoff.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { sameFields } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import { createMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { isConflict, isNotFound } from "../../apimachinery/status.ts";
import type { Client } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { ownConditionTypes } from "./own-conditions.ts";
import { hasEnded } from "./phase.ts";

/**
 * Writes the statuses of pods to the API server, each pod's in order and only what has changed. Statuses that come
 * while one is being written replace each other: only the newest is written.
 */
export class StatusManager {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { client: Client; clock: Clock; logger: Logger; signal: AbortSignal }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** The status that was last asked to be written. */
  get(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.wanted;
  }

  /**
   * Whether somebody else has changed conditions that are the kubelet's: the node controller does, when it takes the node
   * for dead. While something is being written, what comes may be an echo of ours.
   */
  wasOverwritten({ metadata, status }: Pod): boolean {
    const entry = this.#entries.get(metadata.uid ?? "");
    if (entry === undefined || entry.writing !== undefined) return false;
    return (entry.wanted.conditions ?? []).some(
      (wanted) =>
        ownConditionTypes.has(wanted.type) &&
        status?.conditions?.find(({ type }) => type === wanted.type)?.status !== wanted.status,
    );
  }

  /** Makes it so, soon. `pod` is the newest object that the caller knows. */
  set(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid ?? "";
    const entry = this.#entries.get(uid) ?? { pod, wanted: status, writing: undefined, gone: false };
    if (this.#entries.has(uid) && sameFields(entry.wanted, status) && entry.writing === undefined) {
      if (sameFields(pod.status, status)) return;
    }
    entry.pod = newer(entry.pod, pod);
    entry.wanted = status;
    this.#entries.set(uid, entry);
    entry.writing ??= this.#write(entry).finally(() => (entry.writing = undefined));
  }

  /** Resolves when what was asked for is written, or cannot be. */
  async flushed(uid: string): Promise<void> {
    await this.#entries.get(uid)?.writing;
  }

  /** Nothing more is written, nor tried: the pod is gone. */
  forget(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry !== undefined) entry.gone = true;
    this.#entries.delete(uid);
  }

  async #write(entry: Entry): Promise<void> {
    // What becomes of the pod without any wait is written once: where a start takes no time, that is all of it.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const backoff = new Backoff({ initialMs: 50, maxMs: 10_000 });
    let refresh = false;
    while (!this.#signal.aborted && !entry.gone) {
      try {
        if (refresh) {
          const now = await this.#read(entry.pod);
          // Another pod has the name by now, and this one is gone.
          if (now.metadata.uid !== entry.pod.metadata.uid) return;
          entry.pod = newer(entry.pod, now);
        }
        const { wanted } = entry;
        const status = withForeignConditions(wanted, entry.pod);
        if (!sameFields(entry.pod.status, status)) await this.#patch(entry, status);
        if (entry.wanted === wanted) {
          // The object in the cache says the same: there is no need to keep it twice.
          const { status: written } = entry.pod;
          if (written !== undefined && sameFields(written, wanted)) entry.wanted = written;
          return;
        }
        refresh = false;
      } catch (error) {
        if (isNotFound(error)) return;
        refresh = true;
        if (!isConflict(error)) this.#logger.warn("writing a pod's status failed", { error: String(error) });
        const delayMs = isConflict(error) && backoff.tries < 3 ? 0 : backoff.next();
        if (isConflict(error) && delayMs === 0) backoff.next();
        else await this.#clock.sleep(delayMs, this.#signal).catch(() => undefined);
      }
    }
  }

  async #read(pod: Pod): Promise<Pod> {
    const { name = "", namespace } = pod.metadata;
    return this.#client.resource(resources.pods).get(name, { namespace, signal: this.#signal });
  }

  async #patch(entry: Entry, status: PodStatus): Promise<void> {
    const { name = "", namespace, uid, resourceVersion } = entry.pod.metadata;
    const changes = createMergePatch({ status: entry.pod.status ?? {} }, { status });
    const patch = { metadata: { uid, resourceVersion }, ...(changes as object) };
    const options = { namespace, type: "merge", subresource: "status", signal: this.#signal } as const;
    entry.pod = await this.#client.resource(resources.pods).patch(name, patch, options);
  }
}

interface Entry {
  /** The newest object known, from the caller or from our own writes. */
  pod: Pod;
  wanted: PodStatus;
  writing: Promise<void> | undefined;
  gone: boolean;
}

/** Of two versions of an object, the one written later; versions of one store grow. */
function newer(a: Pod, b: Pod): Pod {
  const [left = "", right = ""] = [a.metadata.resourceVersion, b.metadata.resourceVersion];
  return left.length > right.length || (left.length === right.length && left > right) ? a : b;
}

/**
 * Conditions of others may have changed since the status was made: theirs are taken from the object, and so is the end
 * that somebody else has declared.
 */
function withForeignConditions(status: PodStatus, pod: Pod): PodStatus {
  const own = (status.conditions ?? []).filter(({ type }) => ownConditionTypes.has(type));
  const foreign = (pod.status?.conditions ?? []).filter(({ type }) => !ownConditionTypes.has(type));
  const phase = hasEnded(pod.status) ? { phase: pod.status.phase } : {};
  return { ...keptFields(pod.status), ...status, ...phase, conditions: [...own, ...foreign] };
}

/** Fields of the status that belong to others. */
function keptFields(status: PodStatus | undefined): PodStatus {
  const { nominatedNodeName, resourceClaimStatuses, resize } = status ?? {};
  return {
    ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }),
    ...(resourceClaimStatuses === undefined ? {} : { resourceClaimStatuses }),
    ...(resize === undefined ? {} : { resize }),
  };
}
