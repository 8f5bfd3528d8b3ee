/**
 * Schemas, rules and objects made to hold the server up: what each is answered, how long that takes, what it costs, and what
 * others notice meanwhile.
 *
 *   npm run bench -- adversaries [--program FOLDER]
 *
 * An answer other than the one expected makes the command end with 1.
 */
import { request } from "node:https";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Adversary, adversaries } from "./parts/adversaries.ts";
import { BenchCluster, repository } from "./parts/bench-cluster.ts";
import { endpointOf } from "./parts/load.ts";
import { Prober } from "./parts/prober.ts";
import { busyNote, cpuNanoseconds, memoryOf } from "./parts/processes.ts";
import type { RawEndpoint } from "./parts/raw-client.ts";

const { values: options } = parseArgs({ options: { program: { type: "string", default: repository } } });

interface Answer {
  readonly status: number;
  readonly body: string;
}

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** On a connection of its own, with the text of the answer: it may be refused before it is sent. */
function post({ host, port, ca, cert, key }: RawEndpoint, path: string, value: object): Promise<Answer> {
  const body = JSON.stringify(value);
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, ca, cert, key, path, headers, method: "POST" }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function definitionOf({ schema }: Adversary, group: string): object {
  const openAPIV3Schema = { type: "object", properties: { spec: schema } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: "Cluster",
      names: { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" },
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

/** Retries until the definition is served. */
async function postServed(endpoint: RawEndpoint, path: string, value: object): Promise<Answer> {
  for (;;) {
    const answer = await post(endpoint, path, value);
    if (answer.status !== 404) return answer;
    await wait(5);
  }
}

const cluster = new BenchCluster({ runtime: "simulated", program: options.program });
try {
  await cluster.up();
  const endpoint = endpointOf(cluster);
  const pid = cluster.serverPid;
  const prober = await Prober.open(endpoint);
  const quiet = await prober.during(() => wait(1000));
  console.log(
    `Reads of others without adversaries: p99 ${quiet.p99Ms.toFixed(0)} ms, at most ${quiet.maxMs.toFixed(0)} ms; ${busyNote()}\n`,
  );
  console.log(`${"".padEnd(46)} answer    took   CPU   others at most  resident`);
  for (const [index, adversary] of adversaries.entries()) {
    const { name, spec, expected, says } = adversary;
    const group = `g${index}.example.com`;
    const definition = definitionOf(adversary, group);
    const thing = { apiVersion: `${group}/v1`, kind: "Thing", metadata: { name: "one" }, spec: spec?.() };
    const attack = (): Promise<Answer> =>
      spec === undefined
        ? post(endpoint, definitions, definition)
        : postServed(endpoint, `/apis/${group}/v1/things`, thing);
    if (spec !== undefined) {
      const made = await post(endpoint, definitions, definition);
      if (made.status !== 201) throw new Error(`the definition of "${name}" was refused: ${made.body}`);
    }
    let answer: Answer = { status: 0, body: "" };
    let tookMs = 0;
    const cpuBefore = cpuNanoseconds(pid);
    const others = await prober.during(async () => {
      const startedMs = performance.now();
      answer = await attack();
      tookMs = performance.now() - startedMs;
    });
    const cpuMs = (cpuNanoseconds(pid) - cpuBefore) / 1e6;
    const isRight = answer.status === expected && answer.body.includes(JSON.stringify(says).slice(1, -1));
    if (!isRight) process.exitCode = 1;
    const columns = [
      `${answer.status} ${isRight ? "  " : "!!"}`,
      `${tookMs.toFixed(0).padStart(6)} ms`,
      `${cpuMs.toFixed(0).padStart(5)} ms`,
      `${others.maxMs.toFixed(0).padStart(8)} ms`,
      `${memoryOf(pid).residentMb.toFixed(0).padStart(10)} MB`,
    ];
    console.log(`${name.padEnd(46)} ${columns.join(" ")}`);
    if (!isRight) console.log(`  expected ${expected} ${says}\n  ${answer.body.slice(0, 600)}`);
  }
  prober.close();
} finally {
  await cluster.remove();
}
