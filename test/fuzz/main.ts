/**
 * Sends requests that nobody would send, made from a seed, to a cluster in a process of its own, and looks whether
 * it stays as it should: `npm run fuzz -- --seed 1 --count 100000`. A failure is repeated with `--replay SEED:NUMBER`.
 */
import { readOptions } from "../harness/read-options.ts";
import { run } from "./run.ts";

const help = `Requests that nobody would send, made from a seed, to a cluster in a process of its own.

  npm run fuzz -- --seed 7 --count 100000
  npm run fuzz -- --replay 7:4711                  the request of that number again, with its answer

  --seed N         what the requests are made from (1)
  --count N        how many (20000)              --from N         the number of the first (0)
  --workers N      clusters beside each other,   --lanes N        requests under way at once
                   each with its part (1)                         for each of them (16)
  --sweep-every N  clean up and measure after so many (25000)
`;

const values = readOptions(help, {
  seed: { type: "string", default: "1" },
  count: { type: "string", default: "20000" },
  from: { type: "string", default: "0" },
  workers: { type: "string", default: "1" },
  lanes: { type: "string", default: "16" },
  "sweep-every": { type: "string", default: "25000" },
  replay: { type: "string" },
});

const [replaySeed, replayIndex] = values.replay?.split(":").map(Number) ?? [];
const isReplay = replaySeed !== undefined && replayIndex !== undefined;
const seed = replaySeed ?? Number(values.seed);
const workers = isReplay ? 1 : Number(values.workers);
const count = isReplay ? 1 : Number(values.count);
const startMs = performance.now();

// Each worker has a cluster of its own and its part of the sequence.
const share = Math.ceil(count / workers);
const results = await Promise.all(
  Array.from({ length: workers }, (_, worker) =>
    run({
      seed,
      from: (replayIndex ?? Number(values.from)) + worker * share,
      count: Math.min(share, count - worker * share),
      lanes: isReplay ? 1 : Number(values.lanes),
      sweepEvery: Number(values["sweep-every"]),
      isVerbose: isReplay,
      print: (line) => console.log(workers === 1 ? line : `[${worker}] ${line}`),
    }),
  ),
);

const faults = results.flatMap((result) => result.faults);
const requests = results.reduce((sum, result) => sum + result.requests, 0);
const seconds = (performance.now() - startMs) / 1000;
console.log(
  `${requests} requests of seed ${seed} in ${seconds.toFixed(1)} s, ${Math.round(requests / seconds)}/s: ${faults.length} faults`,
);
process.exit(faults.length === 0 ? 0 : 1);
