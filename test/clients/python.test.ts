/**
 * The official Python client. Its packages are kept between runs; they are fetched with SAMPAN_CLIENTS=1
 * (`npm run clients`) only.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab, type Outcome, runScenarios } from "./lab.ts";
import { pythonClient } from "./programs.ts";

const { missing, scenarios, prepare, command } = pythonClient();
if (missing !== undefined) console.log(`skipped: the Python client (${missing})`);

describe.skipIf(missing !== undefined)("the Python client", () => {
  let lab: Lab;
  let report: ReadonlyMap<string, Outcome>;

  beforeAll(async () => {
    prepare();
    lab = await Lab.open();
    report = await runScenarios([...command, lab.kubeconfig, lab.control], {
      env: { HOME: lab.folder },
      timeoutMs: 400_000,
    });
  }, 1_200_000);
  afterAll(() => lab?.close());

  test("ran all scenarios", () => {
    expect(scenarios.length).toBeGreaterThan(12);
    expect([...report.keys()]).toEqual(scenarios);
  });

  test.each(scenarios)("%s", (scenario) => {
    expect(report.get(scenario)).toMatchObject({ scenario, ok: true });
  });
});
