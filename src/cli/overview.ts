import { kubernetesVersion, sampanVersion } from "../cluster/version.ts";

/** What `sampan --help` prints. */
export function overview(commands: readonly { readonly name: string; readonly summary: string }[]): string {
  const rows = [...commands, { name: "kubectl", summary: "a built-in kubectl, for machines without one" }];
  const width = Math.max(...rows.map(({ name }) => name.length));
  return `Sampan is a complete Kubernetes in one process. It starts in about a second and runs real containers.

Usage:
  sampan COMMAND [OPTIONS]

Examples:
  sampan up examples/hello.yaml    # start a cluster and run an app in it
  kubectl get pods -A              # use it with the tools you have
  sampan down --purge              # stop it and leave nothing behind

Commands:
${rows.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join("\n")}

sampan COMMAND --help tells more about each.
`;
}

export function versionText(): string {
  return `sampan ${sampanVersion} (Kubernetes ${kubernetesVersion}, Node ${process.version})\n`;
}
