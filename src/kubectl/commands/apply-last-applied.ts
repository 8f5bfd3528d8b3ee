import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { printYaml } from "../../apimachinery/yaml.ts";
import { lastApplied, withLastApplied } from "../apply/apply-object.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { liveTargets } from "../modifying.ts";
import { outcomePrinterFor, printFlags } from "../printers/index.ts";
import { printJson } from "../printers/json.ts";
import { filenameFlags, hasFiles, parseTargets, readTargets } from "../resource-builder.ts";
import { dryRunFlag, dryRunOf } from "../writing.ts";

export const viewLastAppliedCommand: KubectlCommand = {
  usage: "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
  summary: "View the latest last-applied-configuration annotations of a resource/object",
  flags: {
    ...filenameFlags,
    all: { type: "bool", help: "all of the types" },
    output: { type: "string", short: "o", default: "yaml", help: "yaml or json" },
    selector: { type: "string", short: "l", help: "label selector" },
  },
  run: view,
};

export const setLastAppliedCommand: KubectlCommand = {
  usage: "-f FILENAME",
  summary: "Set the last-applied-configuration annotation on a live object to match the contents of a file",
  flags: {
    ...printFlags,
    ...dryRunFlag,
    filename: { type: "list", short: "f", help: "file, folder or - for standard input" },
    recursive: { type: "bool", short: "R", help: "also read the folders below" },
    "create-annotation": { type: "bool", help: "also where the object has none" },
  },
  run: set,
};

/** What was applied to an object; undefined when it was not made by apply. */
const appliedTo = (object: UnstructuredObject): string | undefined =>
  object.metadata.annotations?.[lastApplied];

async function view(context: CommandContext): Promise<void> {
  const { flags, io, path } = context;
  const output = flags.string("output");
  for (const { live } of await liveTargets(context, context.args, { typesMeanAll: true })) {
    const text = appliedTo(live);
    // What was made otherwise has nothing to show.
    if (text === undefined) continue;
    if (output !== "yaml" && output !== "json") {
      throw new KubectlError(
        `Unexpected -o output mode: ${output}, the flag 'output' must be one of yaml|json\n${usageHint(path)}`,
      );
    }
    const applied: unknown = JSON.parse(text);
    io.out(output === "json" ? printJson(applied) : printYaml(applied));
  }
}

async function set(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  if (!hasFiles(flags)) await parseTargets(session, []);
  const print = await outcomePrinterFor(flags);
  const changes: { object: UnstructuredObject; change: () => Promise<UnstructuredObject> }[] = [];
  for (const target of await readTargets(session, flags)) {
    const live = await session.api.get(target);
    const before = appliedTo(live);
    if (before === undefined && !flags.bool("create-annotation")) {
      throw new KubectlError(
        `no last-applied-configuration annotation found on resource: ${target.name}, to create the annotation, run the command with --create-annotation`,
      );
    }
    if (!isObject(target.object)) continue;
    const wanted = appliedTo(withLastApplied(target.object));
    const annotations = {
      ...live.metadata.annotations,
      ...(wanted === undefined ? {} : { [lastApplied]: wanted }),
    };
    const object = { ...live, metadata: { ...live.metadata, annotations } };
    const patch = { metadata: { annotations: { [lastApplied]: wanted } } };
    const dryRun = dryRunOf(flags) === "server" ? "All" : undefined;
    const change = (): Promise<UnstructuredObject> =>
      before === wanted || dryRunOf(flags) === "client"
        ? Promise.resolve(object)
        : session.api.patch(target, "merge", patch, { dryRun });
    changes.push({ object, change });
  }
  for (const { change } of changes) io.out(print(await change(), "configured"));
}
