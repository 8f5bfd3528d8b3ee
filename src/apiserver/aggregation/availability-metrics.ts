import type { APIService } from "../../api/types/apiregistration-v1.ts";
import { Computed, Counter, type Metric } from "../../apimachinery/metrics.ts";
import type { ObjectReader } from "../object-reader.ts";
import { apiServices, availability } from "./api-service.ts";

/** Which versions cannot be had, by the names that kube-aggregator uses. */
export class AvailabilityMetrics {
  readonly #losses = new Counter({
    name: "aggregator_unavailable_apiservice_total",
    help: "How often APIServices became unavailable, by name and reason.",
    labels: ["name", "reason"],
  });

  constructor(reader: ObjectReader, register: (metric: Metric) => void) {
    register(this.#losses);
    register(
      new Computed(
        "gauge",
        {
          name: "aggregator_unavailable_apiservice",
          help: "APIServices, by name: 1 for those that are not available.",
          labels: ["name"],
        },
        () =>
          reader
            .list<APIService>(apiServices)
            .map((each) => [[each.metadata.name ?? ""], isAvailable(each) ? 0 : 1] as const),
      ),
    );
  }

  /** The version could be reached before. */
  lost(name: string, reason: string): void {
    this.#losses.with(name, reason).add();
  }
}

const isAvailable = (each: APIService): boolean => availability(each)?.status === "True";
