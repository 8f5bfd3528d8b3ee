import type { Event } from "../api/types/core-v1.ts";
import { webhookAnswersReason, webhookFailedReason } from "../cluster/webhook-events.ts";
import { webhookFailures } from "../why/webhook-failures.ts";

/**
 * What `sampan status` says of webhooks that fail, from the events about them: of each the last failure, unless it has answered
 * since or what it stands in is gone. `existing` holds the uids of configurations and definitions.
 */
export function webhookWarnings(
  events: readonly Event[],
  existing: ReadonlySet<string>,
  nowMs: number,
): string[] {
  const ageMs = (time = ""): number => nowMs - Date.parse(time);
  const known = events.filter(({ involvedObject: { uid = "" } }) => existing.has(uid));
  return webhookFailures(known, ageMs).map((event) => warningOf(event, ageMs(event.lastTimestamp)));
}

export const isAboutWebhook = ({ reason }: Event): boolean =>
  reason === webhookFailedReason || reason === webhookAnswersReason;

function warningOf({ involvedObject, message = "", count = 1 }: Event, ageMs: number): string {
  const { kind = "", name = "" } = involvedObject;
  const times = count === 1 ? "once" : `${count} times`;
  const ago = `${Math.max(0, Math.round(ageMs / 1000))} s ago`;
  const next = `sampan why ${kind.toLowerCase()}/${name}`;
  return `${kind} ${name}: ${message} (${times}, last ${ago}). Next: ${next}`;
}
