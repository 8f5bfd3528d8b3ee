import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Pod } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import { resources } from "../../client/resources.ts";
import { pathOf } from "../api.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { plainText } from "../errors.ts";
import { containersOf } from "../pod-selection.ts";
import { type ObjectPrinter, printerFor, printFlags } from "../printers/index.ts";

export const dumpCommand: KubectlCommand = {
  usage: "[flags]",
  summary: "Dump relevant information for debugging and diagnosis",
  flags: {
    ...printFlags,
    output: { type: "string", short: "o", default: "json", help: "output format" },
    "all-namespaces": { type: "bool", short: "A", help: "of all namespaces" },
    namespaces: { type: "list", help: "of these namespaces" },
    "output-directory": { type: "string", help: "write files below this folder" },
    "pod-running-timeout": { type: "duration", default: 20_000, help: "accepted" },
  },
  run: dump,
};

const dumped = [
  ["events", resources.events],
  ["replication-controllers", resources.replicationcontrollers],
  ["services", resources.services],
  ["daemonsets", resources.daemonsets],
  ["deployments", resources.deployments],
  ["replicasets", resources.replicasets],
  ["pods", resources.pods],
] as const;

async function dump(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  const printer = (await printerFor(flags, [], { inOrder: true })) ?? { print: String };
  const folder = flags.string("output-directory");
  const toFiles = folder !== "" && folder !== "-";
  const extension = flags.string("output") === "yaml" ? "yaml" : "json";
  const write = (name: string, text: string): void => {
    if (!toFiles) {
      io.out(text);
      return;
    }
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  const show = async (
    name: string,
    resource: (typeof dumped)[number][1] | typeof resources.nodes,
    namespace?: string,
  ) => {
    const body = await session.api.call("GET", pathOf({ resource, namespace }));
    write(`${name}.${extension}`, printOf(printer, body));
    return body;
  };
  await show("nodes", resources.nodes);
  for (const namespace of await namespacesOf(context)) {
    let pods: Pod[] = [];
    for (const [name, resource] of dumped) {
      const body = await show(`${namespace}/${name}`, resource, namespace);
      if (name === "pods" && isObject(body)) pods = (body["items"] ?? []) as unknown as Pod[];
    }
    for (const pod of pods) write(`${namespace}/${pod.metadata.name}/logs.txt`, await logsOf(context, pod));
  }
  if (toFiles) io.out(`Cluster info dumped to ${folder}\n`);
}

const printOf = (printer: ObjectPrinter, body: unknown): string => printer.print(body);

async function namespacesOf({ flags, session }: CommandContext): Promise<readonly string[]> {
  if (flags.bool("all-namespaces")) {
    const list = await session.api.list({ resource: resources.namespaces });
    return (list["items"] as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  }
  const given = flags.list("namespaces");
  return given.length > 0 ? given : ["kube-system", session.namespace];
}

async function logsOf({ session }: CommandContext, pod: Pod): Promise<string> {
  const { name = "", namespace = "" } = pod.metadata;
  let text = "";
  for (const container of containersOf(pod)) {
    if (container.kind !== "regular") continue;
    text += `==== START logs for container ${container.name} of pod ${namespace}/${name} ====\n`;
    try {
      const path = pathOf({ resource: resources.pods, namespace, name, subresource: "log" });
      const query = { container: container.name };
      for await (const chunk of await session.transport.stream({
        method: "GET",
        path,
        query,
        accept: "*/*",
      })) {
        text += Buffer.from(chunk).toString();
      }
    } catch (error) {
      text += `Request log error: ${plainText(error)}\n`;
    }
    text += `==== END logs for container ${container.name} of pod ${namespace}/${name} ====\n`;
  }
  return text;
}
