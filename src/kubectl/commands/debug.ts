import type { KubectlCommand } from "../command.ts";

export const debugCommand: KubectlCommand = {
  usage: "(POD | TYPE[[.VERSION].GROUP]/NAME) [ -- COMMAND [args...] ]",
  summary: "Create debugging sessions for troubleshooting workloads and nodes",
  flags: {
    "arguments-only": { type: "bool", help: "what follows -- are arguments, not the command" },
    attach: { type: "bool", help: "attach to the container once it runs" },
    container: { type: "string", short: "c", help: "name of the debugging container" },
    "copy-to": { type: "string", help: "debug a copy of the pod with this name" },
    custom: { type: "string", help: "file with a part of a container to add" },
    env: { type: "array", help: "NAME=VALUE in the container" },
    filename: { type: "list", short: "f", help: "the resource to debug" },
    image: { type: "string", help: "image of the debugging container" },
    "image-pull-policy": { type: "string", help: "when the image is pulled" },
    "keep-annotations": { type: "bool", help: "keep the annotations in the copy" },
    "keep-init-containers": { type: "bool", default: true, help: "keep the init containers in the copy" },
    "keep-labels": { type: "bool", help: "keep the labels in the copy" },
    "keep-liveness": { type: "bool", help: "keep the liveness probes in the copy" },
    "keep-readiness": { type: "bool", help: "keep the readiness probes in the copy" },
    "keep-startup": { type: "bool", help: "keep the startup probes in the copy" },
    profile: {
      type: "string",
      default: "legacy",
      help: "legacy, general, baseline, netadmin, restricted or sysadmin",
    },
    quiet: { type: "bool", short: "q", help: "say less" },
    replace: { type: "bool", help: "delete the pod that is copied" },
    "same-node": { type: "bool", help: "the copy goes to the same node" },
    "set-image": { type: "list", help: "CONTAINER=IMAGE in the copy" },
    "share-processes": {
      type: "bool",
      default: true,
      help: "containers of the copy see each other's processes",
    },
    stdin: { type: "bool", short: "i", help: "pass standard input on" },
    target: { type: "string", help: "see the processes of this container" },
    tty: { type: "bool", short: "t", help: "with a terminal" },
  },
  run: async (context) => {
    const { DebugSession } = await import("../debug/debug-session.ts");
    return await new DebugSession(context).run();
  },
};
