import { pathOf } from "../api.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { attachablePod, chooseContainer, podOrOwner, podResource } from "../pod-selection.ts";
import { converse } from "../terminal.ts";

export const attachCommand: KubectlCommand = {
  usage: "(POD | TYPE/NAME) -c CONTAINER [flags]",
  summary: "Attach to a process that is already running inside an existing container",
  flags: {
    stdin: { type: "bool", short: "i", help: "pass standard input on" },
    tty: { type: "bool", short: "t", help: "with a terminal" },
    container: { type: "string", short: "c", help: "to this container" },
    quiet: { type: "bool", short: "q", help: "only print the output of the container" },
    "pod-running-timeout": { type: "duration", default: 60_000, help: "how long to wait for a pod to run" },
  },
  run: attach,
};

async function attach(context: CommandContext): Promise<number> {
  const { flags, args, session, io } = context;
  if (args.length === 0) throw new KubectlError(`at least 1 argument is required for attach`);
  if (args.length > 2) {
    throw new KubectlError(
      `expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw ${args.length}: [${args.join(" ")}]`,
    );
  }
  const pod = await attachablePod(context, await podOrOwner(session, args.join("/")));
  const phase = pod.status?.phase;
  if (phase === "Succeeded" || phase === "Failed") {
    throw new KubectlError(`cannot attach a container in a completed pod; current phase is ${phase}`);
  }
  const quiet = flags.bool("quiet");
  const container = chooseContainer(context, pod, flags.string("container"), { quiet });
  if (flags.bool("tty") && !container.tty) {
    flags.set("tty", false);
    if (!quiet) io.err(`error: Unable to use a TTY - container ${container.name} did not allocate one\n`);
  }
  if (!quiet) io.err("If you don't see a command prompt, try pressing enter.\n");
  const { name, namespace } = pod.metadata;
  const resource = await podResource(session);
  return await converse(context, pathOf({ resource, namespace, name, subresource: "attach" }), {
    container: container.name,
  });
}
