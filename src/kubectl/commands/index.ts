import type { KubectlCommand } from "../command.ts";

export interface CommandEntry {
  readonly summary: string;
  load(): Promise<KubectlCommand>;
}

/** Every command, in the order of the help. Each is imported when it is called. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  create: {
    summary: "create a resource from a file or from flags",
    load: async () => (await import("./create.ts")).createCommand,
  },
  expose: {
    summary: "make a Service for pods, a deployment, a replica set or another service",
    load: async () => (await import("./expose.ts")).exposeCommand,
  },
  run: { summary: "run an image in a pod", load: async () => (await import("./run.ts")).runCommand },
  set: {
    summary: "set features on objects: image, env",
    load: async () => (await import("./set.ts")).setCommand,
  },
  explain: {
    summary: "documentation of a resource's fields",
    load: async () => (await import("./explain.ts")).explainCommand,
  },
  get: { summary: "display one or many resources", load: async () => (await import("./get.ts")).getCommand },
  edit: {
    summary: "edit a resource in your editor",
    load: async () => (await import("./edit.ts")).editCommand,
  },
  delete: {
    summary: "delete resources by file, name, or label",
    load: async () => (await import("./delete.ts")).deleteCommand,
  },
  rollout: {
    summary: "manage the rollout of a resource",
    load: async () => (await import("./rollout.ts")).rolloutCommand,
  },
  scale: {
    summary: "set a new size for a deployment, replica set or stateful set",
    load: async () => (await import("./scale.ts")).scaleCommand,
  },
  autoscale: {
    summary: "create a horizontal pod autoscaler",
    load: async () => (await import("./autoscale.ts")).autoscaleCommand,
  },
  "cluster-info": {
    summary: "where the control plane is reached",
    load: async () => (await import("./cluster-info.ts")).clusterInfoCommand,
  },
  certificate: {
    summary: "approve or deny certificate signing requests",
    load: async () => (await import("./certificate.ts")).certificateCommand,
  },
  top: {
    summary: "show what nodes and pods use",
    load: async () => (await import("./top.ts")).topCommand,
  },
  cordon: {
    summary: "mark a node as unschedulable",
    load: async () => (await import("./cordon.ts")).cordonCommand,
  },
  uncordon: {
    summary: "mark a node as schedulable",
    load: async () => (await import("./cordon.ts")).uncordonCommand,
  },
  drain: { summary: "move all pods off a node", load: async () => (await import("./drain.ts")).drainCommand },
  taint: {
    summary: "change the taints of nodes",
    load: async () => (await import("./taint.ts")).taintCommand,
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
  "port-forward": {
    summary: "forward local ports to a pod",
    load: async () => (await import("./port-forward.ts")).portForwardCommand,
  },
  proxy: {
    summary: "serve the API to this machine",
    load: async () => (await import("./proxy.ts")).proxyCommand,
  },
  debug: {
    summary: "debug pods and nodes with a container of its own",
    load: async () => (await import("./debug.ts")).debugCommand,
  },
  cp: { summary: "copy files to and from containers", load: async () => (await import("./cp.ts")).cpCommand },
  auth: {
    summary: "ask what you may do, and who you are",
    load: async () => (await import("./auth.ts")).authCommand,
  },
  events: { summary: "list events", load: async () => (await import("./events.ts")).eventsCommand },
  diff: {
    summary: "differences between what runs and what would be applied",
    load: async () => (await import("./diff.ts")).diffCommand,
  },
  apply: {
    summary: "apply a configuration to resources",
    load: async () => (await import("./apply.ts")).applyCommand,
  },
  patch: {
    summary: "change fields of a resource",
    load: async () => (await import("./patch.ts")).patchCommand,
  },
  replace: {
    summary: "replace a resource by a file",
    load: async () => (await import("./replace.ts")).replaceCommand,
  },
  wait: {
    summary: "wait for a condition on resources",
    load: async () => (await import("./wait.ts")).waitCommand,
  },
  kustomize: {
    summary: "build a folder with a kustomization",
    load: async () => (await import("./kustomize.ts")).kustomizeCommand,
  },
  label: {
    summary: "change the labels of a resource",
    load: async () => (await import("./label.ts")).labelCommand,
  },
  annotate: {
    summary: "change the annotations of a resource",
    load: async () => (await import("./label.ts")).annotateCommand,
  },
  completion: {
    summary: "scripts that complete commands in a shell",
    load: async () => (await import("./completion.ts")).completionCommand,
  },
  "api-resources": {
    summary: "the resources that the server knows",
    load: async () => (await import("./api-resources.ts")).apiResourcesCommand,
  },
  "api-versions": {
    summary: "the group versions that the server knows",
    load: async () => (await import("./api-versions.ts")).apiVersionsCommand,
  },
  config: {
    summary: "read and change kubeconfig files",
    load: async () => (await import("./config.ts")).configCommand,
  },
  plugin: {
    summary: "programs in PATH that add commands",
    load: async () => (await import("./plugin.ts")).pluginCommand,
  },
  options: {
    summary: "flags that every command knows",
    load: async () => (await import("./options.ts")).optionsCommand,
  },
  alpha: {
    summary: "commands that are still tried: none",
    load: async () => (await import("./alpha.ts")).alphaCommand,
  },
  version: {
    summary: "versions of client and server",
    load: async () => (await import("./version.ts")).versionCommand,
  },
};
