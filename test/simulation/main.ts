/**
 * Lives through clusters made from seeds, with random clients and random weather, and looks whether what must be true of
 * every cluster is: `npm run simulate -- --seeds 1000`. A failure is repeated with `--seed N --verbose`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { readOptions } from "../harness/read-options.ts";
import { type SimulationResult, simulate } from "./run.ts";

const help = `Clusters made from seeds, on the virtual clock, with random clients and weather.

  npm run simulate -- --seeds 1000
  npm run simulate -- --seed 93 --verbose          that one, with all that happens

  --seeds N    how many (100)            --from N          the first of them (1)
  --seed N     this one alone            --steps N         of the clients, for each (30)
  --workers N  threads                   --max-failures N  end after so many that failed (5)
  --verbose    print what happens
`;

const values = readOptions(
  help,
  {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    steps: { type: "string", default: "30" },
    workers: { type: "string" },
    verbose: { type: "boolean", default: false },
    "max-failures": { type: "string", default: "5" },
  },
  isMainThread ? undefined : (workerData as readonly string[]),
);
const steps = Number(values.steps);

/** What a worker tells of a seed: the log only when somebody will want to read it. */
interface Report extends Omit<SimulationResult, "history"> {
  readonly cpuMs: number;
}

async function report(seed: number): Promise<Report> {
  const before = process.threadCpuUsage();
  const { history: _, ...result } = await simulate({ seed, steps });
  const { user, system } = process.threadCpuUsage(before);
  const log = result.breaches.length === 0 ? [] : result.log;
  return { ...result, log, cpuMs: (user + system) / 1000 };
}

async function one(seed: number): Promise<void> {
  const onNote = values.verbose ? (line: string): void => console.log(line) : undefined;
  const result = await simulate({ seed, steps, ...(onNote !== undefined && { onNote }) });
  for (const breach of result.breaches) console.log(`BREACH ${breach}`);
  const { commits, requests, virtualMs } = result;
  console.log(
    `seed ${seed}: ${commits} commits, ${requests} requests of clients, ${Math.round(virtualMs / 1000)} s of its time, ${result.digest.slice(0, 16)}`,
  );
  process.exitCode = result.breaches.length === 0 ? 0 : 1;
}

/** The fewest steps, of those tried, with which the seed still fails. */
async function shrink(seed: number): Promise<number> {
  let [clean, failing] = [-1, steps];
  for (let tries = 0; tries < 6 && failing - clean > 1; tries++) {
    const middle = Math.floor((clean + failing) / 2);
    const { breaches } = await simulate({ seed, steps: middle });
    if (breaches.length === 0) clean = middle;
    else failing = middle;
  }
  return failing;
}

async function tellFailure({ seed, breaches, log }: Report): Promise<void> {
  const folder = ".cache/simulation";
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${seed}.log`);
  writeFileSync(file, [...log, ...breaches.map((breach) => `BREACH ${breach}`), ""].join("\n"));
  console.log(`FAILED seed ${seed}`);
  for (const breach of breaches.slice(0, 8)) console.log(`  ${breach}`);
  console.log("  the last of what happened:");
  for (const line of log.slice(-8)) console.log(`    ${line}`);
  console.log(
    `  all of it is in ${file}; again: npm run simulate -- --seed ${seed} --steps ${await shrink(seed)} --verbose`,
  );
}

/** Far more than any seed takes, also on a machine that has other work. */
const patienceMs = 300_000;

const newWorker = (): Worker => new Worker(new URL(import.meta.url), { workerData: process.argv.slice(2) });

/** Undefined when the seed comes to no end; the worker is of no use then. */
async function liveThrough(worker: Worker, seed: number): Promise<Report | undefined> {
  const patience = new AbortController();
  try {
    return await new Promise<Report | undefined>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      wait(patienceMs, undefined, { signal: patience.signal }).then(
        () => resolve(undefined),
        () => undefined,
      );
      worker.postMessage(seed, []);
    });
  } finally {
    patience.abort();
    worker.removeAllListeners("message");
    worker.removeAllListeners("error");
  }
}

async function many(): Promise<void> {
  const from = Number(values.from);
  const end = from + Number(values.seeds);
  const startMs = performance.now();
  let next = from;
  let [done, failed, cpuMs, commits, virtualMs] = [0, 0, 0, 0, 0];
  const line = (): string => {
    const seconds = (performance.now() - startMs) / 1000;
    return `${done} seeds from ${from}, ${failed} failed; ${(done / seconds).toFixed(1)} seeds/s, ${Math.round(cpuMs / Math.max(1, done))} ms of CPU, ${Math.round(commits / Math.max(1, done))} commits and ${Math.round(virtualMs / 60_000 / Math.max(1, done))} min of cluster time each`;
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      console.log(line());
      process.exit(1);
    });
  }
  const count = Math.min(Number(values.workers ?? availableParallelism()), end - from);
  await Promise.all(
    Array.from({ length: count }, async () => {
      let worker = newWorker();
      while (next < end && failed < Number(values["max-failures"])) {
        const seed = next++;
        const told = await liveThrough(worker, seed);
        done++;
        if (told === undefined) {
          failed++;
          console.log(
            `FAILED seed ${seed}\n  it had come to no end after ${patienceMs / 1000} s; again: npm run simulate -- --seed ${seed} --verbose`,
          );
          await worker.terminate();
          worker = newWorker();
          continue;
        }
        cpuMs += told.cpuMs;
        commits += told.commits;
        virtualMs += told.virtualMs;
        if (told.breaches.length > 0) {
          failed++;
          await tellFailure(told);
        }
        if (done % 10 === 0) console.log(line());
      }
      await worker.terminate();
    }),
  );
  console.log(line());
  process.exitCode = failed === 0 ? 0 : 1;
}

if (!isMainThread) {
  parentPort?.on(
    "message",
    (seed: number) => void report(seed).then((result) => parentPort?.postMessage(result, [])),
  );
} else if (values.seed !== undefined) await one(Number(values.seed));
else await many();
