import { pathOf } from "../api.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { attachablePod, chooseContainer, podOrOwner, podResource } from "../pod-selection.ts";
import { filenameFlags, hasFiles, readTargets } from "../resource-builder.ts";
import { converse } from "../terminal.ts";

export const execCommand: KubectlCommand = {
  usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
  summary: "Execute a command in a container",
  flags: {
    ...filenameFlags,
    stdin: { type: "bool", short: "i", help: "pass standard input on" },
    tty: { type: "bool", short: "t", help: "with a terminal" },
    container: { type: "string", short: "c", help: "in this container" },
    quiet: { type: "bool", short: "q", help: "only print the output of the command" },
    "pod-running-timeout": { type: "duration", default: 60_000, help: "how long to wait for a pod to run" },
  },
  run: exec,
};

async function exec(context: CommandContext): Promise<number> {
  const { flags, args, dashAt, path, session } = context;
  const fromFile = hasFiles(flags);
  if (args.length === 0 && !fromFile)
    throw new KubectlError("pod, type/name or --filename must be specified");
  if (dashAt === undefined && args.length > 1) {
    throw new KubectlError(
      `exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n${usageHint(path)}`,
    );
  }
  const named = fromFile ? 0 : 1;
  if (!fromFile && dashAt === 0) throw new KubectlError("pod, type/name or --filename must be specified");
  const command = args.slice(named);
  if (command.length === 0) throw new KubectlError("you must specify at least one command for the container");
  const read = fromFile ? await readTargets(session, flags) : [];
  if (read.length > 1) throw new KubectlError("cannot exec into multiple objects at a time");
  const target = fromFile ? read[0] : await podOrOwner(session, args[0] ?? "");
  if (target === undefined) throw new KubectlError("pod, type/name or --filename must be specified");
  const pod = await attachablePod(context, target);
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") {
    throw new KubectlError(`cannot exec into a container in a completed pod; current phase is ${phase}`);
  }
  const asked = flags.string("container");
  const container =
    asked === "" ? chooseContainer(context, pod, "", { quiet: flags.bool("quiet") }).name : asked;
  const { name, namespace } = pod.metadata;
  const resource = await podResource(session);
  return await converse(context, pathOf({ resource, namespace, name, subresource: "exec" }), {
    container,
    command,
  });
}
