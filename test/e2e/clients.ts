import { beforeAll, describe, expect, it } from "vitest";
import { type Outcome, runScenarios } from "../clients/lab.ts";
import { goClient, pythonClient } from "../clients/programs.ts";
import type { RunningCluster } from "./sampan.ts";

/** What means something only in containers that run. */
const streams = /^(exec|attach|port-forward|copy|logs)/;

/** The streams of client-go and of the Python client, to containers that run. */
export function clientTests(cluster: () => RunningCluster): void {
  const go = goClient();
  const python = pythonClient();

  streamsOf("client-go", go, (kubeconfig) => ({
    command: [
      ...go.command,
      "-kubeconfig",
      kubeconfig,
      "-real",
      "-run",
      streams.source,
      "-image",
      "busybox:latest",
      "-web-image",
      "nginx:latest",
    ],
    env: {},
  }));
  streamsOf("the Python client", python, (kubeconfig) => ({
    command: [...python.command, kubeconfig],
    env: { ONLY: streams.source, IMAGE: "busybox:latest", WEB_IMAGE: "nginx:latest" },
  }));

  function streamsOf(
    title: string,
    client: ReturnType<typeof goClient>,
    invocation: (kubeconfig: string) => {
      command: readonly [string, ...string[]];
      env: Readonly<Record<string, string>>;
    },
  ): void {
    const scenarios = client.scenarios.filter((name) => streams.test(name));
    if (client.missing !== undefined) console.log(`skipped: streams of ${title} (${client.missing})`);

    describe.skipIf(client.missing !== undefined)(`streams of ${title}`, () => {
      let report: ReadonlyMap<string, Outcome>;

      beforeAll(async () => {
        client.prepare();
        const { folder, environment } = cluster().home;
        const { command, env } = invocation(environment["KUBECONFIG"] ?? "");
        report = await runScenarios(command, { env: { HOME: folder, ...env }, timeoutMs: 120_000 });
      }, 1_200_000);

      it.each(scenarios)("%s", (scenario) => {
        expect(report.get(scenario)).toMatchObject({ scenario, ok: true });
      });
    });
  }
}
