import { isObject } from "../../apimachinery/json.ts";
import { labelValueErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import {
  type KeyChanges,
  type LiveTarget,
  liveTargets,
  modifyFlags,
  selectionFlags,
  splitChanges,
} from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { hasFiles } from "../resource-builder.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

const flagsOf = (manager: string) => ({
  ...modifyFlags(manager),
  ...selectionFlags,
  overwrite: { type: "bool" as const, help: "change what has a value already" },
  list: { type: "bool" as const, help: "print them" },
  local: { type: "bool" as const, help: "not supported" },
  "resource-version": { type: "string" as const, help: "only if this is still its version" },
});

export const labelCommand: KubectlCommand = {
  usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
  summary: "Update the labels on a resource",
  flags: flagsOf("kubectl-label"),
  run: (context) => change(context, "labels"),
};

export const annotateCommand: KubectlCommand = {
  usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
  summary: "Update the annotations on a resource",
  flags: flagsOf("kubectl-annotate"),
  run: (context) => change(context, "annotations"),
};

type Field = "labels" | "annotations";

async function change(context: CommandContext, field: Field): Promise<void> {
  const { flags, io, args } = context;
  const word = field === "labels" ? "label" : "annotation";
  const changes = splitChanges(args, word);
  check(context, field, changes);
  const isList = flags.bool("list");
  const targets = await liveTargets(context, changes.rest);
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const target of targets) {
    const current = target.live.metadata[field] ?? {};
    if (isList && Object.keys(changes.set).length + changes.remove.length === 0) {
      if (targets.length > 1)
        io.out(`Listing ${field} for ${target.live.kind}.${target.resource.group}/${target.name}:\n`);
      for (const key of Object.keys(current).sort())
        io.out(`${targets.length > 1 ? " " : ""}${key}=${current[key]}\n`);
      continue;
    }
    try {
      checkOverwrite(context, field, changes, current);
      const object = await write(context, target, field, changes);
      io.out(print(object, outcomeOf(context, field, changes, current)));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

function check({ flags, args }: CommandContext, field: Field, { set, remove, rest }: KeyChanges): void {
  const word = field === "labels" ? "label" : "annotation";
  if (flags.bool("local")) throw new KubectlError("--local is not supported by this client");
  if (rest.length === 0 && !hasFiles(flags) && args.length === 0) {
    throw new KubectlError(
      "one or more resources must be specified as <resource> <name> or <resource>/<name>",
    );
  }
  if (Object.keys(set).length + remove.length === 0 && !flags.bool("list")) {
    throw new KubectlError(`at least one ${word} update is required`);
  }
  for (const [key, value] of Object.entries(set)) {
    const errors = field === "labels" ? labelValueErrors(value) : [];
    if (errors.length > 0)
      throw new KubectlError(
        `invalid label value: ${JSON.stringify(`${key}=${value}`)}: ${errors.join(";")}`,
      );
  }
}

function checkOverwrite(
  { flags }: CommandContext,
  field: Field,
  { set }: KeyChanges,
  current: Readonly<Record<string, string>>,
): void {
  if (flags.bool("overwrite")) return;
  const taken = Object.entries(set).flatMap(([key, value]) => {
    const old = current[key];
    return old === undefined || (field === "labels" && old === value)
      ? []
      : [`'${key}' already has a value (${old})`];
  });
  if (taken.length === 0) return;
  throw new KubectlError(
    field === "labels"
      ? `${taken[0]}, and --overwrite is false`
      : `--overwrite is false but found the following declared annotation(s): ${taken.join("; ")}`,
  );
}

async function write(
  { flags, session }: CommandContext,
  target: LiveTarget,
  field: Field,
  { set, remove }: KeyChanges,
): Promise<UnstructuredObject> {
  const changes = { ...set, ...Object.fromEntries(remove.map((key) => [key, null])) };
  if (dryRunOf(flags) === "client") return withChanges(target.live, field, changes);
  const current = target.live.metadata[field] ?? {};
  const isSame = Object.entries(changes).every(([key, value]) => (value ?? undefined) === current[key]);
  const version = flags.string("resource-version");
  if (isSame && version === "") return target.live;
  const metadata = { [field]: changes, ...(version === "" ? {} : { resourceVersion: version }) };
  return await session.api.patch(target, "merge", { metadata }, writeQuery(flags));
}

function withChanges(
  object: UnstructuredObject,
  field: Field,
  changes: Readonly<Record<string, string | null>>,
): UnstructuredObject {
  const values: Record<string, unknown> = {
    ...(isObject(object.metadata[field]) ? object.metadata[field] : {}),
  };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete values[key];
    else values[key] = value;
  }
  return { ...object, metadata: { ...object.metadata, [field]: values as Record<string, string> } };
}

function outcomeOf(
  { io }: CommandContext,
  field: Field,
  { set, remove }: KeyChanges,
  current: Readonly<Record<string, string>>,
): string {
  if (field === "annotations") return "annotated";
  const added = Object.entries(set).some(([key, value]) => current[key] !== value);
  const removed = remove.filter((key) => current[key] !== undefined);
  for (const key of remove)
    if (current[key] === undefined) io.out(`label ${JSON.stringify(key)} not found.\n`);
  if (added) return "labeled";
  return removed.length > 0 ? "unlabeled" : "not labeled";
}
