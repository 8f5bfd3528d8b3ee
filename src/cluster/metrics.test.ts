import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Deployment } from "../api/types/apps-v1.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { resources } from "../client/resources.ts";
import { Cluster } from "./cluster.ts";
import { adminUser } from "./identities.ts";
import { SimulatedNode } from "./simulated-node.ts";

let cluster: Cluster;
let node: SimulatedNode;

const web: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "default" },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "web", image: "nginx" }] },
    },
  },
};

beforeAll(async () => {
  cluster = new Cluster({ clock: new RealClock() });
  await cluster.startApi();
  await cluster.bootstrap();
  await cluster.startControllers();
  node = new SimulatedNode(cluster, { podCidr: "10.244.0.0/24", dnsAddress: "10.96.0.10" });
  await node.start();
  const deployments = cluster.client().resource(resources.deployments);
  await deployments.create(web);
  for (let attempt = 0; attempt < 400; attempt++) {
    const { status } = await deployments.get("web", { namespace: "default" });
    if (status?.availableReplicas === 2) break;
    await cluster.clock.sleep(10);
  }
});
afterAll(async () => {
  await node.stop();
  await cluster.stop();
});

/** The page, as a client of this process gets it: series to numbers. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const transport = cluster.server.inProcessTransport(adminUser);
  const answer = await transport.request({ method: "GET", path: "/metrics" });
  const lines = String(answer.body)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

describe("/metrics of a cluster", () => {
  it.each([
    'workqueue_adds_total{name="deployment"}',
    'workqueue_queue_duration_seconds_count{name="replicaset"}',
    'workqueue_work_duration_seconds_count{name="endpoint_slice"}',
    'apiserver_cache_list_total{group="apps",index="",resource="deployments"}',
    'kube_apiserver_clusterip_allocator_allocated_ips{cidr="10.96.0.0/16"}',
    'rest_client_requests_total{code="201",host="in-process",method="POST"}',
    'scheduler_schedule_attempts_total{profile="default-scheduler",result="scheduled"}',
    'scheduler_scheduling_attempt_duration_seconds_count{profile="default-scheduler",result="scheduled"}',
    'scheduler_framework_extension_point_duration_seconds_count{extension_point="Filter",profile="default-scheduler",status="Success"}',
    'scheduler_queue_incoming_pods_total{event="UnschedulablePodAdd",queue="active"}',
  ])("counts %s", async (series) => {
    expect((await scrape()).get(series)).toBeGreaterThan(0);
  });

  it.each([
    'workqueue_depth{name="job"}',
    'workqueue_retries_total{name="job"}',
    'workqueue_unfinished_work_seconds{name="job"}',
    'workqueue_longest_running_processor_seconds{name="job"}',
    'scheduler_pending_pods{queue="gated"}',
    "scheduler_preemption_attempts_total",
  ])("has %s", async (series) => {
    expect((await scrape()).get(series)).toBe(0);
  });
});
