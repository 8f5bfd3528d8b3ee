import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { parseYaml, printYaml } from "../../apimachinery/yaml.ts";
import { lastApplied, withLastApplied } from "../apply/apply-object.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { describeFailure, KubectlError, plainText } from "../errors.ts";
import { type LiveTarget, liveTargets, modifyFlags, patchBetween } from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { printJson } from "../printers/json.ts";
import { writeQuery } from "../writing.ts";

export const editCommand: KubectlCommand = {
  usage: "(RESOURCE/NAME | -f FILENAME)",
  summary: "Edit a resource from the default editor",
  flags: {
    ...modifyFlags("kubectl-edit"),
    output: { type: "string", short: "o", help: "yaml or json" },
    "save-config": { type: "bool", help: "note the configuration down, for apply" },
    "output-patch": { type: "bool", help: "print the patch" },
    subresource: { type: "string", help: "status" },
    "windows-line-endings": { type: "bool", help: "accepted" },
    validate: { type: "string", default: "strict", optional: "strict", help: "strict, warn or ignore" },
  },
  run: edit,
};

export const editLastAppliedCommand: KubectlCommand = {
  usage: "(RESOURCE/NAME | -f FILENAME)",
  summary: "Edit latest last-applied-configuration annotations of a resource/object",
  flags: {
    ...modifyFlags("kubectl-edit"),
    output: { type: "string", short: "o", help: "yaml or json" },
    "save-config": { type: "bool", help: "accepted" },
    "windows-line-endings": { type: "bool", help: "accepted" },
    validate: { type: "string", default: "strict", optional: "strict", help: "strict, warn or ignore" },
  },
  run: editLastApplied,
};

/** Edits what was applied, and leaves the object itself as it is. */
async function editLastApplied(context: CommandContext): Promise<void> {
  const { args, flags, io, session } = context;
  const isJson = flags.string("output") === "json";
  const directory = mkdtempSync(join(tmpdir(), "kubectl-edit-"));
  try {
    for (const { live, ...target } of await liveTargets(context, args, { typesMeanAll: true })) {
      const noted = live.metadata.annotations?.[lastApplied];
      if (noted === undefined) {
        throw new KubectlError(`no last-applied-configuration annotation found on resource: ${target.name}`);
      }
      const before: unknown = JSON.parse(noted);
      const file = join(directory, `edit.${isJson ? "json" : "yaml"}`);
      writeFileSync(file, isJson ? printJson(before) : `${preface}${printYaml(before)}`);
      runEditor(context, file);
      const after = parseOrNothing(readFileSync(file, "utf8"));
      if (!isObject(after) || deepEqual(after, before)) {
        io.err("Edit cancelled, no changes made.\n");
        continue;
      }
      const wanted = withLastApplied(after as unknown as UnstructuredObject).metadata.annotations?.[
        lastApplied
      ];
      const patch = { metadata: { annotations: { [lastApplied]: wanted } } };
      const object = await session.api.patch(target, "merge", patch, writeQuery(flags));
      flags.set("output", "");
      io.out((await outcomePrinterFor(flags))(object, "edited"));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const preface = `# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
`;

async function edit(context: CommandContext): Promise<void> {
  const { args } = context;
  const directory = mkdtempSync(join(tmpdir(), "kubectl-edit-"));
  try {
    const targets = await liveTargets(context, args, { typesMeanAll: true });
    if (targets.length === 0) throw new KubectlError("edit cancelled, no objects found");
    for (const target of targets) await editOne(context, target, directory);
  } catch (error) {
    // What was written in vain is left where it can be found.
    if (error instanceof RefusedEdit) throw error;
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
  rmSync(directory, { recursive: true, force: true });
}

/** The editor was left although its last text had been refused. */
class RefusedEdit extends KubectlError {}

/** Opens the editor until what it saved is accepted, or nothing was changed. */
async function editOne(context: CommandContext, target: LiveTarget, directory: string): Promise<void> {
  const { flags, io } = context;
  const isJson = flags.string("output") === "json";
  const file = join(directory, `edit.${isJson ? "json" : "yaml"}`);
  const { managedFields: _, ...metadata } = target.live.metadata;
  const original = { ...target.live, metadata };
  const print = (object: unknown): string => (isJson ? printJson(object) : printYaml(object));
  let text = `${isJson ? "" : preface}${print(original)}`;
  for (let attempt = 1; ; attempt++) {
    writeFileSync(file, text);
    runEditor(context, file);
    const saved = readFileSync(file, "utf8");
    if (attempt > 1 && saved === text) {
      io.err(`A copy of your changes has been stored to ${JSON.stringify(file)}\n`);
      throw new RefusedEdit("Edit cancelled, no valid changes were saved.");
    }
    if (
      saved === text ||
      withoutComments(saved).trim() === "" ||
      deepEqual(parseOrNothing(saved), original)
    ) {
      io.err("Edit cancelled, no changes made.\n");
      return;
    }
    try {
      await save(context, target, original, saved);
      return;
    } catch (error) {
      const { text: why } = describeFailure(error);
      const comments = why
        .trim()
        .split("\n")
        .map((line) => `# ${line}\n`)
        .join("");
      text = `${preface.trimEnd()}\n${comments}#\n${withoutComments(saved)}`;
      if (text === saved) throw error;
      io.err(why);
    }
  }
}

const withoutComments = (text: string): string =>
  text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n");

function parseOrNothing(text: string): unknown {
  try {
    return parseYaml(text);
  } catch {
    return undefined;
  }
}

async function save(
  context: CommandContext,
  target: LiveTarget,
  original: UnstructuredObject,
  saved: string,
): Promise<void> {
  const { flags, session, io } = context;
  let edited: unknown;
  try {
    edited = parseYaml(saved);
  } catch (error) {
    throw new KubectlError(`The edited file had a syntax error: ${plainText(error)}`, { cause: error });
  }
  if (!isObject(edited) || !isObject(edited["metadata"]))
    throw new KubectlError("The edited file had a syntax error: it holds no object");
  if (edited["metadata"]["name"] !== original.metadata.name || edited["kind"] !== original.kind) {
    throw new KubectlError("At least one of apiVersion, kind and name was changed");
  }
  const wanted = edited as unknown as UnstructuredObject;
  const isNoted = flags.bool("save-config") || original.metadata.annotations?.[lastApplied] !== undefined;
  const { type, patch } = patchBetween(
    original,
    flags.bool("save-config") && isNoted ? withLastApplied(wanted) : wanted,
  );
  if (flags.bool("output-patch")) io.out(`Patch: ${JSON.stringify(patch)}\n`);
  const place = { ...target, subresource: flags.string("subresource") };
  const object = await session.api.patch(place, type, patch, writeQuery(flags));
  flags.set("output", "");
  io.out((await outcomePrinterFor(flags))(object, "edited"));
}

function runEditor({ io }: CommandContext, file: string): void {
  const { environment } = io;
  const editor =
    [environment["KUBE_EDITOR"], environment["EDITOR"]].find((name) => (name ?? "") !== "") ?? "vi";
  // Editors are given with options, and with quotes, as the shell reads them.
  const result = spawnSync(environment["SHELL"] ?? "/bin/bash", ["-c", `${editor} ${JSON.stringify(file)}`], {
    stdio: "inherit",
  });
  if (result.error !== undefined || result.status !== 0) {
    throw new KubectlError(`there was a problem with the editor ${JSON.stringify(editor)}`);
  }
}
