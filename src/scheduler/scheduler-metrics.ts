import {
  Computed,
  Counter,
  type Distribution,
  exponentialBuckets,
  Histogram,
  type Metric,
  type MetricRegistry,
} from "../apimachinery/metrics.ts";

export type AttemptResult = "scheduled" | "unschedulable" | "error";
export type ExtensionPoint =
  | "PreFilter"
  | "Filter"
  | "PostFilter"
  | "PreScore"
  | "Score"
  | "Reserve"
  | "PreBind"
  | "Bind";
export type StepStatus = "Success" | "Unschedulable" | "UnschedulableAndUnresolvable" | "Error";
/** Places of the queue where pods wait. */
export type QueuePlace = "active" | "backoff" | "unschedulable" | "gated";

/** Beyond so many attempts pods are counted together. */
const attemptsNamed = 15;

/** What is measured of scheduling, by the names that kube-scheduler uses. Without a registry nobody reads it. */
export class SchedulerMetrics {
  readonly #profile: string;
  readonly #registry: MetricRegistry | undefined;
  readonly #nowMs: () => number;
  readonly #attempts = new Counter({
    name: "scheduler_schedule_attempts_total",
    help: "Tries to find a node for a pod, by how they ended.",
    labels: ["result", "profile"],
  });
  readonly #attemptDurations = new Histogram({
    name: "scheduler_scheduling_attempt_duration_seconds",
    help: "Time that a try took, the binding included.",
    labels: ["result", "profile"],
    buckets: exponentialBuckets(0.001, 2, 15),
  });
  readonly #algorithmDurations = new Histogram({
    name: "scheduler_scheduling_algorithm_duration_seconds",
    help: "Time that choosing a node took.",
    buckets: exponentialBuckets(0.001, 2, 15),
  });
  readonly #podDurations = new Histogram({
    name: "scheduler_pod_scheduling_sli_duration_seconds",
    help: "Time from the first try until the pod was bound, by the number of tries.",
    labels: ["attempts"],
    buckets: exponentialBuckets(0.01, 2, 20),
  });
  readonly #podAttempts = new Histogram({
    name: "scheduler_pod_scheduling_attempts",
    help: "Tries that pods needed until they were bound.",
    buckets: exponentialBuckets(1, 2, 5),
  });
  readonly #preemptions = new Counter({
    name: "scheduler_preemption_attempts_total",
    help: "How often others were looked for whose end would make room.",
  });
  readonly #victims = new Histogram({
    name: "scheduler_preemption_victims",
    help: "Pods that had to make room for one.",
    buckets: exponentialBuckets(1, 2, 7),
  });
  readonly #steps = new Histogram({
    name: "scheduler_framework_extension_point_duration_seconds",
    help: "Time that all plugins took at one step of scheduling.",
    labels: ["extension_point", "status", "profile"],
    buckets: exponentialBuckets(0.0001, 2, 12),
  });
  readonly #incoming = new Counter({
    name: "scheduler_queue_incoming_pods_total",
    help: "Pods that came to a place of the queue, by the event that brought them.",
    labels: ["queue", "event"],
  });
  /** Series by the parts of their labels that vary: looked up without joining them. */
  readonly #stepSeries = new Map<ExtensionPoint, Map<StepStatus, Distribution>>();

  constructor(
    profile = "default-scheduler",
    registry?: MetricRegistry,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#profile = profile;
    this.#registry = registry;
    this.#nowMs = nowMs;
    // Those without labels are shown before anything has happened.
    this.#preemptions.with();
    for (const metric of [
      this.#attempts,
      this.#attemptDurations,
      this.#algorithmDurations,
      this.#podDurations,
      this.#podAttempts,
      this.#preemptions,
      this.#victims,
      this.#steps,
      this.#incoming,
    ] satisfies Metric[]) {
      registry?.register(metric);
    }
  }

  /** A point in time, to be handed back to what measures the time since. */
  now(): number {
    return this.#nowMs();
  }

  attempted(result: AttemptResult, sinceMs: number): void {
    this.#attempts.with(result, this.#profile).value++;
    this.#attemptDurations.with(result, this.#profile).observe((this.#nowMs() - sinceMs) / 1000);
  }

  chosen(sinceMs: number): void {
    this.#algorithmDurations.with().observe((this.#nowMs() - sinceMs) / 1000);
  }

  bound(attempts: number, seconds: number): void {
    this.#podAttempts.with().observe(attempts);
    this.#podDurations
      .with(attempts < attemptsNamed ? String(attempts) : `${attemptsNamed}+`)
      .observe(seconds);
  }

  preemptionTried(): void {
    this.#preemptions.with().value++;
  }

  preempted(victims: number): void {
    this.#victims.with().observe(victims);
  }

  /** Counts a step that began at the time, and returns the time at which it ended: the next begins then. */
  step(point: ExtensionPoint, status: StepStatus, sinceMs: number): number {
    const nowMs = this.#nowMs();
    let byStatus = this.#stepSeries.get(point);
    if (byStatus === undefined) this.#stepSeries.set(point, (byStatus = new Map()));
    let series = byStatus.get(status);
    if (series === undefined) {
      series = this.#steps.with(point, status, this.#profile);
      byStatus.set(status, series);
    }
    series.observe((nowMs - sinceMs) / 1000);
    return nowMs;
  }

  incoming(queue: QueuePlace, event: string): void {
    // A pod with gates waits among the unschedulable ones.
    this.#incoming.with(queue === "gated" ? "unschedulable" : queue, event).value++;
  }

  /** Shows how many pods wait where, and how much the scheduler knows of. */
  show(
    pending: () => Readonly<Record<QueuePlace, number>>,
    known: () => Readonly<Record<"nodes" | "pods" | "assumed_pods", number>>,
  ): void {
    const gauge = (name: string, help: string, label: string, read: () => Record<string, number>): void =>
      this.#registry?.register(
        new Computed("gauge", { name, help, labels: [label] }, () =>
          Object.entries(read()).map(([value, count]) => [[value], count] as const),
        ),
      );
    gauge(
      "scheduler_pending_pods",
      "Pods without a node, by where in the queue they wait.",
      "queue",
      pending,
    );
    gauge("scheduler_cache_size", "Nodes and placed pods that the scheduler knows of.", "type", known);
  }
}
