import {
  Computed,
  Counter,
  type Distribution,
  Gauge,
  Histogram,
  type Metric,
  type Value,
} from "../../apimachinery/metrics.ts";
import type { PriorityLevel } from "./priority-level.ts";

const durations = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const ofFlow = ["priority_level", "flow_schema"];
const prefix = "apiserver_flowcontrol_";

/** The series of one schema in one level: found once, then only added to. */
export interface FlowSeries {
  readonly dispatched: Value;
  readonly inQueue: Value;
  readonly inQueueSeats: Value;
  readonly executing: Value;
  readonly executingSeats: Value;
  readonly waitedAndRan: Distribution;
  readonly waitedInVain: Distribution;
  readonly queueLength: Distribution;
  readonly seats: Distribution;
  rejected(reason: string): Value;
  ran(verb: string): Distribution;
}

const knownVerbs = new Set([
  "get",
  "list",
  "watch",
  "create",
  "update",
  "patch",
  "delete",
  "deletecollection",
]);

/** Metrics of priority and fairness, by upstream's names. */
export class FlowMetrics {
  readonly #dispatched = new Counter({
    name: `${prefix}dispatched_requests_total`,
    help: "Requests that were given seats.",
    labels: ofFlow,
  });
  readonly #rejected = new Counter({
    name: `${prefix}rejected_requests_total`,
    help: "Requests that were refused, by why.",
    labels: [...ofFlow, "reason"],
  });
  readonly #inQueue = new Gauge({
    name: `${prefix}current_inqueue_requests`,
    help: "Requests that wait in queues.",
    labels: ofFlow,
  });
  readonly #inQueueSeats = new Gauge({
    name: `${prefix}current_inqueue_seats`,
    help: "Seats that waiting requests wait for.",
    labels: ofFlow,
  });
  readonly #executing = new Gauge({
    name: `${prefix}current_executing_requests`,
    help: "Requests that hold seats; watches only until their initial state is sent.",
    labels: ofFlow,
  });
  readonly #executingSeats = new Gauge({
    name: `${prefix}current_executing_seats`,
    help: "Seats that are held.",
    labels: ofFlow,
  });
  readonly #waited = new Histogram({
    name: `${prefix}request_wait_duration_seconds`,
    help: "How long requests waited in their queues.",
    labels: [...ofFlow, "execute"],
    buckets: durations,
  });
  readonly #ran = new Histogram({
    name: `${prefix}request_execution_seconds`,
    help: "How long requests held their seats.",
    labels: [...ofFlow, "type"],
    buckets: durations,
  });
  readonly #queueLength = new Histogram({
    name: `${prefix}request_queue_length_after_enqueue`,
    help: "Length of a queue as the request found it that joined it.",
    labels: ofFlow,
    buckets: [0, 10, 25, 50, 100, 250, 500, 1000],
  });
  readonly #seats = new Histogram({
    name: `${prefix}work_estimated_seats`,
    help: "Seats that requests were estimated to need.",
    labels: ofFlow,
    buckets: [1, 2, 4, 8, 16, 32, 64, 100],
  });
  readonly #series = new Map<string, FlowSeries>();
  fairFraction = 0;

  constructor(register: (metric: Metric) => void, levels: () => Iterable<PriorityLevel>) {
    for (const metric of [
      this.#dispatched,
      this.#rejected,
      this.#inQueue,
      this.#inQueueSeats,
      this.#executing,
      this.#executingSeats,
      this.#waited,
      this.#ran,
      this.#queueLength,
      this.#seats,
    ]) {
      register(metric);
    }
    const ofLevels = (name: string, help: string, read: (level: PriorityLevel) => number): void =>
      register(
        new Computed("gauge", { name: `${prefix}${name}`, help, labels: ["priority_level"] }, () =>
          [...levels()].map((level) => [[level.name], read(level)] as const),
        ),
      );
    ofLevels("nominal_limit_seats", "Seats of the level by its share.", ({ nominal }) => nominal);
    ofLevels("lower_limit_seats", "Seats that the level keeps when it lends.", ({ min }) => min);
    ofLevels("upper_limit_seats", "Seats of the level when it borrows.", ({ max }) => max);
    ofLevels("current_limit_seats", "Seats of the level now.", ({ current }) => current);
    ofLevels("target_seats", "Seats that the level should have by its demand.", ({ target }) => target);
    ofLevels(
      "demand_seats_high_watermark",
      "Most seats that were wanted in the last period.",
      ({ demand }) => demand.max,
    );
    ofLevels(
      "demand_seats_average",
      "Seats that were wanted on average in the last period.",
      ({ demand }) => demand.average,
    );
    ofLevels(
      "demand_seats_stdev",
      "How far the wanted seats strayed from their average in the last period.",
      ({ demand }) => demand.deviation,
    );
    ofLevels("demand_seats_smoothed", "Seats that are wanted, smoothed.", ({ smoothed }) => smoothed);
    register(
      new Computed(
        "gauge",
        { name: `${prefix}seat_fair_frac`, help: "The part of its target that a level gets." },
        () => [[[], this.fairFraction]],
      ),
    );
  }

  series(level: string, schema: string): FlowSeries {
    const key = `${level}\0${schema}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#newSeries(level, schema);
      this.#series.set(key, series);
    }
    return series;
  }

  #newSeries(level: string, schema: string): FlowSeries {
    const byVerb = new Map<string, Distribution>();
    return {
      dispatched: this.#dispatched.with(level, schema),
      inQueue: this.#inQueue.with(level, schema),
      inQueueSeats: this.#inQueueSeats.with(level, schema),
      executing: this.#executing.with(level, schema),
      executingSeats: this.#executingSeats.with(level, schema),
      waitedAndRan: this.#waited.with(level, schema, "true"),
      waitedInVain: this.#waited.with(level, schema, "false"),
      queueLength: this.#queueLength.with(level, schema),
      seats: this.#seats.with(level, schema),
      rejected: (reason) => this.#rejected.with(level, schema, reason),
      ran: (verb) => {
        // Methods are the client's own words: only known ones become series.
        const type = knownVerbs.has(verb) ? verb : "other";
        let found = byVerb.get(type);
        if (found === undefined) {
          found = this.#ran.with(level, schema, type);
          byVerb.set(type, found);
        }
        return found;
      },
    };
  }
}
