import type { Pod } from "../api/types/core-v1.ts";
import type { ContainerStatus } from "../cri/runtime.ts";
import type { NodePage } from "../streaming/node-connection.ts";
import { systemLogs } from "./system-logs.ts";

/** What the pages of a node are made of. */
export interface NodePageSources {
  readonly nodeName: string;
  readonly maxPods: number;
  /** Of the host; absent where there is none. */
  readonly systemLogDirectory?: string;
  pods(): Iterable<{ readonly pod: Pod; readonly containers: readonly ContainerStatus[] }>;
  statsSummary(): Promise<object>;
  resourceMetrics(): Promise<string>;
}

const json = (value: object): NodePage => ({ contentType: "application/json", body: JSON.stringify(value) });
const plain = (body: string): NodePage => ({ contentType: "text/plain; charset=utf-8", body });
const metrics = (body: string): NodePage => ({
  contentType: "text/plain; version=0.0.4; charset=utf-8",
  body,
});

const healthy = (): Promise<NodePage> => Promise.resolve(plain("ok"));

/** What a kubelet's own port serves beside streams (mirrors pkg/kubelet/server), by path. */
const pages: Readonly<Record<string, (sources: NodePageSources) => Promise<NodePage>>> = {
  "/healthz": healthy,
  "/healthz/ping": healthy,
  "/healthz/log": healthy,
  "/healthz/syncloop": healthy,
  "/pods": (sources) => Promise.resolve(json(podList(Array.from(sources.pods(), ({ pod }) => pod)))),
  "/runningpods": (sources) => Promise.resolve(json(podList(runningPods(sources)))),
  "/configz": ({ maxPods }) =>
    Promise.resolve(
      json({
        kubeletconfig: { kind: "KubeletConfiguration", apiVersion: "kubelet.config.k8s.io/v1beta1", maxPods },
      }),
    ),
  "/metrics": (sources) => Promise.resolve(metrics(kubeletMetrics(sources))),
  "/metrics/resource": async (sources) => metrics(await sources.resourceMetrics()),
  "/stats/summary": async (sources) => json(await sources.statsSummary()),
};

/** Undefined for what this node does not serve. */
export async function nodePage(path: string, sources: NodePageSources): Promise<NodePage | undefined> {
  const name = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  if (Object.hasOwn(pages, name)) return await pages[name]?.(sources);
  const { systemLogDirectory } = sources;
  return systemLogDirectory === undefined ? undefined : await systemLogs(path, systemLogDirectory);
}

const podList = (items: readonly object[]): object => ({
  kind: "PodList",
  apiVersion: "v1",
  metadata: {},
  items,
});

/** As the runtime knows them: names and containers, nothing of what was asked for. */
function runningPods(sources: NodePageSources): object[] {
  const found: object[] = [];
  for (const { pod, containers } of sources.pods()) {
    const running = containers.filter(({ state }) => state === "running");
    if (running.length === 0) continue;
    const { name, namespace, uid } = pod.metadata;
    const spec = {
      containers: running.map((each) => ({ name: each.name, image: each.image, resources: {} })),
    };
    found.push({ metadata: { name, namespace, uid }, spec, status: {} });
  }
  return found;
}

function kubeletMetrics(sources: NodePageSources): string {
  const states = new Map<string, number>();
  let running = 0;
  for (const { containers } of sources.pods()) {
    if (containers.some(({ state }) => state === "running")) running++;
    for (const { state } of containers) states.set(state, (states.get(state) ?? 0) + 1);
  }
  const lines = [
    "# HELP kubelet_node_name [ALPHA] The node's name. The count is always 1.",
    "# TYPE kubelet_node_name gauge",
    `kubelet_node_name{node="${sources.nodeName}"} 1`,
    "# HELP kubelet_running_containers [ALPHA] Number of containers currently running",
    "# TYPE kubelet_running_containers gauge",
    ...Array.from(
      states,
      ([state, count]) => `kubelet_running_containers{container_state="${state}"} ${count}`,
    ),
    "# HELP kubelet_running_pods [ALPHA] Number of pods that have a running pod sandbox",
    "# TYPE kubelet_running_pods gauge",
    `kubelet_running_pods ${running}`,
  ];
  return `${lines.join("\n")}\n`;
}
