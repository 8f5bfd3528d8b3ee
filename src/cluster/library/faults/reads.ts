import type { Clock } from "../../../apimachinery/clock.ts";
import type { WatchSink } from "../../../apiserver/cache/watcher.ts";
import type { RequestState } from "../../../apiserver/endpoints/api-request.ts";
import { decodeContinue } from "../../../apiserver/registry/continue-token.ts";
import { newExpiredContinuation } from "../../../apiserver/registry/list.ts";
import { durationMs } from "../duration.ts";
import type { FaultyDisk } from "./disk.ts";
import { RevisionTimes } from "./revision-times.ts";
import type { FaultRule } from "./rules.ts";
import { TrailingSink } from "./trailing-sink.ts";

/** What goes wrong with reads: they are old, or come in pieces. */
export class ReadFaults {
  readonly #clock: Clock;
  readonly #disk: FaultyDisk;
  /** Kept while a rule needs it. */
  #times: RevisionTimes | undefined;
  #begun: Promise<void> = Promise.resolve();
  readonly #stale = new Set<FaultRule>();

  constructor(clock: Clock, disk: FaultyDisk) {
    this.#clock = clock;
    this.#disk = disk;
  }

  /** From here on it is written down when what was written. */
  add(rule: FaultRule): void {
    if (rule.stale === undefined) return;
    this.#stale.add(rule);
    if (this.#times !== undefined) return;
    const times = new RevisionTimes(this.#clock);
    this.#times = times;
    this.#disk.written = (revision) => times.note(revision);
    this.#begun = this.#disk.revision().then((revision) => times.begin(revision));
  }

  remove(rule: FaultRule): void {
    this.#stale.delete(rule);
    if (this.#stale.size > 0) return;
    this.#times = undefined;
    this.#disk.written = undefined;
  }

  /** Whether what the rule does to reads concerns the request. */
  concerns(rule: FaultRule, state: RequestState): boolean {
    return (
      (rule.pageSize !== undefined && state.info.verb === "list") ||
      (rule.expireContinue === true && isContinued(state)) ||
      (rule.stale !== undefined && mayBeStale(rule, state))
    );
  }

  /** Changes the request as the rule says, or throws the refusal that it asks for. */
  async apply(rule: FaultRule, state: RequestState): Promise<void> {
    const { pageSize, stale } = rule;
    const { query } = state.request;
    if (rule.expireContinue === true && isContinued(state))
      throw newExpiredContinuation(decodeContinue(query.get("continue") ?? "").start);
    if (pageSize !== undefined && state.info.verb === "list") cutPage(query, pageSize);
    if (stale === undefined || !mayBeStale(rule, state)) return;
    await this.#begun;
    const asOf = this.#times?.at(this.#clock.now() - durationMs(stale));
    if (asOf === undefined) return;
    if (rule.inconsistent === true && !query.has("resourceVersion") && !query.has("continue"))
      query.set("resourceVersion", "0");
    state.asOf = Math.max(asOf, await this.#disk.compactedRevision());
    this.#times?.forgetBefore(this.#clock.now() - Math.max(...[...this.#stale].map(staleMs)));
  }

  /** The sink of a watch as the rule says; undefined when it says nothing of watches. */
  trailing(rule: FaultRule, sink: WatchSink): TrailingSink | undefined {
    const times = this.#times;
    if (rule.stale === undefined || times === undefined) return undefined;
    const lateMs = staleMs(rule);
    return new TrailingSink(sink, this.#clock, (revision) => (times.timeOf(revision) ?? -Infinity) + lateMs);
  }
}

const staleMs = ({ stale = 0 }: FaultRule): number => durationMs(stale);

/** A page of so many, at any revision that may be asked for. */
function cutPage(query: URLSearchParams, pageSize: number): void {
  const limit = Number(query.get("limit") ?? 0);
  query.set("limit", String(limit > 0 ? Math.min(limit, pageSize) : pageSize));
  // Who accepts any state accepts the newest; of "0" a server gives the whole.
  if (query.get("resourceVersion") === "0") query.delete("resourceVersion");
  // With a limit, a revision alone would be taken for that very one.
  else if ((query.get("resourceVersion") ?? "") !== "" && !query.has("resourceVersionMatch") && limit === 0)
    query.set("resourceVersionMatch", "NotOlderThan");
}

/** Whether the list goes on from a page before it, at the revision of that page. */
function isContinued({ info, request }: RequestState): boolean {
  const token = request.query.get("continue") ?? "";
  if (info.verb !== "list" || token === "") return false;
  try {
    return decodeContinue(token).revision > 0;
  } catch {
    // The server says what is wrong with it.
    return false;
  }
}

/** Where Kubernetes promises no more than a state that is not older than what the client names. */
function mayBeStale(
  { inconsistent = false }: FaultRule,
  { info, request: { query } }: RequestState,
): boolean {
  if (info.subresource !== "" || query.has("continue")) return false;
  if (info.verb === "watch") return true;
  if (info.verb !== "get" && info.verb !== "list") return false;
  const isAnyGood = (query.get("resourceVersion") ?? "") !== "";
  return query.get("resourceVersionMatch") !== "Exact" && (isAnyGood || inconsistent);
}
