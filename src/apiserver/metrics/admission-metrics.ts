import type { Clock } from "../../apimachinery/clock.ts";
import { type Distribution, Histogram, type Metric } from "../../apimachinery/metrics.ts";

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

  constructor(clock: Clock, register: (metric: Metric) => void) {
    this.clock = clock;
    register(this.#plugins);
    register(this.#steps);
  }

  plugin(name: string, phase: AdmissionPhase): AdmissionTimes {
    return new AdmissionTimes((operation, rejected) => this.#plugins.with(name, operation, rejected, phase));
  }

  step(phase: AdmissionPhase): AdmissionTimes {
    return new AdmissionTimes((operation, rejected) => this.#steps.with(operation, rejected, phase));
  }
}

/** The times of one plugin, or of all together, in one phase. Each series is looked up by its labels once. */
export class AdmissionTimes {
  readonly #find: (operation: string, rejected: string) => Distribution;
  readonly #passed = new Map<string, Distribution>();
  readonly #rejected = new Map<string, Distribution>();

  constructor(find: (operation: string, rejected: string) => Distribution) {
    this.#find = find;
  }

  note(operation: string, tookMs: number, isRejected: boolean): void {
    const known = isRejected ? this.#rejected : this.#passed;
    let series = known.get(operation);
    if (series === undefined) {
      series = this.#find(operation, String(isRejected));
      known.set(operation, series);
    }
    series.observe(tookMs / 1000);
  }
}
