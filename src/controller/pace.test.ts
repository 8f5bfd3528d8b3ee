import { expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { Pace } from "./pace.ts";

it("holds back what looks at many objects, for longer the more there are", async () => {
  const clock = new VirtualClock();
  const pace = new Pace(clock);
  pace.worksOn("few", 1_000);
  pace.worksOn("many", 40_000);
  pace.worksOn("more", 80_000);
  expect(["few", "many", "more", "new"].map((key) => pace.waitMs(key))).toEqual([0, 4_000, 8_000, 0]);
  await clock.advance(3_000);
  expect(pace.waitMs("many")).toBe(1_000);
  await clock.advance(1_000);
  expect(pace.waitMs("many")).toBe(0);
  pace.worksOn("more", 10);
  expect(pace.waitMs("more")).toBe(0);
});
