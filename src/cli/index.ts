import type { Command } from "./command.ts";

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Absent where the command is a program of its own: main.ts hands over to it. */
  readonly load?: () => Promise<Command>;
}

/** Every command but `kubectl`, in the order of the help. Each is imported when it is called; `server` is a program of its own. */
export const commands: readonly CommandEntry[] = [
  {
    name: "up",
    summary: "start a cluster (or find it running), apply files, wait until they run",
    load: async () => (await import("./up.ts")).upCommand,
  },
  {
    name: "down",
    summary: "stop a cluster; with --purge, leave nothing behind",
    load: async () => (await import("./down.ts")).downCommand,
  },
  {
    name: "status",
    summary: "show what runs, where it listens and what it uses",
    load: async () => (await import("./status.ts")).statusCommand,
  },
  {
    name: "kubeconfig",
    summary: "print the cluster's kubeconfig, or merge it into yours",
    load: async () => (await import("./kubeconfig.ts")).kubeconfigCommand,
  },
  {
    name: "why",
    summary: "tell why something is not ready, and what to do next",
    load: async () => (await import("./why.ts")).whyCommand,
  },
  {
    name: "history",
    summary: "show how an object came to be as it is: each revision, who, why, and what changed",
    load: async () => (await import("./history.ts")).historyCommand,
  },
  {
    name: "diff",
    summary: "show what differs between two revisions of an object, or of a namespace",
    load: async () => (await import("./diff.ts")).diffCommand,
  },
  {
    name: "rewind",
    summary: "write an object, or a namespace, back as it was at a revision",
    load: async () => (await import("./rewind.ts")).rewindCommand,
  },
  {
    name: "logs",
    summary: "print the log of the cluster's own process",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "server",
    summary: "run a cluster in the foreground",
  },
  {
    name: "image",
    summary: "import, pull, list and remove container images",
    load: async () => (await import("./image.ts")).imageCommand,
  },
  {
    name: "snapshot",
    summary: "keep a cluster as a file, bring it back, or let a copy run beside it",
    load: async () => (await import("./snapshot.ts")).snapshotCommand,
  },
  {
    name: "replay",
    summary: "look into the cluster of a failed test with kubectl, at any revision",
    load: async () => (await import("./replay.ts")).replayCommand,
  },
  {
    name: "webhook",
    summary: "give a webhook that runs on this machine a certificate, and point the cluster at it",
    load: async () => (await import("./webhook.ts")).webhookCommand,
  },
  {
    name: "envtest",
    summary: "write stand-ins of etcd, kube-apiserver and kubectl, for test suites that start them",
    load: async () => (await import("./envtest.ts")).envtestCommand,
  },
];
