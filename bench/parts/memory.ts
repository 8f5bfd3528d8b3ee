/** What a stored pod costs in resident memory: just written, and after a restart, when only its bytes are read. */
import { setTimeout as wait } from "node:timers/promises";
import type { BenchCluster } from "./bench-cluster.ts";
import type { Figure } from "./figures.ts";
import { endpointOf, fillPods } from "./load.ts";
import { memoryOf } from "./processes.ts";

/** Until what is left of the work has been collected. */
const restMs = 20_000;

/** The cluster must be fresh: its memory is compared with itself. It is restarted once. */
export async function memoryPerPod(cluster: BenchCluster, podCount: number): Promise<Figure[]> {
  await wait(restMs);
  const emptyMb = memoryOf(cluster.serverPid).residentMb;
  await fillPods(endpointOf(cluster), podCount);
  await wait(restMs);
  const filledMb = memoryOf(cluster.serverPid).residentMb;
  await cluster.down();
  await cluster.up();
  await wait(restMs);
  const againMb = memoryOf(cluster.serverPid).residentMb;
  const perPodKb = (mb: number): number => ((mb - emptyMb) * 1024) / podCount;
  return [
    {
      name: `memory per pod, ${podCount.toLocaleString("en")} written`,
      value: perPodKb(filledMb),
      unit: "KB",
      atMost: 12,
      note: `${emptyMb.toFixed(0)} → ${filledMb.toFixed(0)} MB resident`,
    },
    {
      name: "memory per pod, after a restart",
      value: perPodKb(againMb),
      unit: "KB",
      atMost: 12,
      note: `${againMb.toFixed(0)} MB resident`,
    },
  ];
}
