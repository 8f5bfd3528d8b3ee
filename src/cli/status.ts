import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { APIService } from "../api/types/apiregistration-v1.ts";
import type { Event, Node, Pod } from "../api/types/core-v1.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import { type Instance, type InstanceFolder, listFolders, runningServer } from "../cluster/instance.ts";
import { type Command, nameOption, text } from "./command.ts";
import { requireInstance } from "./instances.ts";
import { contextNameFor } from "./own-context.ts";
import { isAboutWebhook, webhookWarnings } from "./webhook-warnings.ts";

export const statusCommand: Command = {
  name: "status",
  usage: "status [--name NAME | --all]",
  summary: "show what runs, where it listens and what it uses",
  options: {
    name: nameOption,
    all: { type: "boolean", short: "a", description: "one line for each cluster of this machine" },
  },
  examples: ["sampan status", "sampan status --all"],
  maxArguments: 0,
  async run(options, _positionals, io) {
    if (options["all"] === true) {
      const folders = listFolders();
      io.out(table([["NAME", "STATE", "RUNTIME", "API"], ...folders.map(row)]));
      const damaged = folders.flatMap(({ damage }) => damage ?? []);
      for (const { message, remedy } of damaged) io.error(`sampan: ${message}\n  ${remedy}\n`);
      return damaged.length === 0 ? 0 : 1;
    }
    const instance = requireInstance(text(options, "name"));
    const server = runningServer(instance);
    const lines: [string, string][] = [
      [
        "Cluster",
        `${instance.name} (${server === undefined ? "stopped" : `running, process ${server.pid}`})`,
      ],
      ["Runtime", instance.settings.runtime],
      ["Folder", instance.directory],
      ["State", `${megabytes(stateBytes(instance.directory))} on disk`],
    ];
    if (server !== undefined) {
      lines.push(
        [
          "API",
          `https://127.0.0.1:${instance.settings.apiPort} (kubectl context ${contextNameFor(instance, io.environment)})`,
        ],
        ["Since", server.startedAt],
        ["Memory", megabytes(residentBytes(server.pid))],
        ...(server.trouble === undefined ? [] : [["Not ready", server.trouble] as [string, string]]),
        ...(await clusterLines(instance)),
      );
    }
    const width = Math.max(...lines.map(([label]) => label.length)) + 2;
    io.out(`${lines.map(([label, value]) => `${`${label}:`.padEnd(width)}${value}`).join("\n")}\n`);
    // As with other tools: 0 when it runs, 3 when it does not.
    return server === undefined ? 3 : 0;
  },
};

function row(folder: InstanceFolder): string[] {
  const { name, settings, damage } = folder;
  if (damage !== undefined) return [name, "damaged", "-", "-"];
  if (settings === undefined) return [name, "not started yet", "-", "-"];
  const state = runningServer(folder) === undefined ? "stopped" : "running";
  return [name, state, settings.runtime, `https://127.0.0.1:${settings.apiPort}`];
}

/** Nodes and pods, as the API server tells; a server that does not answer is said to be so. */
async function clusterLines(instance: Instance): Promise<[string, string][]> {
  const { connect } = await import("./connect.ts");
  const { resources } = await import("../client/resources.ts");
  try {
    const { client, close } = await connect(instance);
    const [nodes, pods, events, apiServices] = await Promise.all([
      client.resource(resources.nodes).list(),
      client.resource(resources.pods).list(),
      client
        .resource(resources.events)
        .list({ namespace: "default", fieldSelector: "source=kube-apiserver" }),
      // Those of other servers: the cluster's own are always available.
      client
        .resource(resources.apiservices)
        .list({ labelSelector: "!kube-aggregator.kubernetes.io/automanaged" }),
    ]);
    const failures = events.items.filter(isAboutWebhook);
    const existing = await existingOf(failures, client);
    close();
    const running = pods.items.filter((pod: Pod) => pod.status?.phase === "Running").length;
    return [
      [
        "Nodes",
        nodes.items.length > nodesNamed
          ? `${nodes.items.length}, of which ${nodes.items.filter(isReady).length} are Ready`
          : nodes.items
              .map((node: Node) => `${node.metadata.name} (${isReady(node) ? "Ready" : "NotReady"})`)
              .join(", "),
      ],
      ["Pods", `${pods.items.length}, of which ${running} run`],
      ...webhookWarnings(failures, existing, new RealClock().now()).map((line): [string, string] => [
        "Warning",
        line,
      ]),
      ...apiServices.items.flatMap(apiServiceLine),
    ];
  } catch (error) {
    return [["API server", `does not answer: ${error instanceof Error ? error.message : String(error)}`]];
  }
}

/** Simulated nodes may be thousands. */
const nodesNamed = 10;

/** The uids of what events are about, as far as it is still there. */
async function existingOf(events: readonly Event[], client: Client): Promise<Set<string>> {
  const { resources } = await import("../client/resources.ts");
  const references: Readonly<Record<string, ResourceReference>> = {
    ValidatingWebhookConfiguration: resources.validatingwebhookconfigurations,
    MutatingWebhookConfiguration: resources.mutatingwebhookconfigurations,
    CustomResourceDefinition: resources.customresourcedefinitions,
  };
  const named = new Map(
    events.map(({ involvedObject: { kind = "", name = "" } }) => [`${kind} ${name}`, { kind, name }]),
  );
  const found = await Promise.all(
    [...named.values()].map(async ({ kind, name }) => {
      const reference = references[kind];
      if (reference === undefined) return undefined;
      return await client
        .resource(reference)
        .get(name)
        .catch((error: unknown) => {
          if (isNotFound(error)) return undefined;
          throw error;
        });
    }),
  );
  return new Set(found.flatMap((object) => object?.metadata.uid ?? []));
}

function apiServiceLine({ metadata, status }: APIService): [string, string][] {
  const available = status?.conditions?.find(({ type }) => type === "Available");
  if (available === undefined || available.status === "True") return [];
  const { reason = "", message = "" } = available;
  return [["Warning", `APIService ${metadata.name} is not available (${reason}): ${message}`]];
}

const isReady = (node: Node): boolean =>
  (node.status?.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");

function residentBytes(pid: number): number {
  try {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return Number(match?.[1] ?? "0") * 1024;
  } catch {
    return 0;
  }
}

/** The database with what is not folded into it yet. */
function stateBytes(directory: string): number {
  return ["state.db", "state.db-wal"].reduce((sum, file) => sum + sizeOf(join(directory, file)), 0);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/** Rows as columns, three spaces apart, the way kubectl sets them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3))).join("")}\n`,
    )
    .join("");
}
