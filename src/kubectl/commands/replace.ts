import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { lastApplied, withLastApplied } from "../apply/apply-object.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected, withSource } from "../errors.ts";
import { getIfPresent } from "../pod-selection.ts";
import { outcomePrinterFor, printFlags } from "../printers/index.ts";
import { filenameFlags, hasFiles, readTargetsLoosely, type Target, typeName } from "../resource-builder.ts";
import { dryRunFlag, dryRunOf, fieldManagerFlag, validateFlag, writeQuery } from "../writing.ts";
import { deleteAndWait } from "./delete.ts";

export const replaceCommand: KubectlCommand = {
  usage: "-f FILENAME",
  summary: "Replace a resource by file name or stdin",
  flags: {
    ...printFlags,
    ...filenameFlags,
    ...dryRunFlag,
    ...validateFlag,
    ...fieldManagerFlag("kubectl-replace"),
    force: { type: "bool", help: "delete and create again" },
    "grace-period": { type: "int", default: -1, help: "seconds to end well; with --force" },
    cascade: { type: "string", default: "background", optional: "background", help: "with --force" },
    timeout: { type: "duration", default: 0, help: "with --force" },
    wait: { type: "bool", help: "accepted" },
    "save-config": { type: "bool", help: "note the configuration down, for apply" },
    subresource: { type: "string", help: "status, scale or resize" },
    raw: { type: "string", help: "not supported" },
  },
  run: replace,
};

async function replace(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  if (!hasFiles(flags)) throw new KubectlError("must specify one of -f and -k");
  if (flags.bool("force") && dryRunOf(flags) !== "none")
    throw new KubectlError("--dry-run can not be used when --force is set");
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  const targets = await readTargetsLoosely(session, flags);
  const known = targets.filter((target): target is Target => !(target instanceof Error));
  errors.push(...targets.filter((target) => target instanceof Error));
  if (flags.bool("force")) await deleteFirst(context, known);
  for (const target of known) {
    try {
      io.out(print(await send(context, target), "replaced"));
    } catch (error) {
      errors.push(withSource(error, "replacing", target.source));
    }
  }
  throwCollected(errors);
}

async function deleteFirst(
  { session, flags, io }: CommandContext,
  targets: readonly Target[],
): Promise<void> {
  for (const target of targets) {
    if ((await getIfPresent(session, target)) === undefined) continue;
    io.out(`${typeName(target.resource)} "${target.name}" deleted\n`);
    await deleteAndWait(session, target, flags.int("grace-period"));
  }
}

async function send({ session, flags }: CommandContext, target: Target): Promise<UnstructuredObject> {
  const object = target.object as UnstructuredObject;
  const query = writeQuery(flags);
  if (flags.bool("force"))
    return await session.api.create(target, noted(object, flags.bool("save-config")), query);
  const live = await getIfPresent(session, target);
  const keepsNote = live?.metadata.annotations?.[lastApplied] !== undefined;
  const wanted = noted(object, flags.bool("save-config") || keepsNote);
  if (dryRunOf(flags) === "client") return wanted;
  return await session.api.replace({ ...target, subresource: flags.string("subresource") }, wanted, query);
}

/** What apply has noted down is kept true. */
const noted = (object: UnstructuredObject, isNoted: boolean): UnstructuredObject =>
  isNoted ? withLastApplied(object) : object;
