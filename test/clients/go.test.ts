/**
 * client-go in protobuf, and controller-runtime, as operators use them. The program is kept between runs; it is built
 * with SAMPAN_CLIENTS=1 (`npm run clients`) only, because that takes minutes and the network.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab, type Outcome, runScenarios } from "./lab.ts";
import { goClient } from "./programs.ts";

const { missing, scenarios, prepare, command } = goClient();
if (missing !== undefined) console.log(`skipped: the Go clients (${missing})`);

describe.skipIf(missing !== undefined)("the Go clients", () => {
  let lab: Lab;
  let report: ReadonlyMap<string, Outcome>;

  beforeAll(async () => {
    prepare();
    lab = await Lab.open();
    report = await runScenarios([...command, "-kubeconfig", lab.kubeconfig, "-control", lab.control], {
      env: { HOME: lab.folder },
      timeoutMs: 400_000,
    });
  }, 1_200_000);
  afterAll(() => lab?.close());

  test("ran all scenarios", () => {
    expect(scenarios.length).toBeGreaterThan(30);
    expect([...report.keys()]).toEqual(scenarios);
  });

  test.each(scenarios)("%s", (scenario) => {
    expect(report.get(scenario)).toMatchObject({ scenario, ok: true });
  });
});
