/**
 * Starts Kubernetes' own API server and ours, asks both the same and shows where they differ:
 * `npm run beside -- [walk] [--kind REGEX] [--examples N] [--groups N] [--json FILE]`. Needs a Go toolchain for the first build.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { goVersion } from "../build.ts";
import { compareAggregation } from "./aggregation.ts";
import { BothServers, type Found } from "./both-servers.ts";
import { compareDeepBodies } from "./deep-bodies.ts";
import { compareMetrics } from "./metrics.ts";
import { compareMutatingPolicies } from "./mutating-policies.ts";
import { refusals } from "./refusals.ts";
import { walk } from "./walk.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kind: { type: "string", default: "" },
    examples: { type: "string", default: "1" },
    groups: { type: "string", default: "80" },
    json: { type: "string" },
  },
});

if (goVersion() === undefined) {
  console.log("skipped: no Go toolchain to build kube-apiserver with");
  process.exit(0);
}

const wanted = new RegExp(values.kind);
const parts = {
  walk: (both: BothServers) => walk(both, wanted),
  refusals: (both: BothServers) => refusals(both, wanted),
  metrics: (both: BothServers) => compareMetrics(both, wanted),
  aggregation: (both: BothServers) => compareAggregation(both, wanted),
  policies: (both: BothServers) => compareMutatingPolicies(both, wanted),
  depths: (both: BothServers) => compareDeepBodies(both, wanted),
};
const both = await BothServers.start((line) => console.log(line));
try {
  for (const [name, part] of Object.entries(parts)) {
    if (positionals.length === 0 || positionals.includes(name)) await part(both);
  }
} finally {
  await both.stop();
}
report(both);

function report({ differences, accepted, asked }: BothServers): void {
  const sorted = [...differences].sort(([, a], [, b]) => b.length - a.length);
  for (const [name, list] of sorted.slice(0, Number(values.groups))) {
    console.log(`\n${list.length}  ${name}`);
    for (const found of list.slice(0, Number(values.examples))) show(found);
  }
  const count = sorted.reduce((sum, [, list]) => sum + list.length, 0);
  for (const [reason, times] of accepted) console.log(`accepted ${times}: ${reason}`);
  console.log(`\n${asked} requests compared, ${count} differences in ${sorted.length} groups`);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(Object.fromEntries(sorted)));
  process.exitCode = count === 0 ? 0 : 1;
}

/** The surroundings of the first place that differs. */
function show({ asked, expected, found }: Found): void {
  let at = 0;
  while (at < expected.length && expected[at] === found[at]) at++;
  const from = Math.max(0, at - 80);
  const part = (text: string): string => text.slice(from, at + 240).replaceAll("\n", "\n                  ");
  console.log(`    ${asked}\n      kubernetes: ${part(expected)}\n      ours:       ${part(found)}`);
}
