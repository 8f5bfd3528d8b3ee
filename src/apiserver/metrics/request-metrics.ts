import type { Clock } from "../../apimachinery/clock.ts";
import {
  Computed,
  Counter,
  type Distribution,
  Gauge,
  Histogram,
  type Metric,
  type Value,
} from "../../apimachinery/metrics.ts";
import type { RequestState } from "../endpoints/api-request.ts";
import type { RequestInfo } from "../request-context.ts";

const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const ofRequest = ["verb", "group", "version", "resource", "subresource", "scope", "component"];
const component = "apiserver";

/** Whether a resource is served: names of clients' own making must not become series. */
export type IsServed = (group: string, version: string, resource: string, subresource: string) => boolean;

/** The series of one kind of request: found once, then only added to. */
interface RequestSeries {
  readonly durations: Distribution;
  readonly sliDurations: Distribution;
  responseBytes: Distribution | undefined;
  bodyBytes: Distribution | undefined;
  readonly totals: Map<number, Value>;
  readonly labels: readonly string[];
  readonly dryRun: string;
}

/** How many there are now, and the most there were in the last full second. */
export class Level {
  readonly #clock: Clock;
  #current = 0;
  #second = 0;
  #high = 0;
  #lastHigh = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  enter(): void {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) this.#turn(second);
    this.#current++;
    if (this.#current > this.#high) this.#high = this.#current;
  }

  leave(): void {
    this.#current--;
  }

