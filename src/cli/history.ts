import { RealClock } from "../apimachinery/clock.ts";
import { parseDurationMs } from "../apimachinery/duration.ts";
import { printYaml } from "../apimachinery/yaml.ts";
import type { Client } from "../client/client.ts";
import {
  type Changes,
  type ChangesQuery,
  formerResource,
  NoHistoryError,
  readChanges,
} from "../history/client/read.ts";
import { historyRows } from "../history/client/table.ts";
import { RestMapper } from "../kubectl/rest-mapper.ts";
import { type Command, CommandError, type OptionValues, text, usageExitCode } from "./command.ts";
import { table } from "./status.ts";
import { noSuchKind, objectOf, targetOptions, withTarget } from "./target.ts";

export const historyCommand: Command = {
  name: "history",
  usage: "history KIND/NAME [-n NAMESPACE] [--since 10m] [--revision N]",
  summary: "show how an object came to be as it is: each revision, who, why, and what changed",
  description:
    "Shows every change of an object, also of one that is gone: the revision, who made it with which field manager, the\n" +
    "reconcile or the request that it came from, and the fields that changed. With --revision, the object as it was then.\n" +
    "Values of Secrets are not shown. Needs a cluster of sampan's that was not started with --no-history, and the rights\n" +
    "of its administrator. The history outlasts the server: sampan down && sampan up, or a crash.",
  options: {
    ...targetOptions,
    since: { type: "string", value: "DURATION", description: "changes of this time only: 10m, 1h30m" },
    revision: { type: "string", value: "N", description: "print the object as it was at the revision" },
    output: {
      type: "string",
      short: "o",
      value: "FORMAT",
      description: "json or yaml, with the states before and after",
    },
  },
  examples: [
    "sampan history deployment/web                   # who changed what, and why",
    "sampan history deployment/web --since 10m       # … in the last ten minutes",
    "sampan history deployment/web --revision 1042   # as it was then",
    "sampan history cm/settings -n shop -o json      # every state, for programs",
  ],
  maxArguments: 2,
  async run(options, positionals, io) {
    const named = objectOf("history", positionals);
    if (named === undefined) throw missingName("history");
    const output = formatOf(options);
    const since = text(options, "since");
    const sinceMs = since === "" ? undefined : parseDurationMs(since);
    if (since !== "" && (sinceMs === undefined || sinceMs < 0))
      throw new CommandError(`"${since}" is no duration`, {
        remedy: "write it as 10m or 1h30m",
        exitCode: usageExitCode,
      });
    return await withTarget(options, io, async ({ client, namespace }) => {
      const nowMs = new RealClock().now();
      const query = await queryOf(client, named, namespace);
      const changes = await changesOf(client, {
        ...query,
        ...(sinceMs !== undefined && { sinceMs: nowMs - sinceMs }),
      });
      const revision = revisionOf(options, "revision");
      if (revision !== undefined) {
        checkKnown(changes, revision);
        io.out(printAs(output === "" ? "yaml" : output, stateAt(changes, revision, named)));
        return 0;
      }
      if (output !== "") io.out(printAs(output, changes));
      else if (changes.items.length > 0) io.out(table(historyRows(changes.items, nowMs)));
      else io.out(`${nothingKnown(named, changes.begin, sinceMs)}\n`);
      return 0;
    });
  },
};

function nothingKnown(
  { resource, name }: { resource: string; name: string },
  begin: number,
  sinceMs: number | undefined,
): string {
  const what = `Nothing is known of ${resource}/${name}`;
  if (sinceMs !== undefined) return `${what} in this time.`;
  if (begin === 0) return `${what}: there has never been one of this name.`;
  return `${what}: it did not change since revision ${begin}, where the history begins.`;
}

/** The object as it was at the revision. */
function stateAt(
  { items }: Changes,
  revision: number,
  { resource, name }: { resource: string; name: string },
): unknown {
  const last = items.findLast((change) => change.revision <= revision);
  const state = last === undefined ? items[0]?.before : last.after;
  if (state !== undefined) return state;
  throw new CommandError(`${resource}/${name} did not exist at revision ${revision}`, {
    remedy: `sampan history ${resource}/${name} lists the revisions at which it changed`,
  });
}

/** Throws when the cluster does not know the state at the revision, any more or yet. */
export function checkKnown({ begin, revision }: Changes, asked: number): void {
  if (asked < begin)
    throw new CommandError(`revision ${asked} is forgotten: the history begins at revision ${begin}`, {
      remedy: `name revision ${begin} or a later one; sampan history KIND/NAME lists those at which it changed`,
    });
  if (asked > revision)
    throw new CommandError(`revision ${asked} has not been written yet: the newest is ${revision}`, {
      remedy: "sampan history KIND/NAME lists the revisions at which it changed",
    });
}

/** The changes; a cluster that remembers none says so. */
export async function changesOf(client: Client, query: ChangesQuery): Promise<Changes> {
  try {
    return await readChanges(client.transport, query);
  } catch (cause) {
    if (!(cause instanceof NoHistoryError)) throw cause;
    throw new CommandError(cause.message, {
      remedy:
        "a cluster of sampan's keeps one unless it was started with --no-history: sampan down, then sampan up",
      cause,
    });
  }
}

/** How the object is named in the history. */
export async function queryOf(
  client: Client,
  { resource: kind, name }: { readonly resource: string; readonly name: string },
  namespace: string,
): Promise<ChangesQuery> {
  const found = (await new RestMapper(client.transport).forName(kind)) ?? formerResource(kind);
  if (found === undefined)
    throw noSuchKind(kind, "one whose definition is gone is named with its group: sites.example.dev/NAME");
  const { group, resource, namespaced } = found;
  return { group, resource, name, namespace: namespaced ? namespace : "" };
}

export const missingName = (command: string): CommandError =>
  new CommandError(`sampan ${command}: name an object`, {
    remedy: `sampan ${command} deployment/web; sampan ${command} --help tells more`,
    exitCode: usageExitCode,
  });

/** A revision among the options; undefined when it is not given. */
export function revisionOf(options: OptionValues, name: string): number | undefined {
  const given = text(options, name);
  if (given === "") return undefined;
  const revision = Number(given);
  if (Number.isInteger(revision) && revision >= 0) return revision;
  throw new CommandError(`--${name}: "${given}" is no revision`, {
    remedy: "sampan history KIND/NAME lists revisions",
    exitCode: usageExitCode,
  });
}

function formatOf(options: OptionValues): "" | "json" | "yaml" {
  const output = text(options, "output");
  if (output === "" || output === "json" || output === "yaml") return output;
  throw new CommandError(`"${output}" is no format`, {
    remedy: "use -o json or -o yaml",
    exitCode: usageExitCode,
  });
}

const printAs = (format: "json" | "yaml", value: unknown): string =>
  format === "json" ? `${JSON.stringify(value, undefined, 2)}\n` : printYaml(value);
