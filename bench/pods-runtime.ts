/**
 * Pods of the embedded runtime, without a cluster around them: how long each stage takes alone, and how many start per
 * second. Both ways of making system calls run in one go, so that the machine's mood cancels out:
 * `node bench/pods-runtime.ts`.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RealClock } from "../src/apimachinery/clock.ts";
import { silentLogger } from "../src/apimachinery/logger.ts";
import { SystemRandom } from "../src/apimachinery/random.ts";
import { CrunRuntime } from "../src/cri/crun/runtime.ts";
import { containerConfig, sandboxConfig } from "../src/cri/testing/configs.ts";
import { LocalImages } from "../src/images/local-images.ts";
import { buildBusybox } from "../test/images/build.ts";

export interface PodFigures {
  /** Milliseconds, medians over single pods: each stage, and from nothing to the first byte in the log. */
  readonly stages: Readonly<Record<string, number>>;
  readonly podsPerSecond: number;
}

const alone = 25;
const together = 60;
const parallel = 4;

/** Measures on this machine; leaves nothing behind. */
export async function measurePods(): Promise<PodFigures> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-bench-"));
  const parts = { clock: new RealClock(), random: new SystemRandom(), logger: silentLogger };
  const images = new LocalImages({ directory: join(folder, "images"), ...parts });
  const image = (await images.importImage((await buildBusybox()).archive))[0];
  const runtime = await CrunRuntime.open({
    rootDirectory: join(folder, "runtime"),
    podCidr: "10.229.0.0/16",
    interfacePrefix: `b${randomBytes(3).toString("hex")}`,
    images: images.store,
    ...parts,
  });
  const command = ["sh", "-c", "echo ready; exec sleep 1000"];
  let count = 0;
  const startPod = async (lap: (stage: string) => void): Promise<string> => {
    const name = `pod${count++}`;
    const sandboxId = await runtime.runPodSandbox(
      sandboxConfig(name, { logDirectory: join(folder, "logs", name) }),
    );
    lap("sandbox");
    const config = containerConfig("main", { imageId: image?.id ?? "", command });
    const id = await runtime.createContainer(sandboxId, config);
    lap("create");
    await runtime.startContainer(id);
    lap("start");
    await firstByte((await runtime.containerStatus(id)).logPath);
    lap("first byte");
    return sandboxId;
  };
  try {
    const samples = new Map<string, number[]>();
    const note = (stage: string, ms: number): void =>
      void samples.set(stage, [...(samples.get(stage) ?? []), ms]);
    await runtime.removePodSandbox(await startPod(() => undefined));
    for (let index = 0; index < alone; index++) {
      const begin = performance.now();
      let last = begin;
      const sandboxId = await startPod((stage) => {
        note(stage, performance.now() - last);
        last = performance.now();
      });
      note("whole pod", performance.now() - begin);
      const removal = performance.now();
      await runtime.removePodSandbox(sandboxId);
      note("removal", performance.now() - removal);
    }
    const begin = performance.now();
    let left = together;
    await Promise.all(
      Array.from({ length: parallel }, async () => {
        while (left-- > 0) await startPod(() => undefined);
      }),
    );
    const podsPerSecond = together / ((performance.now() - begin) / 1000);
    return {
      stages: Object.fromEntries([...samples].map(([stage, ms]) => [stage, median(ms)])),
      podsPerSecond,
    };
  } finally {
    await runtime.purge();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function firstByte(path: string): Promise<void> {
  while (readFileSync(path).length === 0) await new Promise((resolve) => setImmediate(resolve));
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function measureInChild(environment: Readonly<Record<string, string>>): PodFigures {
  const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), "--json"], {
    encoding: "utf8",
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output) as PodFigures;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  if (process.argv.includes("--json")) console.log(JSON.stringify(await measurePods()));
  else {
    const [direct, spawned] = [measureInChild({}), measureInChild({ SAMPAN_NO_FFI: "1" })];
    const row = (name: string, one: number, other: number): void =>
      console.log(`${name.padEnd(16)}${one.toFixed(1).padStart(14)}${other.toFixed(1).padStart(14)}`);
    console.log(`${"".padEnd(16)}${"system calls".padStart(14)}${"programs".padStart(14)}`);
    for (const [stage, ms] of Object.entries(direct.stages))
      row(`${stage}, ms`, ms, spawned.stages[stage] ?? Number.NaN);
    row("pods per second", direct.podsPerSecond, spawned.podsPerSecond);
  }
}