  get highest(): number {
    const second = Math.floor(this.#clock.now() / 1000);
    if (second !== this.#second) this.#turn(second);
    return Math.max(this.#high, this.#lastHigh);
  }

  #turn(second: number): void {
    this.#lastHigh = second === this.#second + 1 ? this.#high : this.#current;
    this.#high = this.#current;
    this.#second = second;
  }
}

/** What is counted of every request, by the names that kube-apiserver uses. */
export class RequestMetrics {
  readonly #totals = new Counter({
    name: "apiserver_request_total",
    help: "Requests by what they asked for and the code of their answer.",
    labels: ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code"],
  });
  readonly #durations = new Histogram({
    name: "apiserver_request_duration_seconds",
    help: "Time until requests were answered.",
    labels: ["verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"],
    buckets: durationBuckets,
  });
  readonly #sliDurations = new Histogram({
    name: "apiserver_request_sli_duration_seconds",
    help: "Time until requests were answered, without what webhooks and queues took of it.",
    labels: ofRequest,
    // Objectives are set in tens of milliseconds: the finest buckets are left out.
    buckets: durationBuckets.filter((bound) => bound >= 0.05),
  });
  readonly #responseBytes = new Histogram({
    name: "apiserver_response_sizes",
    help: "Bytes of answers to reads.",
    labels: ofRequest,
    buckets: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9],
  });
  readonly #bodyBytes = new Histogram({
    name: "apiserver_request_body_size_bytes",
    help: "Bytes of what clients sent to be written.",
    labels: ["group", "resource", "verb"],
    buckets: Array.from({ length: 31 }, (_, index) => 50_000 + index * 100_000),
  });
  readonly #validations = new Histogram({
    name: "field_validation_request_duration_seconds",
    help: "Time until writes were answered, by what was asked for of fields that nobody knows.",
    labels: ["field_validation"],
    buckets: durationBuckets.filter((bound) => bound >= 0.05),
  });
  readonly #longRunning = new Gauge({
    name: "apiserver_longrunning_requests",
    help: "Watches and streams that are open.",
    labels: ofRequest,
  });
  readonly #terminations = new Counter({
    name: "apiserver_request_terminations_total",
    help: "Requests that the server ended on its own account.",
    labels: [...ofRequest, "code"],
  });
  readonly #aborts = new Counter({
    name: "apiserver_request_aborts_total",
    help: "Requests that were given up, by their client mostly.",
    labels: ["verb", "group", "version", "resource", "subresource", "scope"],
  });
  readonly #deprecated = new Gauge({
    name: "apiserver_requested_deprecated_apis",
    help: "Deprecated APIs that were asked for, and when they go, if that is known; always 1.",
    labels: ["group", "version", "resource", "subresource", "removed_release"],
  });
  /** Clients that broke off, or did not speak TLS, before they had asked anything. */
  readonly tlsHandshakeErrors: Value;
  readonly #series = new Map<string, RequestSeries>();
  /** What was last counted, by verb: requests of one kind seldom come alone, and a key of eight parts costs more. */
  readonly #last = new Map<string, LastSeries>();
  readonly #inFlight: Readonly<Record<"readOnly" | "mutating", Level>>;
  readonly #inQueue: Readonly<Record<"readOnly" | "mutating", Level>>;
  #isServed: IsServed = () => true;

  constructor(clock: Clock, register: (metric: Metric) => void) {
    this.#inFlight = { readOnly: new Level(clock), mutating: new Level(clock) };
    this.#inQueue = { readOnly: new Level(clock), mutating: new Level(clock) };
    for (const metric of [
      this.#totals,
      this.#durations,
      this.#sliDurations,
      this.#responseBytes,
      this.#bodyBytes,
      this.#validations,
      this.#longRunning,
      this.#terminations,
      this.#aborts,
      this.#deprecated,
    ]) {
      register(metric);
    }
    const handshakes = new Counter({
      name: "apiserver_tls_handshake_errors_total",
      help: "Connections that failed in the handshake of TLS.",
    });
    register(handshakes);
    this.tlsHandshakeErrors = handshakes.with();
    const kinds = (name: string, help: string, levels: Readonly<Record<string, Level>>): void =>
      register(
        new Computed("gauge", { name, help, labels: ["request_kind"] }, () =>
          Object.entries(levels).map(([kind, { highest }]) => [[kind], highest] as const),
        ),
      );
    kinds(
      "apiserver_current_inflight_requests",
      "Most requests that were worked on at one time in the last second.",
      this.#inFlight,
    );
    kinds(
      "apiserver_current_inqueue_requests",
      "Most requests that waited for seats at one time in the last second.",
      this.#inQueue,
    );
  }

  /** To be told before the first request what is served. */
  onlyServed(isServed: IsServed): void {
    this.#isServed = isServed;
  }

  inFlight(isMutating: boolean): Level {
    return isMutating ? this.#inFlight.mutating : this.#inFlight.readOnly;
  }

  inQueue(isMutating: boolean): Level {
    return isMutating ? this.#inQueue.mutating : this.#inQueue.readOnly;
  }

  /** Counts an answered request; `seconds` is absent for those that last. */
  answered(state: RequestState, code: number, seconds: number | undefined): void {
    const series = this.#seriesOf(state);
    if (series === undefined) return;
    let total = series.totals.get(code);
    if (total === undefined) {
      const [verb = "", ...rest] = series.labels;
      total = this.#totals.with(verb, series.dryRun, ...rest, String(code));
      series.totals.set(code, total);
    }
    total.value++;
    if (seconds === undefined) return;
    series.durations.observe(seconds);
    series.sliDurations.observe(seconds - (state.waitedMs ?? 0) / 1000);
    const verb = bodyVerbs[state.info.verb];
    if (verb === undefined) return;
    this.#received(state, verb, series);
    if (validates.has(verb)) this.#validated(state, seconds);
  }

  /** Other values are refused, and come from clients: there would be no end of them. */
  #validated({ request }: RequestState, seconds: number): void {
    const asked = request.query.get("fieldValidation") ?? "";
    if (fieldValidations.has(asked)) this.#validations.with(asked).observe(seconds);
  }

  /** Bytes of a body, where it was read. */
  #received({ info, request }: RequestState, verb: string, series: RequestSeries): void {
    if (request.body.type !== "bytes") return;
    const bytes = request.body.whole?.length ?? request.body.readBytes ?? 0;
    if (bytes === 0) return;
    series.bodyBytes ??= this.#bodyBytes.with(info.group, info.resource, verb);
    series.bodyBytes.observe(bytes);
  }

  /** Bytes of an answer to a get or list. */
  sent(state: RequestState, bytes: number): void {
    if (state.info.verb !== "get" && state.info.verb !== "list") return;
    const series = this.#seriesOf(state);
    if (series === undefined) return;
    series.responseBytes ??= this.#responseBytes.with(...series.labels);
    series.responseBytes.observe(bytes);
  }

  /** The open requests of this kind. */
  longRunning(state: RequestState): Value | undefined {
    const series = this.#seriesOf(state);
    return series === undefined ? undefined : this.#longRunning.with(...series.labels);
  }

  /** A resource that clients should turn away from was asked for. */
  deprecated({ group, version, resource, subresource }: RequestInfo, removedRelease: string): void {
    this.#deprecated.with(group, version, resource, subresource, removedRelease).set(1);
  }

  terminated(state: RequestState, code: number): void {
    const series = this.#seriesOf(state);
    if (series !== undefined) this.#terminations.with(...series.labels, String(code)).add();
  }

  aborted(state: RequestState): void {
    const series = this.#seriesOf(state);
    if (series !== undefined) this.#aborts.with(...series.labels.slice(0, -1)).add();
  }

  #seriesOf(state: RequestState): RequestSeries | undefined {
    const { info, request } = state;
    const verb = verbOf(state);
    if (verb === undefined) return undefined;
    const dryRun = isWrite.has(info.verb) && request.query.get("dryRun") === "All" ? "All" : "";
    const scope = scopeOf(info);
    if (info.isResourceRequest) {
      const last = this.#last.get(verb);
      if (last !== undefined && last.scope === scope && last.dryRun === dryRun && isSame(last.info, info))
        return last.series;
    }
    const series = this.#find(info, verb, dryRun, scope);
    if (info.isResourceRequest && series !== undefined) this.#last.set(verb, { info, scope, dryRun, series });
    return series;
  }

  #find(info: RequestInfo, verb: string, dryRun: string, scope: string): RequestSeries | undefined {
    const key = `${verb} ${info.group} ${info.version} ${info.resource} ${info.subresource} ${scope}${dryRun}${
      info.isResourceRequest ? "" : info.path
    }`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const isKnown = info.isResourceRequest
      ? this.#isServed(info.group, info.version, info.resource, info.subresource)
      : countedPaths.has(info.path);
    // The paths of proxies and names of nothing come from clients: there would be no end of them.
    if (!isKnown || this.#series.size > 5_000) return undefined;
    const subresource = info.isResourceRequest ? info.subresource : info.path;
    const labels = [verb, info.group, info.version, info.resource, subresource, scope, component];
    const series: RequestSeries = {
      durations: this.#durations.with(verb, dryRun, ...labels.slice(1)),
      sliDurations: this.#sliDurations.with(...labels),
      responseBytes: undefined,
      bodyBytes: undefined,
      totals: new Map(),
      labels,
      dryRun,
    };
    this.#series.set(key, series);
    return series;
  }
}

