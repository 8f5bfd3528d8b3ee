import type { Node, Pod } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { humanDuration } from "../printers/age.ts";
import { TablePadder } from "../printers/tab-writer.ts";
import type { Session } from "../session.ts";

const sharedFlags = {
  selector: { type: "string", short: "l", help: "label selector" },
  "no-headers": { type: "bool", help: "leave the headings out" },
  "sort-by": { type: "string", help: "cpu or memory" },
  "use-protocol-buffers": { type: "bool", default: true, help: "accepted" },
} as const;

const nodeCommand: KubectlCommand = {
  name: "node",
  usage: "[NAME | -l label] [options]",
  summary: "Display resource (CPU/memory) usage of nodes",
  flags: { ...sharedFlags, "show-capacity": { type: "bool", help: "shares of the capacity" } },
  run: topNodes,
};

const podCommand: KubectlCommand = {
  name: "pod",
  usage: "[NAME | -l label] [options]",
  summary: "Display resource (CPU/memory) usage of pods",
  flags: {
    ...sharedFlags,
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    containers: { type: "bool", help: "of each container" },
    "field-selector": { type: "string", help: "field selector" },
    sum: { type: "bool", help: "with the sum of all" },
  },
  run: topPods,
};

export const topCommand: KubectlCommand = {
  usage: "[flags] [options]",
  summary: "Display resource (CPU/memory) usage",
  bareHelp: "stderr",
  subcommands: {
    node: () => Promise.resolve(nodeCommand),
    nodes: () => Promise.resolve(nodeCommand),
    no: () => Promise.resolve(nodeCommand),
    pod: () => Promise.resolve(podCommand),
    pods: () => Promise.resolve(podCommand),
    po: () => Promise.resolve(podCommand),
  },
};

/** Thousandths of a processor, and bytes. */
interface Usage {
  readonly cpu: number;
  readonly memory: number;
}

interface Metrics {
  readonly name: string;
  readonly namespace: string;
  readonly usage: Usage;
  readonly containers: readonly { readonly name: string; readonly usage: Usage }[];
}

const metricsGroup = "/apis/metrics.k8s.io/v1beta1";

async function requireMetrics({ session }: CommandContext): Promise<void> {
  const groups = await session.api.call("GET", "/apis");
  const list = isObject(groups) && Array.isArray(groups["groups"]) ? (groups["groups"] as unknown[]) : [];
  const served = list.some(
    (group) =>
      isObject(group) &&
      group["name"] === "metrics.k8s.io" &&
      Array.isArray(group["versions"]) &&
      group["versions"].some((version) => isObject(version) && version["version"] === "v1beta1"),
  );
  if (!served) throw new KubectlError("Metrics API not available");
}

function checkArguments({ args, flags, path }: CommandContext): string | undefined {
  const [name, ...more] = args;
  if (more.length > 0)
    throw new KubectlError(
      `unexpected arguments: [${more.join(" ")}]\nSee '${path} -h' for help and examples`,
    );
  const sortBy = flags.string("sort-by");
  if (sortBy !== "" && sortBy !== "cpu" && sortBy !== "memory") {
    throw new KubectlError("--sort-by accepts only cpu or memory");
  }
  if (name !== undefined && flags.string("selector") !== "") {
    throw new KubectlError("only one of NAME or --selector can be provided");
  }
  return name;
}

