import { afterEach, beforeEach, expect, it } from "vitest";
import { formatTime } from "../../apimachinery/clock.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { eventTtlController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([eventTtlController]);
});
afterEach(async () => run.stop());

const event = (name: string, minutesAgo: number, extra: object = {}) => {
  const time = formatTime(run.clock.now() - minutesAgo * 60_000);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: "default", creationTimestamp: time },
    involvedObject: {},
    lastTimestamp: time,
    ...extra,
  };
};
const names = (): (string | undefined)[] =>
  run.transport.list(resources.events).map(({ metadata }) => metadata.name);

it("deletes Events an hour after they last happened", async () => {
  const recent = formatTime(run.clock.now() - 60_000);
  run.transport.seed(
    event("old", 61),
    event("young", 5),
    event("again", 120, { lastTimestamp: recent }),
    event("series", 120, { series: { count: 3, lastObservedTime: recent } }),
  );
  await run.settle(11 * 60_000);
  expect(names()).toEqual(["again", "series", "young"]);
  await run.settle(45 * 60_000);
  expect(names()).toEqual(["again", "series"]);
  await run.settle(10 * 60_000);
  expect(names()).toEqual([]);
});

it("works through many in pages", async () => {
  run.transport.seed(
    ...Array.from({ length: 1203 }, (_, index) => event(`e${index}`, index % 2 === 0 ? 90 : 1)),
  );
  await run.settle(15 * 60_000);
  expect(names()).toHaveLength(601);
});

it("asks rarely while there is nothing to do", async () => {
  await run.settle(3_600_000);
  expect(run.transport.requests.length).toBeLessThan(10);
});