interface LastSeries {
  readonly info: RequestInfo;
  readonly scope: string;
  readonly dryRun: string;
  readonly series: RequestSeries;
}

const isSame = (a: RequestInfo, b: RequestInfo): boolean =>
  a.resource === b.resource &&
  a.group === b.group &&
  a.version === b.version &&
  a.subresource === b.subresource;

const countedPaths = new Set([
  "/healthz",
  "/livez",
  "/readyz",
  "/metrics",
  "/version",
  "/openapi/v2",
  "/openapi/v3",
]);
/** The words that kube-apiserver has for requests with a body. */
const bodyVerbs: Readonly<Record<string, string>> = {
  create: "create",
  update: "update",
  patch: "patch",
  delete: "delete",
  deletecollection: "delete_collection",
};
const validates = new Set(["create", "update", "patch"]);
const fieldValidations = new Set(["", "Ignore", "Warn", "Strict"]);
const isWrite = new Set(["create", "update", "patch", "delete", "deletecollection"]);
const connects = new Set(["exec", "attach", "portforward", "proxy"]);

const verbs: Readonly<Record<string, string>> = {
  create: "POST",
  update: "PUT",
  patch: "PATCH",
  get: "GET",
  list: "LIST",
  watch: "WATCH",
  delete: "DELETE",
  deletecollection: "DELETECOLLECTION",
};

/** The word for the verb; undefined for methods that no endpoint has. */
function verbOf({ info, request }: RequestState): string | undefined {
  if (connects.has(info.subresource)) return "CONNECT";
  if (
    info.verb === "patch" &&
    request.header("content-type")?.startsWith("application/apply-patch") === true
  ) {
    return "APPLY";
  }
  return verbs[info.verb];
}

/** One object, those of a namespace, or all. */
function scopeOf({ name, verb, namespace, isResourceRequest }: RequestInfo): string {
  if (name !== "" || verb === "create") return "resource";
  if (namespace !== "") return "namespace";
  return isResourceRequest ? "cluster" : "";
}
