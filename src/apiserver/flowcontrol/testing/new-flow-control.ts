import type { Clock } from "../../../apimachinery/clock.ts";
import type { FlowControlParts } from "../../filters/flow-control.ts";
import type { ServerMetrics } from "../../metrics.ts";
import { mandatoryConfiguration, suggestedConfiguration } from "../bootstrap-configuration.ts";
import { BytesInFlight } from "../bytes-in-flight.ts";
import { FlowController } from "../flow-controller.ts";
import { RefusalPace } from "../refusal-pace.ts";

/** What the filter works with, with the levels and schemas of every cluster. */
export function newFlowControl(
  clock: Clock,
  metrics: ServerMetrics,
  { totalSeats = 600, bytes = 1024 * 1024, stored = 0 } = {},
): FlowControlParts {
  const controller = new FlowController({
    clock,
    totalSeats,
    waitLimitMs: 15_000,
    count: () => stored,
    register: (metric) => metrics.register(metric),
  });
  controller.configure(
    [...mandatoryConfiguration.levels, ...suggestedConfiguration.levels],
    [...mandatoryConfiguration.schemas, ...suggestedConfiguration.schemas],
  );
  return {
    controller,
    bytes: new BytesInFlight(bytes),
    pace: new RefusalPace(clock),
    clock,
    metrics: metrics.requests,
  };
}
