import { authored, differences, diffText, nameOf } from "../history/client/diff.ts";
import { type Command, CommandError, usageExitCode } from "./command.ts";
import { changesOf, checkKnown, queryOf, revisionOf } from "./history.ts";
import { objectOf, targetOptions, withTarget } from "./target.ts";

export const diffCommand: Command = {
  name: "diff",
  usage: "diff [KIND/NAME] --from REVISION [--to REVISION]",
  summary: "show what differs between two revisions of an object, or of a namespace",
  description:
    "Shows as a unified diff of YAML what differs between two revisions: of an object, or of everything that people wrote\n" +
    "in the namespace (with -A in the cluster). The status, and what controllers make of it, are left out unless --status\n" +
    "is given. Ends with 1 when there is a difference, with 0 when there is none, as diff does.",
  options: {
    ...targetOptions,
    from: {
      type: "string",
      value: "REVISION",
      description: "the revision to start from (sampan history lists them)",
    },
    to: { type: "string", value: "REVISION", description: "the revision to end at (default: the newest)" },
    all: { type: "boolean", description: "all objects of the namespace, as without a KIND/NAME" },
    "all-namespaces": { type: "boolean", short: "A", description: "all objects of the cluster" },
    status: { type: "boolean", description: "with what only says how things stand" },
    brief: { type: "boolean", short: "q", description: "names alone: added, changed, removed" },
  },
  examples: [
    "sampan diff deployment/web --from 1042     # since then",
    "sampan diff --from 1042 --to 1100 -q       # what changed in the namespace",
  ],
  maxArguments: 2,
  async run(options, positionals, io) {
    const named = objectOf("diff", positionals);
    const everywhere = options["all-namespaces"] === true;
    const from = revisionOf(options, "from");
    const to = revisionOf(options, "to");
    if (from === undefined)
      throw new CommandError("sampan diff: from which revision?", {
        remedy: "name it with --from; sampan history KIND/NAME lists them",
        exitCode: usageExitCode,
      });
    const withStatus = options["status"] === true;
    return await withTarget(options, io, async ({ client, namespace }) => {
      const scope =
        named === undefined ? (everywhere ? {} : { namespace }) : await queryOf(client, named, namespace);
      const changes = await changesOf(client, {
        ...scope,
        after: from,
        ...(to !== undefined && { upTo: to }),
      });
      checkKnown(changes, from);
      const items = named !== undefined || withStatus ? changes.items : authored(changes.items);
      const found = differences({ items }, withStatus);
      for (const difference of found) {
        if (options["brief"] === true)
          io.out(`${difference.change.padEnd(8)} ${nameOf(difference, everywhere)}\n`);
        else io.out(diffText(difference, from, to ?? changes.revision));
      }
      return found.length === 0 ? 0 : 1;
    });
  },
};
