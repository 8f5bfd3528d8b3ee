import type { Event } from "../api/types/core-v1.ts";
import { webhookAnswersReason, webhookFailedReason } from "../cluster/webhook-events.ts";

/** Older failures are those of a webhook that nobody has needed since. */
const recentMs = 10 * 60 * 1000;

/**
 * What `sampan status` says of webhooks that fail, from the events about them: of each the last failure, unless it has answered
 * since or what it stands in is gone. `existing` holds the uids of configurations and definitions.
 */
export function webhookWarnings(
  events: readonly Event[],
  existing: ReadonlySet<string>,
  nowMs: number,
): string[] {
  const last = new Map<string, Event>();
  for (const event of events) {
    const { uid = "" } = event.involvedObject;
    if (!existing.has(uid)) continue;
    const key = `${uid} ${webhookOf(event)}`;
    const before = last.get(key);
    if (before === undefined || revision(event) > revision(before)) last.set(key, event);
  }
  return [...last.values()].flatMap((event) => warningOf(event, nowMs));
}

export const isAboutWebhook = ({ reason }: Event): boolean =>
  reason === webhookFailedReason || reason === webhookAnswersReason;

function warningOf({ reason, involvedObject, message = "", count = 1, lastTimestamp }: Event, nowMs: number) {
  const ageMs = nowMs - Date.parse(lastTimestamp ?? "");
  if (reason !== webhookFailedReason || !(ageMs < recentMs)) return [];
  const { kind = "", name = "" } = involvedObject;
  const times = count === 1 ? "once" : `${count} times`;
  const ago = `${Math.max(0, Math.round(ageMs / 1000))} s ago`;
  const next = `sampan why ${kind.toLowerCase()}/${name}`;
  return [`${kind} ${name}: ${message} (${times}, last ${ago}). Next: ${next}`];
}

/** Of a configuration with several; that of a definition has no name. */
const webhookOf = ({ message = "" }: Event): string => /^webhook "[^"]*"/.exec(message)?.[0] ?? "";

/** Times of events are whole seconds: what happened last is known by its revision. */
const revision = ({ metadata }: Event): number => Number(metadata.resourceVersion ?? "0");
