import type { KubectlCommand } from "../command.ts";

export interface CommandEntry {
  readonly summary: string;
  load(): Promise<KubectlCommand>;
}

/** Every command, in the order of the help. Each is imported when it is called. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  get: { summary: "display one or many resources", load: async () => (await import("./get.ts")).getCommand },
  delete: {
    summary: "delete resources by file, name, or label",
    load: async () => (await import("./delete.ts")).deleteCommand,
  },
  describe: {
    summary: "show details of resources",
    load: async () => (await import("./describe.ts")).describeCommand,
  },
  logs: {
    summary: "print the logs of a container",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  attach: {
    summary: "attach to a running container",
    load: async () => (await import("./attach.ts")).attachCommand,
  },
  exec: {
    summary: "run a command in a container",
    load: async () => (await import("./exec.ts")).execCommand,
  },
  apply: {
    summary: "apply a configuration to resources",
    load: async () => (await import("./apply.ts")).applyCommand,
  },
};

/** Commands of kubectl that this client does not have, with the reason or the way around. */
export const refusedCommands: Readonly<Record<string, string>> = {
  alpha: "it has no alpha commands",
  certificate: "approve signing requests with kubectl itself",
  completion: "complete with kubectl itself",
  debug: "run a pod beside the one to look at, with `kubectl run`",
  kustomize: "render with the kustomize program and pipe into `kubectl apply -f -`",
  options: "`kubectl COMMAND --help` lists the flags",
  plugin: "plugins are not run",
  proxy: "use `kubectl port-forward`, or `kubectl get --raw`",
  top: "the server has no metrics API",
};
