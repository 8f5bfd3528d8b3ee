/** Lays the metrics of both servers side by side: which there are, of which type, with which labels and buckets. */
import type { BothServers } from "./both-servers.ts";

interface Family {
  readonly type: string;
  /** Names of labels, without `le`; a family may have series with several sets. */
  readonly labels: ReadonlySet<string>;
  readonly buckets: string;
}

/** What belongs to Go, to etcd's client and to parts that no server of ours has. */
const foreign = /^(?:go_|process_|etcd_(?:bookmark|lease)|grpc_|promhttp_|hidden_metrics|disabled_metrics)/;

export async function compareMetrics(both: BothServers, wanted: RegExp): Promise<void> {
  const answers = await both.ask({ path: "/metrics" });
  const theirs = familiesOf(answers[0].body.toString());
  const ours = familiesOf(answers[1].body.toString());
  for (const [name, family] of theirs) {
    if (foreign.test(name) || !wanted.test(name)) continue;
    both.asked++;
    const own = ours.get(name);
    both.note(`metrics ${own === undefined ? "missing" : "other"} ${name}`, name, show(family), show(own));
  }
}

function show(family: Family | undefined): string {
  if (family === undefined) return "";
  return `${family.type} {${[...family.labels].sort().join(",")}} ${family.buckets}`.trim();
}

function familiesOf(text: string): Map<string, Family> {
  const types = new Map<string, string>();
  const labels = new Map<string, Set<string>>();
  const buckets = new Map<string, Set<string>>();
  for (const line of text.split("\n")) {
    const declared = /^# TYPE (\S+) (\S+)/.exec(line);
    if (declared !== null) types.set(declared[1] ?? "", declared[2] ?? "");
    const series = /^([a-zA-Z_:]\w*)(?:\{(.*)\})? \S+$/.exec(line);
    if (series === null) continue;
    const name = types.has(series[1] ?? "")
      ? (series[1] ?? "")
      : (series[1] ?? "").replace(/_(?:bucket|sum|count)$/, "");
    for (const [, label = "", value = ""] of (series[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      const known = label === "le" ? buckets : labels;
      const set = known.get(name) ?? new Set();
      known.set(name, set.add(label === "le" ? value : label));
    }
  }
  return new Map(
    [...types].map(([name, type]) => [
      name,
      { type, labels: labels.get(name) ?? new Set(), buckets: [...(buckets.get(name) ?? [])].join(" ") },
    ]),
  );
}
