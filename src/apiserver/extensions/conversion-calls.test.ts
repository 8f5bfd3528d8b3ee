import { expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { converterCalls } from "./conversion-calls.ts";

test("who follows conversions is told of each failure, and once of a webhook that converts again", () => {
  const told: unknown[][] = [];
  const calls = converterCalls({
    watchCache: { get: () => undefined } as never,
    clock: new VirtualClock(),
    random: new SeededRandom(1),
    register: () => undefined,
    onConversion: (...what) => void told.push(what),
  });
  const convert = (definition: string, ...failure: string[]): void =>
    calls.begin(definition, "v1", "v2")(...failure);
  convert("a");
  convert("a", "call_failure", "connection refused");
  convert("a", "call_failure", "connection refused");
  convert("b");
  convert("a");
  convert("a");
  expect(told).toEqual([
    ["a", "connection refused"],
    ["a", "connection refused"],
    ["a", undefined],
  ]);
});
