import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { SimulatedImages, SimulatedRuntime } from "../../cri/simulated/index.ts";
import { containerConfig, sandboxConfig } from "../../cri/testing/configs.ts";
import { ImageCollector } from "../images/image-collector.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import { Harness, newContainer, newPod } from "../testing/harness.ts";
import { EvictionManager } from "./eviction-manager.ts";
import { rankForMemory } from "./ranking.ts";
import { defaultThresholds, readSignals } from "./signals.ts";

const plenty = { memoryAvailableBytes: 2 ** 33, diskAvailableBytes: 2 ** 40, pidsAvailable: 30_000 };

function setup() {
  const clock = new VirtualClock();
  const events: string[] = [];
  const recorder: EventRecorder = {
    event: (_, type, reason) => void events.push(`${type} ${reason}`),
    forComponent: () => recorder,
  };
  const ended: string[] = [];
  const workers = ["small", "big"].map((name) => ({
    pod: newPod(name),
    ended: false,
    end: ({ reason }: { reason: string }) => void ended.push(`${name} ${reason}`),
  }));
  const state = { signals: plenty, freed: 0, changes: 0 };
  const manager = new EvictionManager({
    clock,
    events: recorder,
    logger: silentLogger,
    thresholds: defaultThresholds,
    readSignals: () => Promise.resolve(state.signals),
    workers: () => workers as unknown as PodWorker[],
    memoryOf: (worker) => Promise.resolve(worker.pod.metadata.name === "big" ? 2 ** 30 : 2 ** 20),
    freeImages: () => Promise.resolve(state.freed),
    onChange: () => void state.changes++,
  });
  return { clock, events, ended, manager, state };
}

describe("under pressure", () => {
  test("of memory, the pod that uses the most beyond its request is ended", async () => {
    const { manager, state, ended, events } = setup();
    await manager.look();
    expect([[...manager.pressures.keys()], ended]).toEqual([[], []]);
    state.signals = { ...plenty, memoryAvailableBytes: 2 ** 20 };
    await manager.look();
    expect([...manager.pressures.keys()]).toEqual(["MemoryPressure"]);
    expect([ended, events, state.changes]).toEqual([["big Evicted"], ["Warning Evicted"], 1]);
  });

  test("of disk, images go before the condition is set", async () => {
    const { manager, state } = setup();
    state.signals = { ...plenty, diskAvailableBytes: 0 };
    state.freed = 2 ** 30;
    await manager.look();
    expect([...manager.pressures.keys()]).toEqual([]);
    state.freed = 0;
    await manager.look();
    expect([...manager.pressures.keys()]).toEqual(["DiskPressure"]);
  });

  test("new pods are refused, and the condition stays for five minutes after", async () => {
    const { clock, manager, state } = setup();
    state.signals = { ...plenty, diskAvailableBytes: 0 };
    await manager.look();
    expect(manager.refusal(newPod("x"))).toEqual({
      reason: "Evicted",
      message: "The node had condition: [DiskPressure]. ",
    });
    state.signals = plenty;
    await clock.advance(299_000);
    await manager.look();
    expect(manager.refusal(newPod("x"))).toBeDefined();
    await clock.advance(1_000);
    await manager.look();
    expect(manager.refusal(newPod("x"))).toBeUndefined();
  });
});

test("pods within their request outlive those beyond it, whatever they use", () => {
  const request = (memory: string) => ({
    containers: [newContainer("app", { resources: { requests: { memory } } })],
  });
  const usages = [
    { pod: newPod("within", request("2Gi")), memoryBytes: 2 ** 30 },
    { pod: newPod("beyond", request("1Mi")), memoryBytes: 2 ** 21 },
    { pod: newPod("far", request("1Mi")), memoryBytes: 2 ** 25 },
    { pod: newPod("system", { priority: 2_000_001_000 }), memoryBytes: 2 ** 31 },
  ];
  expect(rankForMemory(usages).map(({ pod }) => pod.metadata.name)).toEqual(["far", "beyond", "within"]);
});

test("the machine's own signals can be read", async () => {
  const signals = await readSignals("/");
  expect(signals.memoryAvailableBytes).toBeGreaterThan(0);
  expect(signals.diskAvailableBytes).toBeGreaterThan(0);
});

test("only images that nobody uses and nobody imported are removed, when they have been there for a while", async () => {
  const clock = new VirtualClock();
  const runtime = new SimulatedRuntime({ clock, random: new SeededRandom(1) });
  const images = new SimulatedImages({ clock });
  const collector = new ImageCollector({ images, runtime, clock, logger: silentLogger });
  for (const name of ["one:1", "two:1"]) images.add(name);
  images.add("kept:1", { pinned: true });
  const mounted = { containerPath: "/m", imageId: images.add("mounted:1").id, subPath: "" };
  const sandboxId = await runtime.runPodSandbox(sandboxConfig("pod"));
  await runtime.createContainer(sandboxId, containerConfig("main", { imageMounts: [mounted] }));
  expect(await collector.free(1)).toBe(0);
  await clock.advance(120_000);
  expect(await collector.free(1)).toBe(1_000_000);
  expect(await collector.free(10_000_000)).toBe(1_000_000);
  expect((await images.listImages()).map(({ repoTags }) => repoTags[0])).toEqual([
    "docker.io/library/kept:1",
    "docker.io/library/mounted:1",
  ]);
});

describe("statistics", () => {
  let harness: Harness | undefined;
  afterEach(() => harness?.stop());

  test("show CPU as a rate, and memory, by container, pod and node", async () => {
    harness = new Harness();
    await harness.start();
    const p = "simulated.sampan.dev/";
    await harness.createPod("web", {}, { [`${p}cpu`]: "0.5", [`${p}memory`]: "1048576" });
    await harness.advance(10_000);
    expect(await harness.kubelet.statsSummary()).toMatchObject({
      node: { nodeName: "node-1", cpu: { usageNanoCores: 5e8 }, memory: { workingSetBytes: 2 ** 20 } },
      pods: [
        {
          podRef: { name: "web", namespace: "default" },
          containers: [{ name: "app", cpu: { usageCoreNanoSeconds: 5e9 } }],
        },
      ],
    });
    const text = await harness.kubelet.resourceMetrics();
    expect(text).toContain(
      'container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 5 1767225610000',
    );
    expect(text).toContain('pod_memory_working_set_bytes{namespace="default",pod="web"} 1048576 ');
  });
});