function usageOf(texts: unknown): Usage {
  const amount = (name: string): string | number | undefined => {
    const value = isObject(texts) ? texts[name] : undefined;
    return typeof value === "string" || typeof value === "number" ? value : undefined;
  };
  return {
    cpu: Number(tryParseQuantity(amount("cpu"))?.milliValue() ?? 0),
    memory: Number(tryParseQuantity(amount("memory"))?.value() ?? 0),
  };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

const plus = (a: Usage, b: Usage): Usage => ({ cpu: a.cpu + b.cpu, memory: a.memory + b.memory });
const nothing: Usage = { cpu: 0, memory: 0 };

function metricsOf(body: unknown): Metrics[] {
  if (!isObject(body)) return [];
  const items = Array.isArray(body["items"]) ? (body["items"] as unknown[]) : [body];
  return items.filter(isObject).map((item) => {
    const metadata = isObject(item["metadata"]) ? item["metadata"] : {};
    const listed = Array.isArray(item["containers"])
      ? (item["containers"] as unknown[]).filter(isObject)
      : [];
    const containers = listed.map((container) => ({
      name: textOf(container["name"]),
      usage: usageOf(container["usage"]),
    }));
    return {
      name: textOf(metadata["name"]),
      namespace: textOf(metadata["namespace"]),
      usage: isObject(item["usage"])
        ? usageOf(item["usage"])
        : containers.map(({ usage }) => usage).reduce(plus, nothing),
      containers,
    };
  });
}

/** The hungriest first where that was asked for, else by name. */
function ordered<T extends { readonly name: string; readonly usage: Usage; readonly namespace?: string }>(
  metrics: readonly T[],
  sortBy: string,
): T[] {
  const byName = (a: T, b: T): number =>
    (a.namespace ?? "").localeCompare(b.namespace ?? "", "en") || (a.name < b.name ? -1 : 1);
  return metrics.toSorted((a, b) => {
    if (sortBy === "cpu") return b.usage.cpu - a.usage.cpu;
    if (sortBy === "memory") return b.usage.memory - a.usage.memory;
    return byName(a, b);
  });
}

const mebibytes = (bytes: number): string => `${Math.trunc(bytes / (1024 * 1024))}Mi`;
const cells = ({ cpu, memory }: Usage): string[] => [`${cpu}m`, mebibytes(memory)];

async function topNodes(context: CommandContext): Promise<void> {
  const { session, flags, io } = context;
  const name = checkArguments(context);
  await requireMetrics(context);
  const query = { labelSelector: flags.string("selector") === "" ? undefined : flags.string("selector") };
  const path = `${metricsGroup}/nodes${name === undefined ? "" : `/${name}`}`;
  const metrics = metricsOf(await session.api.call("GET", path, { query }));
  if (metrics.length === 0) throw new KubectlError("metrics not available yet");
  const nodes =
    name === undefined
      ? ((await session.api.list({ resource: resources.nodes }, { query }))["items"] as unknown[] as Node[])
      : [(await session.api.get({ resource: resources.nodes, name })) as unknown as Node];
  const whole = new Map(
    nodes.map(({ metadata, status }) => [
      metadata.name ?? "",
      usageOf(flags.bool("show-capacity") ? status?.capacity : status?.allocatable),
    ]),
  );
  const known = new Set(metrics.map((entry) => entry.name));
  const rows = ordered(metrics, flags.string("sort-by")).map((entry) => {
    const available = whole.get(entry.name) ?? nothing;
    const share = (part: number, of: number): string =>
      of === 0 ? "<unknown>" : `${Math.trunc((part / of) * 100)}%`;
    const [cpu = "", memory = ""] = cells(entry.usage);
    return [
      entry.name,
      cpu,
      share(entry.usage.cpu, available.cpu),
      memory,
      share(entry.usage.memory, available.memory),
    ];
  });
  for (const missing of [...whole.keys()].filter((node) => !known.has(node)).sort()) {
    rows.push([missing, "<unknown>", "<unknown>", "<unknown>", "<unknown>"]);
  }
  const headings = ["NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)"];
  io.out(new TablePadder().format(flags.bool("no-headers") ? rows : [headings, ...rows]));
}

async function topPods(context: CommandContext): Promise<void> {
  const { session, flags, io } = context;
  const name = checkArguments(context);
  await requireMetrics(context);
  const everywhere = flags.bool("all-namespaces");
  const optional = (flag: string): string | undefined =>
    flags.string(flag) === "" ? undefined : flags.string(flag);
  const query = { labelSelector: optional("selector"), fieldSelector: optional("field-selector") };
  const place = everywhere ? "" : `/namespaces/${session.namespace}`;
  const path = `${metricsGroup}${place}/pods${name === undefined ? "" : `/${name}`}`;
  const metrics = metricsOf(await session.api.call("GET", path, { query }));
  if (metrics.length === 0) {
    await refuseWithoutMetrics(session, {
      name,
      namespace: everywhere ? undefined : session.namespace,
      query,
    });
    io.err(everywhere ? "No resources found\n" : `No resources found in ${session.namespace} namespace.\n`);
    return;
  }
  const perContainer = flags.bool("containers");
  const rows = ordered(metrics, flags.string("sort-by")).flatMap((pod) => {
    const namespace = everywhere ? [pod.namespace] : [];
    if (!perContainer) return [[...namespace, pod.name, ...cells(pod.usage)]];
    return ordered(pod.containers, flags.string("sort-by")).map((container) => [
      ...namespace,
      pod.name,
      container.name,
      ...cells(container.usage),
    ]);
  });
  const headings = [
    ...(everywhere ? ["NAMESPACE"] : []),
    ...(perContainer ? ["POD"] : []),
    "NAME",
    "CPU(cores)",
    "MEMORY(bytes)",
  ];
  const table = flags.bool("no-headers") ? rows : [headings, ...rows];
  if (flags.bool("sum")) {
    const blank = headings.slice(2).map(() => "");
    table.push([...blank, "________", "________"]);
    table.push([...blank, ...cells(metrics.map(({ usage }) => usage).reduce(plus, nothing))]);
  }
  io.out(new TablePadder().format(table));
}

/** Pods without metrics are new, or their metrics are late. */
async function refuseWithoutMetrics(
  session: Session,
  {
    name,
    namespace,
    query,
  }: { name: string | undefined; namespace: string | undefined; query: Record<string, string | undefined> },
): Promise<void> {
  const place = { resource: resources.pods, namespace };
  const pods =
    name === undefined
      ? ((await session.api.list(place, { query }))["items"] as unknown[] as Pod[])
      : [(await session.api.get({ ...place, name })) as unknown as Pod];
  if (pods.length === 0) return;
  for (const { metadata } of pods) {
    const ageMs = session.clock.now() - Date.parse(metadata.creationTimestamp ?? "");
    if (ageMs > 120_000) {
      throw new KubectlError(
        `Metrics not available for pod ${metadata.namespace}/${metadata.name}, age: ${humanDuration(ageMs)}`,
      );
    }
  }
  throw new KubectlError("metrics not available yet");
}
