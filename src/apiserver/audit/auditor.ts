import type { Clock } from "../../apimachinery/clock.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { RequestState } from "../endpoints/api-request.ts";
import { isLongRunning } from "../filters/long-running.ts";
import type { UserInfo } from "../request-context.ts";
import { AuditMetrics } from "./audit-metrics.ts";
import { type AuditCourse, AuditRecord, type ObjectReference, userText } from "./audit-record.ts";
import type { AuditPolicy } from "./policy.ts";
import { sourceIps } from "./source-ips.ts";

/** Where events go, one line of JSON each. */
export interface AuditBackend {
  /** As metrics name it. */
  readonly plugin: "log" | "webhook";
  /** Events that were accepted and then could not be delivered. */
  readonly lost: number;
  /** Must not block, and must not throw. False when the event had to be dropped. */
  write(line: string): boolean;
  /** Resolves when all that was accepted is written. */
  close(): Promise<void>;
}

const maxUserAgentLength = 1024;

/** Decides by the policy what is recorded of each request, and hands the events to each backend. */
export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #backends: readonly AuditBackend[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly metrics: AuditMetrics;

  constructor(options: {
    readonly policy: AuditPolicy;
    readonly backends: readonly AuditBackend[];
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#policy = options.policy;
    this.#backends = options.backends;
    this.metrics = new AuditMetrics(options.backends);
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** The record of a request whose user is known; undefined when the policy does not want one. */
  begin(state: RequestState): AuditRecord | undefined {
    return this.#record(state, state.user, isLongRunning(state) ? "longRunning" : "ordinary");
  }

  /** The record of a request that is refused because nobody knows who asks. */
  refused(state: RequestState): AuditRecord | undefined {
    return this.#record(state, undefined, "refused");
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #record(state: RequestState, user: UserInfo | undefined, course: AuditCourse): AuditRecord | undefined {
    const decision = this.#policy.decide(user, state.info);
    this.metrics.decided(decision.level);
    if (decision.level === "None") return undefined;
    const { request, info } = state;
    const query = request.query.size === 0 ? "" : `?${request.query.toString()}`;
    const uri = request.uri ?? `${request.path}${query}`;
    const ips = sourceIps(request);
    const agent = request.header("user-agent") ?? "";
    const shown =
      agent.length > maxUserAgentLength ? `${agent.slice(0, maxUserAgentLength)}...TRUNCATED` : agent;
    return new AuditRecord(
      {
        auditId: state.auditId === "" ? this.#random.uuid() : state.auditId,
        request:
          `"requestURI":${JSON.stringify(uri)},"verb":${JSON.stringify(info.verb)},` +
          `"user":${user === undefined ? "{}" : userText(user)}`,
        source:
          (ips.length === 0 ? "" : `,"sourceIPs":${JSON.stringify(ips)}`) +
          (shown === "" ? "" : `,"userAgent":${JSON.stringify(shown)}`),
        objectRef: referenceOf(state),
        receivedMs: this.#clock.now(),
      },
      decision,
      course,
      { emit: (line) => this.#emit(line), nowMs: () => this.#clock.now() },
    );
  }

  #emit(line: string): void {
    this.metrics.events++;
    for (const backend of this.#backends) if (!backend.write(line)) this.metrics.dropped(backend);
  }
}

function referenceOf({ info }: RequestState): ObjectReference | undefined {
  if (!info.isResourceRequest) return undefined;
  const { resource, namespace, name, group, version, subresource } = info;
  return {
    resource,
    namespace,
    name,
    uid: "",
    apiGroup: group,
    apiVersion: version,
    resourceVersion: "",
    subresource,
  };
}
