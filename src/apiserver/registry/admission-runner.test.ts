import { expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";
import { AdmissionMetrics } from "../metrics/admission-metrics.ts";
import { AdmissionRunner } from "./admission-runner.ts";

const attributes = { operation: "CREATE" } as AdmissionAttributes;

test.each([
  ["at once", () => undefined, "false"],
  ["later", () => Promise.resolve(), "false"],
  ["with a refusal", () => refuse(), "true"],
  ["with a late refusal", () => Promise.reject(new Error("no")), "true"],
])("a plugin that answers %s is counted once, and so is its step", async (_how, answer, rejected) => {
  const metrics: Metric[] = [];
  const plugin: AdmissionPlugin = { name: "Guard", handles: () => true, admit: answer, validate: answer };
  const other: AdmissionPlugin = { name: "Other", handles: () => false, admit: answer };
  const counted = new AdmissionMetrics(new RealClock(), (metric) => metrics.push(metric));
  const runner = new AdmissionRunner([plugin, other], counted);
  for (const step of ["mutate", "validate"] as const) {
    const refusal = await (async () => await runner[step](attributes))().catch(String);
    expect(refusal).toBe(rejected === "true" ? "Error: no" : undefined);
  }
  const text = metrics.flatMap((metric) => metric.lines()).join("\n");
  for (const type of ["admit", "validate"]) {
    const labels = `operation="CREATE",rejected="${rejected}",type="${type}"}`;
    expect(text).toContain(
      `apiserver_admission_controller_admission_duration_seconds_count{name="Guard",${labels} 1`,
    );
    expect(text).toContain(`apiserver_admission_step_admission_duration_seconds_count{${labels} 1`);
  }
  expect(text).not.toContain("Other");
});

function refuse(): undefined {
  throw new Error("no");
}
