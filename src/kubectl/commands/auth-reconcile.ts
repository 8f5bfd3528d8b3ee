import type { PolicyRule } from "../../api/types/rbac-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { outcomePrinterFor, printFlags } from "../printers/index.ts";
import { filenameFlags, hasFiles, readTargets, type Target } from "../resource-builder.ts";
import { dryRunFlag, dryRunOf } from "../writing.ts";

export const reconcileCommand: KubectlCommand = {
  usage: "-f FILENAME",
  summary: "Reconciles rules for RBAC role, role binding, cluster role, and cluster role binding objects",
  flags: {
    ...printFlags,
    ...filenameFlags,
    ...dryRunFlag,
    "remove-extra-permissions": { type: "bool", help: "take away what the file does not give" },
    "remove-extra-subjects": { type: "bool", help: "take out whom the file does not name" },
  },
  run: reconcile,
};

async function reconcile(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  if (!hasFiles(flags)) throw new KubectlError("must specify one of -f and -k");
  const print = await outcomePrinterFor(flags);
  for (const target of await readTargets(session, flags)) {
    const wanted = target.object;
    // Other kinds that a file holds beside them are passed over.
    if (wanted === undefined || target.resource.group !== "rbac.authorization.k8s.io") continue;
    await ensureNamespace(context, target);
    const isBinding = wanted.kind.endsWith("Binding");
    const live = await session.api.get(target).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    io.out(print(await (isBinding ? binding : role)(context, target, wanted, live), "reconciled"));
  }
}

async function ensureNamespace({ session, flags }: CommandContext, { namespace }: Target): Promise<void> {
  if (namespace === undefined || dryRunOf(flags) !== "none") return;
  try {
    await session.api.get({ resource: resources.namespaces, name: namespace });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await session.api.create(
      { resource: resources.namespaces },
      { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    );
  }
}

type Write = (
  context: CommandContext,
  target: Target,
  wanted: UnstructuredObject,
  live: UnstructuredObject | undefined,
) => Promise<UnstructuredObject>;

const queryOf = ({ flags }: CommandContext) => ({ dryRun: dryRunOf(flags) === "server" ? "All" : undefined });

async function save(
  context: CommandContext,
  target: Target,
  next: UnstructuredObject,
  live: UnstructuredObject | undefined,
): Promise<UnstructuredObject> {
  const { session, flags } = context;
  if (dryRunOf(flags) === "client" || (live !== undefined && deepEqual(next, live))) return next;
  if (live === undefined) return await session.api.create(target, next, queryOf(context));
  return await session.api.replace(target, next, queryOf(context));
}

function merged(live: UnstructuredObject, wanted: UnstructuredObject): UnstructuredObject["metadata"] {
  const { labels, annotations } = wanted.metadata;
  return {
    ...live.metadata,
    ...(labels === undefined ? {} : { labels: { ...live.metadata.labels, ...labels } }),
    ...(annotations === undefined ? {} : { annotations: { ...live.metadata.annotations, ...annotations } }),
  };
}

const role: Write = async (context, target, wanted, live) => {
  if (live === undefined) return await save(context, target, wanted, live);
  const rules = (object: UnstructuredObject): PolicyRule[] => (object["rules"] ?? []) as PolicyRule[];
  const missing = rules(wanted)
    .flatMap(piecesOf)
    .filter((piece) => !covers(rules(live), piece));
  const removes = context.flags.bool("remove-extra-permissions");
  const kept = removes ? rules(wanted) : [...rules(live), ...missing];
  const aggregated =
    wanted["aggregationRule"] === undefined ? {} : { aggregationRule: wanted["aggregationRule"] };
  const next = { ...live, metadata: merged(live, wanted), rules: kept, ...aggregated };
  return await save(context, target, next, live);
};

/** A rule as the single permissions that it gives. */
function piecesOf(rule: PolicyRule): PolicyRule[] {
  const pieces: PolicyRule[] = [];
  for (const verb of rule.verbs) {
    for (const url of rule.nonResourceURLs ?? []) pieces.push({ verbs: [verb], nonResourceURLs: [url] });
    for (const apiGroup of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        const piece = { verbs: [verb], apiGroups: [apiGroup], resources: [resource] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) pieces.push(piece);
        for (const name of names) pieces.push({ ...piece, resourceNames: [name] });
      }
    }
  }
  return pieces;
}

function covers(rules: readonly PolicyRule[], piece: PolicyRule): boolean {
  const holds = (list: readonly string[] | undefined, wanted: readonly string[] | undefined): boolean =>
    (wanted ?? []).every((text) => list?.includes(text) === true || list?.includes("*") === true);
  return rules.some(
    (rule) =>
      holds(rule.verbs, piece.verbs) &&
      holds(rule.apiGroups, piece.apiGroups) &&
      holds(rule.resources, piece.resources) &&
      holds(rule.nonResourceURLs, piece.nonResourceURLs) &&
      ((rule.resourceNames ?? []).length === 0 ||
        (piece.resourceNames !== undefined && holds(rule.resourceNames, piece.resourceNames))),
  );
}

const binding: Write = async (context, target, wanted, live) => {
  const { session, flags } = context;
  if (live === undefined) return await save(context, target, wanted, live);
  if (!deepEqual(live["roleRef"], wanted["roleRef"])) {
    // What a binding leads to cannot be changed.
    if (dryRunOf(flags) === "client") return wanted;
    await session.api.delete(target, { kind: "DeleteOptions", apiVersion: "v1" }, queryOf(context));
    return await session.api.create(target, wanted, queryOf(context));
  }
  const subjects = (object: UnstructuredObject): unknown[] => (object["subjects"] ?? []) as unknown[];
  const missing = subjects(wanted).filter((one) => !subjects(live).some((known) => deepEqual(known, one)));
  const kept = flags.bool("remove-extra-subjects") ? subjects(wanted) : [...subjects(live), ...missing];
  return await save(context, target, { ...live, metadata: merged(live, wanted), subjects: kept }, live);
};
