import type { Event } from "../../api/types/core-v1.ts";
import { isConflict, isNotFound, isResourceExpired } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { ControllerContext, ControllerRegistration, ReconcileResult } from "../controller.ts";

/** How long an Event is kept after it last happened, as `--event-ttl` defaults to. */
const keepMs = 3_600_000;
/** Looked for at most, and at least, as often. */
const soonestMs = 60_000;
const latestMs = 600_000;
const pageSize = 500;
const deletesAtOnce = 20;

/**
 * Deletes Events an hour after they last happened. Kubernetes lets its store do that; ours keeps what it is given. Events
 * are read in pages and not kept: they are many, and nothing else here needs them.
 */
export const eventTtlController: ControllerRegistration = {
  name: "event-ttl-controller",
  setup(context) {
    return {
      watches: [],
      start: (enqueue) => enqueue("events"),
      reconcile: async () => await deleteOldEvents(context),
    };
  },
};

async function deleteOldEvents(context: ControllerContext): Promise<ReconcileResult> {
  const events = context.client.resource(resources.events);
  let nextMs = context.clock.now() + latestMs;
  const old: Event["metadata"][] = [];
  let from: string | undefined;
  try {
    do {
      const page = await events.list({ limit: pageSize, ...(from === undefined ? {} : { continue: from }) });
      for (const event of page.items) {
        const endMs = lastSeenMs(event) + keepMs;
        if (endMs <= context.clock.now()) old.push(event.metadata);
        else nextMs = Math.min(nextMs, endMs);
      }
      from = page.metadata.continue;
    } while (from !== undefined && from !== "" && !context.signal.aborted);
  } catch (error) {
    // The list was too long for its revision to be kept: what is left is seen next time.
    if (!isResourceExpired(error)) throw error;
    nextMs = 0;
  }
  await deleteAll(context, old);
  return { requeueAfterMs: Math.max(soonestMs, nextMs - context.clock.now()) };
}

async function deleteAll(
  { client, signal }: ControllerContext,
  old: readonly Event["metadata"][],
): Promise<void> {
  const events = client.resource(resources.events);
  for (let from = 0; from < old.length && !signal.aborted; from += deletesAtOnce) {
    await Promise.all(
      old
        .slice(from, from + deletesAtOnce)
        .map(async ({ name = "", namespace, uid = "", resourceVersion = "" }) => {
          try {
            await events.delete(name, { namespace, preconditions: { uid, resourceVersion } });
          } catch (error) {
            // Gone, or it has just happened again.
            if (!isNotFound(error) && !isConflict(error)) throw error;
          }
        }),
    );
  }
}

/** The newest of the times that an Event carries; writers differ in which they set. */
function lastSeenMs({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: Event): number {
  const times = [
    series?.lastObservedTime,
    lastTimestamp,
    eventTime,
    firstTimestamp,
    metadata.creationTimestamp,
  ].map((time) => Date.parse(time ?? ""));
  return Math.max(0, ...times.filter((ms) => !Number.isNaN(ms)));
}
