import type { CommandContext, KubectlCommand } from "../command.ts";
import { usageHint } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { nodesOf, setUnschedulable } from "../nodes.ts";
import { dryRunFlag } from "../writing.ts";

const flags: NonNullable<KubectlCommand["flags"]> = {
  ...dryRunFlag,
  selector: { type: "string", short: "l", help: "label selector" },
};

export const cordonCommand: KubectlCommand = {
  usage: "NODE",
  summary: "Mark node as unschedulable",
  flags,
  run: (context) => change(context, true),
};

export const uncordonCommand: KubectlCommand = {
  usage: "NODE",
  summary: "Mark node as schedulable",
  flags,
  run: (context) => change(context, false),
};

async function change(context: CommandContext, unschedulable: boolean): Promise<void> {
  const { path, args, flags: given } = context;
  if (args.length === 0 && given.string("selector") === "") {
    throw new KubectlError(`USAGE: ${path.split(" ").at(-1)} NODE [flags]\n${usageHint(path)}`);
  }
  const errors: unknown[] = [];
  for (const node of await nodesOf(context)) {
    try {
      await setUnschedulable(context, node, unschedulable);
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}
