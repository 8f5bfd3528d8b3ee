import type { Service } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";

export const clusterInfoCommand: KubectlCommand = {
  usage: "[flags]",
  summary: "Display addresses of the control plane and services",
  subcommands: { dump: async () => (await import("./cluster-info-dump.ts")).dumpCommand },
  run: clusterInfo,
};

async function clusterInfo(context: CommandContext): Promise<void> {
  const { session, io } = context;
  const { server } = session;
  const place = { resource: resources.services, namespace: "kube-system" };
  const query = { labelSelector: "kubernetes.io/cluster-service=true" };
  const list = await session.api.list(place, { query });
  // Colours only where a person reads.
  const colour = (code: string, text: string): string =>
    io.terminalSize() === undefined ? text : `\u001b[${code}m${text}\u001b[0m`;
  const print = (name: string, url: string): void =>
    io.out(`${colour("0;32", name)} is running at ${colour("0;33", url)}\n`);
  print("Kubernetes control plane", server);
  for (const { metadata, spec, status } of list["items"] as unknown[] as Service[]) {
    const [ingress] = status?.loadBalancer?.ingress ?? [];
    const name = metadata.labels?.["kubernetes.io/name"] ?? metadata.name ?? "";
    const host = ingress?.ip ?? ingress?.hostname;
    if (host !== undefined) {
      print(name, (spec.ports ?? []).map(({ port }) => `http://${host}:${port}`).join(" "));
      continue;
    }
    const [port] = spec.ports ?? [];
    const scheme = port?.name === "https" || port?.port === 443 ? "https:" : "";
    const named = (port?.name ?? "") === "" ? "" : `:${port?.name}`;
    print(
      name,
      `${server}/api/v1/namespaces/${metadata.namespace}/services/${scheme}${metadata.name}${named}/proxy`,
    );
  }
  io.out("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
}
