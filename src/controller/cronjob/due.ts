import type { CronJob } from "../../api/types/batch-v1.ts";
import type { Schedule } from "./schedule.ts";

/** More missed starts than these are told in an event. */
const maxMissedStarts = 100;

export interface Due {
  /** The newest moment of the schedule that has come and was not acted on; undefined when there is none. */
  readonly atMs: number | undefined;
  readonly tooManyMissed: boolean;
}

/** What is due now. Moments older than the starting deadline are lost (pkg/controller/cronjob/utils.go). */
export function dueStart({ metadata, spec, status }: CronJob, schedule: Schedule, nowMs: number): Due {
  const timeZone = spec.timeZone ?? "UTC";
  const lastMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? "");
  const deadlineMs = (spec.startingDeadlineSeconds ?? Number.POSITIVE_INFINITY) * 1000;
  let at = schedule.next(Math.max(Number.isNaN(lastMs) ? nowMs : lastMs, nowMs - deadlineMs), timeZone);
  let atMs: number | undefined;
  let longestGapMs = 0;
  for (let missed = 1; at !== undefined && at <= nowMs; missed++) {
    if (atMs !== undefined) longestGapMs = Math.max(longestGapMs, at - atMs);
    atMs = at;
    if (missed > maxMissedStarts) {
      const newest = newestBefore(schedule, Math.max(at, nowMs - 2 * longestGapMs), nowMs, timeZone);
      return { atMs: newest ?? atMs, tooManyMissed: true };
    }
    at = schedule.next(at, timeZone);
  }
  return { atMs, tooManyMissed: false };
}

function newestBefore(
  schedule: Schedule,
  afterMs: number,
  nowMs: number,
  timeZone: string,
): number | undefined {
  let newest: number | undefined;
  for (
    let at = schedule.next(afterMs, timeZone);
    at !== undefined && at <= nowMs;
    at = schedule.next(at, timeZone)
  )
    newest = at;
  return newest;
}

/** The moment as RFC 3339 in the CronJob's time zone: `2026-03-29T09:00:00+02:00`. */
export function formatInZone(ms: number, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: timeZone ?? "UTC",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "longOffset",
  });
  const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
  const { year, month, day, hour, minute, second } = parts;
  const offset = (parts["timeZoneName"] ?? "GMT").slice("GMT".length);
  const zone = offset === "" || offset === "+00:00" ? "Z" : offset;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`;
}
