import { RealClock } from "../apimachinery/clock.ts";
import { nameOf } from "../history/client/diff.ts";
import { type Rewound, rewind } from "../history/client/rewind.ts";
import { RestMapper } from "../kubectl/rest-mapper.ts";
import { type Command, CommandError, usageExitCode } from "./command.ts";
import { changesOf, checkKnown, missingName, queryOf, revisionOf } from "./history.ts";
import { objectOf, targetOptions, withTarget } from "./target.ts";

export const rewindCommand: Command = {
  name: "rewind",
  usage: "rewind KIND/NAME | --all --to REVISION [--dry-run] [--delete-new]",
  summary: "write an object, or a namespace, back as it was at a revision",
  description:
    "Writes objects back as they were, as new writes that are checked and admitted like any other: what was deleted is\n" +
    "made again, the status stays, and what controllers make follows by itself. What came later is kept unless\n" +
    "--delete-new is given. Says of each object what became of it; ends with 1 when the cluster refused something.",
  options: {
    ...targetOptions,
    to: {
      type: "string",
      value: "REVISION",
      description: "the revision (sampan history KIND/NAME lists them)",
    },
    all: { type: "boolean", description: "all objects of the namespace" },
    "dry-run": {
      type: "boolean",
      description: "say what would be done; the cluster checks it and changes nothing",
    },
    "delete-new": { type: "boolean", description: "delete what did not exist then" },
  },
  examples: [
    "sampan rewind deployment/web --to 1042",
    "sampan rewind --all -n shop --to 1042 --dry-run   # what would it do?",
  ],
  maxArguments: 2,
  async run(options, positionals, io) {
    const named = objectOf("rewind", positionals);
    if (named === undefined && options["all"] !== true) throw missingName("rewind");
    const to = revisionOf(options, "to");
    if (to === undefined)
      throw new CommandError("sampan rewind: to which revision?", {
        remedy: "name it with --to; sampan history KIND/NAME lists them",
        exitCode: usageExitCode,
      });
    const dryRun = options["dry-run"] === true;
    return await withTarget(options, io, async ({ client, namespace }) => {
      const scope = named === undefined ? { namespace } : await queryOf(client, named, namespace);
      const changes = await changesOf(client, { ...scope, after: to });
      checkKnown(changes, to);
      const deleteNew = options["delete-new"] === true;
      const rewound = await rewind(changes, {
        client,
        finder: new RestMapper(client.transport),
        dryRun,
        deleteNew,
        pause: () => new RealClock().sleep(100),
      });
      for (const each of rewound) io.out(`${line(each, dryRun)}\n`);
      if (rewound.every(({ outcome }) => outcome === "unchanged"))
        io.out(`Nothing to do: all is as it was at revision ${to}.\n`);
      return rewound.some(({ outcome }) => outcome === "refused") ? 1 : 0;
    });
  },
};

function line(rewound: Rewound, dryRun: boolean): string {
  const { outcome, fields, why } = rewound;
  const isWrite = outcome === "updated" || outcome === "created" || outcome === "deleted";
  const what = fields.length === 0 ? "" : `: ${fields.join(", ")}`;
  return `${nameOf(rewound)} ${outcome}${isWrite && dryRun ? " (dry run)" : ""}${what}${why === undefined ? "" : `: ${why}`}`;
}
