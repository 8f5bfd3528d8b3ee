/**
 * Expressions compiled and evaluated per second of processor time, ours beside @marcbachmann/cel-js in the same run. Ours
 * checks types and counts costs, which the other does not.
 *
 *   npm run bench -- cel [--rounds 5]
 */
import { parseArgs } from "node:util";
import { Environment } from "@marcbachmann/cel-js";
import { CelCompileError, CelEnvironment, dynType } from "../src/cel/index.ts";

const { values } = parseArgs({ options: { rounds: { type: "string" } } });
const rounds = Number(values.rounds ?? "5");

const object = {
  metadata: { name: "web", namespace: "shop", labels: { app: "web", tier: "front", team: "blue" } },
  spec: {
    replicas: 3,
    containers: Array.from({ length: 5 }, (_, index) => ({
      name: `c${index}`,
      image: `registry.example/app:${index}`,
      resources: { limits: { memory: "128Mi" } },
    })),
  },
};

const expressions = {
  "a comparison": "object.spec.replicas <= 5",
  "presence and text": "has(object.metadata.labels.app) && object.metadata.labels.app.startsWith('w')",
  "all of a list":
    "object.spec.containers.all(c, c.image.startsWith('registry.example/') && has(c.resources.limits))",
  "a list made": "object.spec.containers.filter(c, c.name != 'c3').map(c, c.name).size() == 4",
  "a regular expression": "object.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
  arithmetic: "(int(object.spec.replicas) * 7 + 3) % 5 == 4 || object.spec.replicas > 100",
};

const ours = new CelEnvironment({ variables: { object: dynType } });
const theirs = new Environment().registerVariable("object", "dyn");

/** Calls per second of processor time, over about a fifth of a second. */
function rate(call: () => void): number {
  for (let warm = 0; warm < 200; warm++) call();
  let calls = 0;
  const start = process.cpuUsage();
  for (;;) {
    for (let each = 0; each < 100; each++) call();
    calls += 100;
    const { user, system } = process.cpuUsage(start);
    if (user + system > 200_000) return (calls * 1e6) / (user + system);
  }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;
const show = (number: number): string => Math.round(number).toLocaleString("en-US").padStart(12);

function compileOurs(expression: string) {
  const program = ours.compile(expression);
  if (program instanceof CelCompileError) throw program;
  return program;
}

console.log("per second of processor time        ours       cel-js   ratio");
for (const [name, expression] of Object.entries(expressions)) {
  const program = compileOurs(expression);
  const other = theirs.parse(expression);
  // The object is a fresh one each time, as every request's is.
  const pairs = {
    [`${name}: evaluated`]: [
      () => void program.evaluate({ object: { ...object } }),
      () => void other({ object: { ...object } }),
    ],
    [`${name}: compiled`]: [() => void compileOurs(expression), () => void theirs.parse(expression)],
  } as const;
  for (const [what, [first, second]] of Object.entries(pairs)) {
    const rates: [number, number][] = [];
    for (let round = 0; round < rounds; round++) rates.push([rate(first), rate(second)]);
    const mine = median(rates.map(([a]) => a));
    const other = median(rates.map(([, b]) => b));
    console.log(`${what.padEnd(32)}${show(mine)} ${show(other)} ${(mine / other).toFixed(2).padStart(7)}`);
  }
}
