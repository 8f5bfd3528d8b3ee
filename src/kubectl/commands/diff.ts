import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { printYaml } from "../../apimachinery/yaml.ts";
import { lastApplied, threeWayPatch, withLastApplied } from "../apply/apply-object.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { ExitError, KubectlError, plainText } from "../errors.ts";
import { getIfPresent } from "../pod-selection.ts";
import { filenameFlags, hasFiles, readTargets, type Target } from "../resource-builder.ts";

export const diffCommand: KubectlCommand = {
  usage: "-f FILENAME",
  summary: "Diff the live version against a would-be applied version",
  flags: {
    ...filenameFlags,
    "server-side": { type: "bool", help: "let the server merge" },
    "force-conflicts": { type: "bool", help: "take fields that others own; with --server-side" },
    "field-manager": { type: "string", default: "kubectl-client-side-apply", help: "who owns the fields" },
    selector: { type: "string", short: "l", help: "label selector for the objects of the files" },
    "show-managed-fields": { type: "bool", help: "with managedFields" },
    concurrency: { type: "int", default: 1, help: "accepted" },
    prune: { type: "bool", help: "not supported" },
  },
  run: diff,
};

/** An exit code above 1 says that it went wrong; 1, that there are differences. */
async function diff(context: CommandContext): Promise<number> {
  try {
    return await compare(context);
  } catch (error) {
    if (error instanceof ExitError) throw error;
    throw new KubectlError(plainText(error), { exitCode: 2, cause: error });
  }
}

async function compare(context: CommandContext): Promise<number> {
  const { flags, session, io } = context;
  if (!hasFiles(flags)) throw new KubectlError("must specify one of -f and -k");
  if (flags.bool("prune")) throw new KubectlError("--prune is not supported by this client");
  const { parseLabelSelector } = await import("../../apimachinery/labels.ts");
  const selector = parseLabelSelector(flags.string("selector"));
  const live = mkdtempSync(join(tmpdir(), "LIVE-"));
  const merged = mkdtempSync(join(tmpdir(), "MERGED-"));
  try {
    for (const target of await readTargets(session, flags)) {
      if (!selector.matches(target.object?.metadata.labels)) continue;
      const current = await getIfPresent(session, target);
      const wanted = await applied(context, target, current);
      const file = fileName(target);
      writeFileSync(join(live, file), current === undefined ? "" : text(context, current, wanted));
      writeFileSync(join(merged, file), text(context, wanted, current));
    }
    return runDiff(io, live, merged);
  } finally {
    rmSync(live, { recursive: true, force: true });
    rmSync(merged, { recursive: true, force: true });
  }
}

function fileName({ resource, namespace = "", name }: Target): string {
  const group = resource.group === "" ? "" : `${resource.group}.`;
  return `${group}${resource.version}.${resource.kind}.${namespace}.${name}`;
}

/** What the server would make of it; nothing is written. */
async function applied(
  { session, flags }: CommandContext,
  target: Target,
  current: UnstructuredObject | undefined,
): Promise<UnstructuredObject> {
  const object = target.object as UnstructuredObject;
  const query = { dryRun: "All", fieldManager: flags.string("field-manager") };
  if (flags.bool("server-side")) {
    const fieldManager = flags.changed("field-manager") ? query.fieldManager : "kubectl";
    const force = flags.bool("force-conflicts") ? "true" : "false";
    return await session.api.patch(target, "apply", object, { ...query, fieldManager, force });
  }
  const modified = withLastApplied(object);
  if (current === undefined) return await session.api.create(target, modified, query);
  const { patch, type } = threeWayPatch(current, modified);
  return Object.keys(patch as object).length === 0
    ? current
    : await session.api.patch(target, type, patch, query);
}

/** Without what differs for no reason of the user's; the values of secrets as stars that tell whether they differ. */
function text(
  { flags }: CommandContext,
  object: UnstructuredObject,
  other: UnstructuredObject | undefined,
): string {
  const { managedFields, ...metadata } = object.metadata;
  const { [lastApplied]: _, ...annotations } = metadata.annotations ?? {};
  const shownMeta = {
    ...metadata,
    ...(flags.bool("show-managed-fields") ? { managedFields } : {}),
    ...(metadata.annotations === undefined ? {} : { annotations }),
  };
  if (Object.keys(annotations).length === 0) delete shownMeta.annotations;
  const shown: Record<string, unknown> = { ...object, metadata: shownMeta };
  if (object.kind === "Secret" && isObject(object["data"])) {
    const others = isObject(other?.["data"]) ? other["data"] : {};
    const isLive = other === undefined || other.metadata.resourceVersion !== undefined;
    shown["data"] = Object.fromEntries(
      Object.entries(object["data"]).map(([key, value]) => {
        const same = others[key] === undefined || others[key] === value;
        return [key, same ? "***" : isLive ? "*** (after)" : "*** (before)"];
      }),
    );
  }
  return printYaml(shown);
}

function runDiff(io: CommandContext["io"], live: string, merged: string): number {
  const external = io.environment["KUBECTL_EXTERNAL_DIFF"] ?? "";
  const [program = "diff", ...options] = external === "" ? ["diff", "-u", "-N"] : external.split(/\s+/);
  const result = spawnSync(program, [...options, live, merged], { encoding: "buffer", maxBuffer: 1 << 30 });
  if (result.error !== undefined) {
    throw new KubectlError(
      `failed to run ${JSON.stringify(program)}: exec: ${JSON.stringify(program)}: executable file not found in $PATH`,
      { exitCode: 2 },
    );
  }
  io.out(result.stdout);
  io.err(result.stderr);
  const code = result.status ?? 2;
  if (code !== 0) throw new ExitError(code);
  return 0;
}
