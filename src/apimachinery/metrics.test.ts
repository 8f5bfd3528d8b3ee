import { describe, expect, test } from "vitest";
import { Computed, Counter, formatNumber, Gauge, Histogram } from "./metrics.ts";

describe("the text form", () => {
  test("has labels by name, with what would break it escaped", () => {
    const counter = new Counter({ name: "a_total", help: "Of\\two\nlines.", labels: ["z", "a"] });
    counter.with("1", 'say "hi"\n\\').add(2);
    expect(counter.lines()).toEqual([
      "# HELP a_total Of\\\\two\\nlines.",
      "# TYPE a_total counter",
      'a_total{a="say \\"hi\\"\\n\\\\",z="1"} 2',
    ]);
  });

  test("adds the buckets of a histogram up", () => {
    const histogram = new Histogram({ name: "b", help: "B.", labels: ["x"], buckets: [1, 1e6] });
    for (const value of [0.5, 1, 2, 5e6]) histogram.with("y").observe(value);
    expect(histogram.lines().slice(2)).toEqual([
      'b_bucket{x="y",le="1"} 2',
      'b_bucket{x="y",le="1e+06"} 3',
      'b_bucket{x="y",le="+Inf"} 4',
      'b_sum{x="y"} 5.0000035e+06',
      'b_count{x="y"} 4',
    ]);
  });

  test("leaves out what has no series", () => {
    expect(new Gauge({ name: "c", help: "C." }).lines()).toEqual([]);
    const gone = new Gauge({ name: "c", help: "C.", labels: ["x"] });
    gone.with("y").set(1);
    gone.forget("y");
    expect(gone.lines()).toEqual([]);
  });

  test("reads computed numbers when it is asked for", () => {
    let value = 1;
    const computed = new Computed("gauge", { name: "d", help: "D." }, () => [[[], value]]);
    value = 2;
    expect(computed.lines().at(-1)).toBe("d 2");
  });

  test.each([
    [0, "0"],
    [0.25, "0.25"],
    [999_999, "999999"],
    [1_000_000, "1e+06"],
    [1_234_567, "1.234567e+06"],
    [0.00001, "1e-05"],
    [Number.POSITIVE_INFINITY, "+Inf"],
    [Number.NaN, "NaN"],
  ])("writes %d as Prometheus does", (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
