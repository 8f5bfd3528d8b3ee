import { builtinScheme } from "../api/builtin-scheme.ts";
import { parseApiVersion } from "../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { createMergePatch } from "../apimachinery/patch/merge-patch.ts";
import { createThreeWayPatch } from "../apimachinery/patch/strategic-merge-patch.ts";
import type { PatchType } from "./api.ts";
import type { CommandContext } from "./command.ts";
import { KubectlError } from "./errors.ts";
import type { FlagSpecs } from "./flags.ts";
import { printFlags } from "./printers/index.ts";
import { filenameFlags, hasFiles, parseTargets, readTargets, type Target } from "./resource-builder.ts";
import { dryRunFlag, fieldManagerFlag } from "./writing.ts";

/** A named thing with what the server has of it. */
export interface LiveTarget extends Target {
  readonly live: UnstructuredObject;
}

/** The flags of commands that change objects which exist. */
export const modifyFlags = (manager: string): FlagSpecs => ({
  ...printFlags,
  ...filenameFlags,
  ...dryRunFlag,
  ...fieldManagerFlag(manager),
});

/** Flags by which objects are chosen. */
export const selectionFlags: FlagSpecs = {
  all: { type: "bool", help: "all of the types" },
  "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
  selector: { type: "string", short: "l", help: "label selector" },
  "field-selector": { type: "string", help: "field selector" },
};

/** What files, arguments and selectors name, as the server has it now. */
export async function liveTargets(
  { flags, session }: CommandContext,
  args: readonly string[],
  { typesMeanAll = false }: { typesMeanAll?: boolean } = {},
): Promise<LiveTarget[]> {
  if (hasFiles(flags))
    return await getEach(session.api.get.bind(session.api), await readTargets(session, flags));
  const text = (name: string): string => (flags.has(name) ? flags.string(name) : "");
  const everywhere = flags.has("all-namespaces") && flags.bool("all-namespaces");
  const selected =
    (flags.has("all") && flags.bool("all")) || text("selector") !== "" || text("field-selector") !== "";
  const query = await parseTargets(session, args, { selected, typesMeanAll, allNamespaces: everywhere });
  if (query.kind === "names") return await getEach(session.api.get.bind(session.api), query.targets);
  const found: LiveTarget[] = [];
  for (const resource of query.resources) {
    const namespace = everywhere || !resource.namespaced ? undefined : session.namespace;
    const optional = (value: string): string | undefined => (value === "" ? undefined : value);
    const selectors = {
      labelSelector: optional(text("selector")),
      fieldSelector: optional(text("field-selector")),
    };
    const list = await session.api.list({ resource, namespace }, { query: selectors });
    for (const live of list["items"] as UnstructuredObject[]) {
      found.push({ resource, namespace: live.metadata.namespace, name: live.metadata.name ?? "", live });
    }
  }
  return found;
}

async function getEach(
  get: (target: Target) => Promise<UnstructuredObject>,
  targets: readonly Target[],
): Promise<LiveTarget[]> {
  const found: LiveTarget[] = [];
  for (const target of targets) found.push({ ...target, live: await get(target) });
  return found;
}

export interface KeyChanges {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  /** The arguments before them: the resources. */
  readonly rest: readonly string[];
}

/** `TYPE NAME KEY=VALUE KEY-`: from the first argument that changes something on, all must. */
export function splitChanges(args: readonly string[], what: string): KeyChanges {
  const isChange = (arg: string): boolean => (arg.includes("=") && !arg.startsWith("=")) || arg.endsWith("-");
  // Resource names end in no dash, and hold no equals sign.
  const start = args.findIndex(isChange);
  const changes = start < 0 ? [] : args.slice(start);
  const set: Record<string, string> = {};
  const remove: string[] = [];
  for (const change of changes) {
    const equals = change.indexOf("=");
    if (equals > 0) set[change.slice(0, equals)] = change.slice(equals + 1);
    else if (change.endsWith("-")) remove.push(change.slice(0, -1));
    else throw new KubectlError(`all resources must be specified before ${what} changes: ${change}`);
  }
  for (const key of remove) {
    if (set[key] !== undefined)
      throw new KubectlError(`can not both modify and remove a ${what} in the same command`);
  }
  return { set, remove, rest: start < 0 ? args : args.slice(0, start) };
}

/** What turns one state of an object into another: lists are merged by their keys where the kind is known. */
export function patchBetween(
  from: UnstructuredObject,
  to: UnstructuredObject,
): { readonly type: PatchType; readonly patch: unknown } {
  const scheme = builtinScheme();
  const info = scheme.resourceForKind({ ...parseApiVersion(from.apiVersion), kind: from.kind });
  const schema = info === undefined ? undefined : scheme.schemas.get(info.schemaName);
  if (schema === undefined) return { type: "merge", patch: createMergePatch(from, to) };
  return { type: "strategic", patch: createThreeWayPatch(from, to, from, schema, scheme.schemas) };
}
