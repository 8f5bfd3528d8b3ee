import type { Event } from "../api/types/core-v1.ts";

/** Older failures are those of a webhook that nobody has needed since. */
const recentMs = 10 * 60_000;

/**
 * The failures of webhooks that events tell of, newest first: of each webhook the last word, unless that is long ago, or says
 * that it answers again. `ageMs` says how long ago a time was.
 */
export function webhookFailures(
  events: readonly Event[],
  ageMs: (time: string | undefined) => number,
): Event[] {
  const last = new Map<string, Event>();
  // Times of events are whole seconds: what happened last is known by its revision.
  for (const event of events.toSorted((a, b) => revisionOf(b) - revisionOf(a))) {
    const key = `${event.involvedObject.uid ?? ""} ${webhookOf(event)}`;
    if (!last.has(key)) last.set(key, event);
  }
  return [...last.values()].filter(
    ({ type, lastTimestamp, eventTime }) =>
      type === "Warning" && ageMs(lastTimestamp ?? eventTime) < recentMs,
  );
}

/** Of a configuration with several; that of a definition has no name. */
const webhookOf = ({ message = "" }: Event): string => /^webhook "[^"]*"/.exec(message)?.[0] ?? "";

const revisionOf = ({ metadata }: Event): number => Number(metadata.resourceVersion ?? "0");
