import { afterEach, beforeEach, expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { resourceQuotaController } from "./index.ts";

const things: ResourceReference<UnstructuredObject> = {
  group: "example.com",
  version: "v1",
  resource: "things",
  kind: "Thing",
  namespaced: true,
};

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([resourceQuotaController], { references: [things] });
});
afterEach(async () => run.stop());

const object = (
  apiVersion: string,
  kind: string,
  name: string,
  rest: Record<string, unknown> = {},
): UnstructuredObject => ({ apiVersion, kind, metadata: { name, namespace: "default" }, ...rest });

const quota = (hard: Record<string, string>, spec: Record<string, unknown> = {}): UnstructuredObject =>
  object("v1", "ResourceQuota", "q", { spec: { hard, ...spec } });

const pod = (name: string, cpu?: string, phase = "Running"): UnstructuredObject =>
  object("v1", "Pod", name, {
    spec: {
      containers: [
        {
          name: "main",
          image: "app",
          ...(cpu === undefined ? {} : { resources: { requests: { cpu } } }),
        },
      ],
    },
    status: { phase },
  });

const status = () => run.transport.get(resources.resourcequotas, "q")?.status;

test("a new quota learns at once what it bounds and what of that is used", async () => {
  run.transport.seed(
    pod("a", "250m"),
    pod("b", "1"),
    pod("ended", "5", "Succeeded"),
    object("apps/v1", "Deployment", "web", { spec: {} }),
    object("v1", "ConfigMap", "c"),
    object("v1", "Service", "s", { spec: { type: "NodePort", ports: [{ port: 80 }, { port: 81 }] } }),
    quota({
      pods: "4",
      "requests.cpu": "2",
      "count/deployments.apps": "1",
      "count/jobs.batch": "9",
      configmaps: "3",
      "services.nodeports": "5",
    }),
  );
  await run.settle();
  expect(status()).toEqual({
    hard: {
      pods: "4",
      "requests.cpu": "2",
      "count/deployments.apps": "1",
      "count/jobs.batch": "9",
      configmaps: "3",
      "services.nodeports": "5",
    },
    used: {
      pods: "2",
      "requests.cpu": "1250m",
      "count/deployments.apps": "1",
      "count/jobs.batch": "0",
      configmaps: "1",
      "services.nodeports": "2",
    },
  });
});

test("what is deleted or ends gives back what it used", async () => {
  run.transport.seed(pod("a", "1"), pod("b", "1"), quota({ pods: "4", cpu: "3" }));
  await run.settle();
  expect(status()?.used).toEqual({ pods: "2", cpu: "2" });
  run.transport.remove(resources.pods, "a");
  await run.settle();
  expect(status()?.used).toEqual({ pods: "1", cpu: "1" });
  run.transport.modify(resources.pods, "b", (b) => {
    b.status = { phase: "Failed" };
  });
  await run.settle();
  expect(status()?.used).toEqual({ pods: "0", cpu: "0" });
});

test("what was charged a moment ago is not given back before it can be stored", async () => {
  run.transport.seed(pod("a", "1"), pod("b", "1"), quota({ pods: "3" }));
  await run.settle();
  // Admission charges a third pod, and before that is stored another goes.
  run.transport.modify(resources.resourcequotas, "q", (q) => {
    q.status = { ...q.status, used: { pods: "3" } };
  });
  await run.settle();
  run.transport.remove(resources.pods, "a");
  await run.settle();
  expect(status()?.used).toEqual({ pods: "3" });
  run.transport.seed(pod("c", "1"));
  await run.settle(1_000);
  expect(status()?.used).toEqual({ pods: "2" });
});

test("what a cache that is behind does not show is not given back", async () => {
  run.transport.seed(pod("a", "1"), quota({ pods: "3" }));
  await run.settle();
  await run.holdBack("pods");
  // Admission charged a second pod, and a while later somebody looks at the quota anew.
  run.transport.seed(pod("b", "1"));
  run.transport.modify(resources.resourcequotas, "q", (q) => {
    q.status = { ...q.status, used: { pods: "2" } };
  });
  await run.settle(2_000);
  run.transport.modify(resources.resourcequotas, "q", (q) => {
    q.spec = { hard: { pods: "4" } };
  });
  await run.settle(2_000);
  expect(status()).toEqual({ hard: { pods: "4" }, used: { pods: "2" } });
});

test("scopes narrow what is counted", async () => {
  run.transport.seed(pod("best-effort"), pod("other", "1"), quota({ pods: "4" }, { scopes: ["BestEffort"] }));
  await run.settle();
  expect(status()?.used).toEqual({ pods: "1" });
});

test("a pod that is given a deadline passes to the quotas of those that have one", async () => {
  run.transport.seed(pod("a", "1"), quota({ pods: "4" }, { scopes: ["NotTerminating"] }));
  await run.settle();
  expect(status()?.used).toEqual({ pods: "1" });
  run.transport.modify(resources.pods, "a", (a) => {
    a.spec.activeDeadlineSeconds = 60;
  });
  await run.settle();
  expect(status()?.used).toEqual({ pods: "0" });
});

test("a changed bound shows, and a wrong sum is set right by the next look", async () => {
  run.transport.seed(pod("a"), quota({ pods: "4" }));
  await run.settle();
  run.transport.modify(resources.resourcequotas, "q", (q) => {
    q.spec = { hard: { pods: "8", secrets: "1" } };
  });
  await run.settle();
  expect(status()).toEqual({ hard: { pods: "8", secrets: "1" }, used: { pods: "1", secrets: "0" } });
  run.transport.modify(resources.resourcequotas, "q", (q) => {
    q.status = { hard: { pods: "8", secrets: "1" }, used: { pods: "7", secrets: "0" } };
  });
  await run.settle(300_000);
  expect(status()?.used).toEqual({ pods: "1", secrets: "0" });
});

test("a kind that is no longer served is not asked for, and counted when it is back", async () => {
  const used = (): string | undefined => status()?.used?.["count/things.example.com"];
  const asked = (): number => run.transport.requests.filter(({ path }) => path.endsWith("/things")).length;
  run.transport.seed(object("example.com/v1", "Thing", "a"), quota({ "count/things.example.com": "4" }));
  await run.settle();
  expect(used()).toBe("1");
  run.transport.remove(things, "a");
  run.transport.serve(things, false);
  await run.settle(120_000);
  const before = asked();
  await run.settle(600_000);
  expect(asked()).toBe(before);
  run.transport.serve(things, true);
  run.transport.seed(object("example.com/v1", "Thing", "b"), object("example.com/v1", "Thing", "c"));
  await run.settle(120_000);
  expect(used()).toBe("2");
});

test("where thousands come and go they are not all counted for each", async () => {
  run.transport.seed(...Array.from({ length: 3_000 }, (_, n) => pod(`p${n}`)), quota({ pods: "5k" }));
  await run.settle(1_000);
  expect(status()?.used).toEqual({ pods: "3k" });
  const written = (): number => run.transport.requests.filter(({ method }) => method === "PUT").length;
  const before = written();
  for (let n = 0; n < 50; n++) {
    run.transport.remove(resources.pods, `p${n}`);
    await run.settle(10);
  }
  await run.settle(1_000);
  expect(status()?.used).toEqual({ pods: "2950" });
  expect(written() - before).toBeLessThanOrEqual(4);
});
