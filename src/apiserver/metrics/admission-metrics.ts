import type { Clock } from "../../apimachinery/clock.ts";
import { type Distribution, Histogram, type Metric } from "./registry.ts";

export type AdmissionPhase = "admit" | "validate";

/** How long admission takes: each plugin, and all that admit or validate together. */
export class AdmissionMetrics {
  readonly clock: Clock;
  readonly #plugins = new Histogram({
    name: "apiserver_admission_controller_admission_duration_seconds",
    help: "Time that a plugin took, by what was to be done and whether it was refused.",
    labels: ["name", "operation", "rejected", "type"],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5],
  });
  readonly #steps = new Histogram({
    name: "apiserver_admission_step_admission_duration_seconds",
    help: "Time that all plugins took, by what was to be done and whether it was refused.",
    labels: ["operation", "rejected", "type"],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5],
  });
  readonly #series = new Map<string, Distribution>();

  constructor(clock: Clock, register: (metric: Metric) => void) {
    this.clock = clock;
    register(this.#plugins);
    register(this.#steps);
  }

  plugin(name: string, phase: AdmissionPhase, operation: string, startMs: number, isRejected: boolean): void {
    const key = `${name} ${operation} ${isRejected} ${phase}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#plugins.with(name, operation, String(isRejected), phase);
      this.#series.set(key, series);
    }
    series.observe((this.clock.now() - startMs) / 1000);
  }

  step(phase: AdmissionPhase, operation: string, startMs: number, isRejected: boolean): void {
    const key = `${operation} ${isRejected} ${phase}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#steps.with(operation, String(isRejected), phase);
      this.#series.set(key, series);
    }
    series.observe((this.clock.now() - startMs) / 1000);
  }
}
