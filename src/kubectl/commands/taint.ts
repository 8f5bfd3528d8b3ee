import type { Node, Taint } from "../../api/types/core-v1.ts";
import { labelValueErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { liveTargets, modifyFlags, selectionFlags } from "../modifying.ts";
import { nameOf, printerFor } from "../printers/index.ts";
import { resourceOf } from "../resource-builder.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

export const taintCommand: KubectlCommand = {
  usage: "NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N",
  summary: "Update the taints on one or more nodes",
  flags: {
    ...modifyFlags("kubectl-taint"),
    ...selectionFlags,
    validate: { type: "string", default: "strict", optional: "strict", help: "strict, warn or ignore" },
    overwrite: { type: "bool", help: "change taints that exist" },
  },
  run: taint,
};

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

interface Removal {
  readonly key: string;
  /** Empty for all. */
  readonly effect: string;
}

async function taint(context: CommandContext): Promise<void> {
  const { args, session, path } = context;
  const start = args.findIndex((arg) => arg.includes("=") || arg.endsWith("-") || arg.includes(":"));
  const names = start < 0 ? args : args.slice(0, start);
  if (names.length === 0)
    throw new KubectlError(`one or more resources must be specified as <resource> <name>`);
  const [type = ""] = (names[0] ?? "").split("/");
  const resource = await resourceOf(session, type);
  if (start < 0) throw new KubectlError("at least one taint update is required");
  if (resource.resource !== "nodes" || resource.group !== "") {
    throw new KubectlError(`invalid resource type ${resource.resource}, only node types are supported`);
  }
  const { add, remove } = parseTaints(args.slice(start), path);
  const errors: unknown[] = [];
  for (const target of await liveTargets(context, names)) {
    try {
      await taintNode(context, target, add, remove);
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

function parseTaints(specs: readonly string[], path: string): { add: Taint[]; remove: Removal[] } {
  const add: Taint[] = [];
  const remove: Removal[] = [];
  const wrong = (why: string): never => {
    throw new KubectlError(`${why}\n${usageHint(path)}`);
  };
  for (const spec of specs) {
    if (spec.endsWith("-")) {
      const [key = "", effect = ""] = spec.slice(0, -1).split(":");
      if (effect !== "" && !effects.includes(effect))
        wrong(`invalid taint effect: ${effect}, unsupported taint effect`);
      remove.push({ key: key.split("=")[0] ?? key, effect });
      continue;
    }
    const [pair = "", effect, ...more] = spec.split(":");
    const [key = "", value = "", ...rest] = pair.split("=");
    const keyErrors = effect === undefined ? qualifiedNameErrors(spec) : qualifiedNameErrors(key);
    if (keyErrors.length > 0) wrong(`invalid taint spec: ${spec}, ${keyErrors.join("; ")}`);
    if (more.length > 0 || rest.length > 0 || effect === undefined) wrong(`invalid taint spec: ${spec}`);
    if (!effects.includes(effect ?? "")) wrong(`invalid taint effect: ${effect}, unsupported taint effect`);
    const valueErrors = labelValueErrors(value);
    if (valueErrors.length > 0) wrong(`invalid taint spec: ${spec}, ${valueErrors.join("; ")}`);
    if (add.some((known) => known.key === key && known.effect === effect))
      wrong(`duplicated taints with the same key and effect: {${key} ${value} ${effect} <nil>}`);
    add.push({ key, ...(value === "" ? {} : { value }), effect: effect ?? "" });
  }
  return { add, remove };
}

async function taintNode(
  { flags, session, io }: CommandContext,
  target: Awaited<ReturnType<typeof liveTargets>>[number],
  add: readonly Taint[],
  remove: readonly Removal[],
): Promise<void> {
  const isDry = dryRunOf(flags) === "client";
  const printer = await printerFor(flags);
  const current = (target.live as unknown as Node).spec?.taints ?? [];
  const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
  if (!flags.bool("overwrite") && add.some((taint) => current.some((known) => isSame(known, taint)))) {
    throw new KubectlError(
      `node ${target.name} already has a taint(s) with same effect(s) and --overwrite is false`,
    );
  }
  for (const { key, effect } of remove) {
    if (!current.some((known) => known.key === key && (effect === "" || known.effect === effect))) {
      throw new KubectlError(`taint ${JSON.stringify(effect === "" ? key : `${key}:${effect}`)} not found`);
    }
  }
  const kept = current.filter(
    (known) =>
      !remove.some(({ key, effect }) => known.key === key && (effect === "" || known.effect === effect)) &&
      !add.some((taint) => isSame(known, taint)),
  );
  const taints = [...add, ...kept];
  const isModified =
    add.length > 0 &&
    (remove.length > 0 || add.some((taint) => current.some((known) => isSame(known, taint))));
  const outcome = isModified ? "modified" : add.length > 0 ? "tainted" : "untainted";
  const patch = {
    metadata: { resourceVersion: target.live.metadata.resourceVersion },
    spec: { taints: taints.length === 0 ? null : taints },
  };
  const object = isDry ? target.live : await session.api.patch(target, "merge", patch, writeQuery(flags));
  // kubectl does not say here that it was a dry run.
  io.out(printer === undefined ? `${nameOf(object)} ${outcome}\n` : printer.print(object));
}
