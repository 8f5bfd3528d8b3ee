import { parseDurationMs } from "../apimachinery/duration.ts";
import { GoTemplate } from "../apimachinery/go-template/go-template.ts";
import { isObject } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { parseTime } from "../apimachinery/time.ts";
import { boolType, CelCompileError, CelEnvironment, dynType } from "../cel/index.ts";
import { type JqQuery, parseJq } from "./jq.ts";
import { type TemplateWorld, templateFunctions } from "./template-functions.ts";

/** kwok's description of a step in the life of objects, as far as it is looked at here. */
export interface StageObject extends KubernetesObject {
  readonly spec?: unknown;
}

/** What happens to an object, in order. */
export type Step =
  | { readonly kind: "event"; readonly type: string; readonly reason: string; readonly message: Template }
  | {
      readonly kind: "finalizers";
      readonly add: readonly string[];
      readonly remove: readonly string[];
      readonly empty: boolean;
    }
  | { readonly kind: "delete" }
  | {
      readonly kind: "patch";
      readonly type: "json" | "merge" | "strategic" | undefined;
      readonly subresource: string;
      readonly root: string;
      readonly template: Template;
    };

type Template = (object: KubernetesObject) => string;

/** A Stage that is understood. */
export interface Stage {
  readonly name: string;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly steps: readonly Step[];
  matches(object: KubernetesObject): boolean;
  /** Undefined where the object's own weight cannot be read. */
  weight(object: KubernetesObject): number | undefined;
  delayMs(object: KubernetesObject, nowMs: number, random: Random): number;
}

/** Why a Stage cannot be followed. */
export class StageRefused extends Error {
  override readonly name = "StageRefused";
}

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (isObject(value) ? value : {});
const items = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const texts = (value: unknown): string[] => items(value).map(text);

/** What this follows; anything else is refused by name, as leaving it out would make something else of the Stage. */
const known = {
  spec: ["resourceRef", "selector", "weight", "weightFrom", "delay", "next", "steps", "immediateNextStage"],
  next: ["event", "finalizers", "delete", "patches", "statusTemplate", "statusSubresource", "statusPatchAs"],
  step: ["event", "finalizers", "delete", "patch"],
  selector: ["matchLabels", "matchAnnotations", "matchExpressions"],
};

/** Reads a Stage. Throws StageRefused. */
export function readStage({ metadata, spec }: StageObject, world: TemplateWorld): Stage {
  const given = fields(spec);
  onlyKnown("spec", given, known.spec);
  const { apiGroup, kind } = fields(given["resourceRef"]);
  if (text(kind) === "") throw new StageRefused("spec.resourceRef.kind is missing");
  return {
    name: metadata.name ?? "",
    apiVersion: text(apiGroup) === "" ? "v1" : text(apiGroup),
    kind: text(kind),
    matches: matcher(given["selector"]),
    weight: weigher(given),
    delayMs: delayer(fields(given["delay"])),
    steps:
      given["steps"] === undefined
        ? stepsOfNext(fields(given["next"]), world)
        : stepsOf(given["steps"], world),
  };
}

function onlyKnown(where: string, given: Fields, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new StageRefused(`${where}.${unknown} is not supported`);
}

function query(where: string, expression: string): JqQuery {
  try {
    return parseJq(expression);
  } catch (error) {
    throw new StageRefused(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** An expression in either of its forms: `{ expressionFrom }`, `{ jq: { expression } }`. */
function expressionOf(where: string, given: unknown): JqQuery | undefined {
  if (given === undefined) return undefined;
  const { expressionFrom, jq, ...others } = fields(given);
  const [other] = Object.keys(others);
  if (other !== undefined) throw new StageRefused(`${where}.${other} is not supported`);
  const expression = text(expressionFrom ?? fields(jq)["expression"]);
  return expression === "" ? undefined : query(where, expression);
}

type Condition = (object: KubernetesObject) => boolean;

/** Without a selector a Stage matches nothing; with an empty one, everything. */
function matcher(selector: unknown): Condition {
  if (!isObject(selector)) return () => false;
  onlyKnown("spec.selector", selector, known.selector);
  const conditions: Condition[] = items(selector["matchExpressions"]).map((expression, at) =>
    conditionOf(`spec.selector.matchExpressions[${at}]`, fields(expression)),
  );
  for (const [name, of] of [
    ["matchLabels", ({ metadata }: KubernetesObject) => metadata.labels],
    ["matchAnnotations", ({ metadata }: KubernetesObject) => metadata.annotations],
  ] as const) {
    const wanted = Object.entries(fields(selector[name]));
    if (wanted.length > 0)
      conditions.push((object) => wanted.every(([key, value]) => of(object)?.[key] === value));
  }
  return (object) => conditions.every((holds) => holds(object));
}

const environment = new CelEnvironment({ variables: { self: dynType } });

function conditionOf(where: string, given: Fields): Condition {
  const cel = given["expression"] ?? fields(given["cel"])["expression"];
  if (typeof cel === "string") {
    const program = environment.compile(cel, { outputTypes: [boolType, dynType] });
    if (program instanceof CelCompileError) throw new StageRefused(`${where}: ${program.message}`);
    return (object) => program.evaluate({ self: object }).value === true;
  }
  const { key, operator, values } = isObject(given["jq"]) ? given["jq"] : given;
  const find = query(where, text(key));
  const wanted = texts(values);
  const has = (value: unknown): boolean => value !== null && value !== undefined;
  const isWanted = (value: unknown): boolean =>
    (typeof value === "string" || typeof value === "boolean" || typeof value === "number") &&
    wanted.includes(String(value));
  switch (operator) {
    case "In":
      return (object) => find(object).some(isWanted);
    case "NotIn":
      return (object) => !find(object).some(isWanted);
    case "Exists":
      return (object) => find(object).some(has);
    case "DoesNotExist":
      return (object) => !find(object).some(has);
    default:
      throw new StageRefused(`${where}: operator ${JSON.stringify(operator)} is not supported`);
  }
}

function weigher({ weight, weightFrom }: Fields): Stage["weight"] {
  const fixed = typeof weight === "number" ? weight : 0;
  const find = expressionOf("spec.weightFrom", weightFrom);
  return (object) => {
    const value = find?.(object)[0];
    if (value === undefined || value === null) return fixed;
    const read = typeof value === "string" && /^[+-]?\d+$/.test(value) ? Number(value) : value;
    return typeof read === "number" ? Math.trunc(read) : undefined;
  };
}

type Time = (object: KubernetesObject, nowMs: number) => number | undefined;

function delayer(delay: Fields): Stage["delayMs"] {
  const after = timeOf("duration", delay);
  const latest = timeOf("jitterDuration", delay);
  return (object, nowMs, random) => {
    const afterMs = after(object, nowMs);
    if (afterMs === undefined) return 0;
    const latestMs = latest(object, nowMs) ?? afterMs;
    // The second bound being the lower one, it is what counts.
    const ms = latestMs <= afterMs ? latestMs : afterMs + random.next() * (latestMs - afterMs);
    return Math.max(0, Math.floor(ms));
  };
}

/** Of the fields `durationMilliseconds` and `durationFrom`: the latter may name a moment, or a length. */
function timeOf(name: string, delay: Fields): Time {
  const fixed = delay[`${name}Milliseconds`];
  const fixedMs = typeof fixed === "number" ? fixed : undefined;
  const find = expressionOf(`spec.delay.${name}From`, delay[`${name}From`]);
  return (object, nowMs) => {
    const value = find?.(object)[0];
    if (value === undefined || value === null) return fixedMs;
    if (typeof value !== "string") return undefined;
    const moment = parseTime(value);
    return moment === undefined ? parseDurationMs(value) : moment - nowMs;
  };
}

function stepsOfNext(next: Fields, world: TemplateWorld): Step[] {
  onlyKnown("spec.next", next, known.next);
  if (next["statusPatchAs"] !== undefined) throw new StageRefused("spec.next.statusPatchAs is not supported");
  const steps: Step[] = [];
  const where = "spec.next";
  if (next["event"] !== undefined) steps.push(eventStep(where, fields(next["event"]), world));
  if (next["finalizers"] !== undefined) steps.push(finalizersStep(fields(next["finalizers"])));
  if (next["delete"] === true) return [...steps, { kind: "delete" }];
  const template = text(next["statusTemplate"]);
  if (template !== "") {
    const subresource = text(next["statusSubresource"]);
    const patch = { root: "status", subresource: subresource === "" ? "status" : subresource, template };
    steps.push(patchStep(`${where}.statusTemplate`, patch, world));
  }
  for (const [at, patch] of items(next["patches"]).entries())
    steps.push(patchStep(`${where}.patches[${at}]`, fields(patch), world));
  return steps;
}

function stepsOf(list: unknown, world: TemplateWorld): Step[] {
  return items(list).flatMap((item, at): Step[] => {
    const where = `spec.steps[${at}]`;
    const step = fields(item);
    onlyKnown(where, step, known.step);
    const steps: Step[] = [];
    if (step["event"] !== undefined) steps.push(eventStep(where, fields(step["event"]), world));
    if (step["finalizers"] !== undefined) steps.push(finalizersStep(fields(step["finalizers"])));
    if (step["delete"] === true) return [...steps, { kind: "delete" }];
    if (step["patch"] !== undefined) steps.push(patchStep(`${where}.patch`, fields(step["patch"]), world));
    return steps;
  });
}

function eventStep(where: string, { type, reason, message }: Fields, world: TemplateWorld): Step {
  return {
    kind: "event",
    type: text(type) === "" ? "Normal" : text(type),
    reason: text(reason),
    message: template(`${where}.event.message`, text(message), world),
  };
}

const values = (list: unknown): string[] => items(list).map((item) => text(fields(item)["value"]));

const finalizersStep = ({ add, remove, empty }: Fields): Step => ({
  kind: "finalizers",
  add: values(add),
  remove: values(remove),
  empty: empty === true,
});

const patchTypes: readonly unknown[] = ["json", "merge", "strategic", undefined];

function patchStep(where: string, patch: Fields, world: TemplateWorld): Step {
  onlyKnown(where, patch, ["type", "subresource", "root", "template"]);
  const { type } = patch;
  if (!patchTypes.includes(type))
    throw new StageRefused(`${where}.type: ${JSON.stringify(type)} is not supported`);
  return {
    kind: "patch",
    type: type as (Step & { kind: "patch" })["type"],
    subresource: text(patch["subresource"]),
    root: text(patch["root"]),
    template: template(`${where}.template`, text(patch["template"]), world),
  };
}

/** Templates are read once and printed for one object after another. */
function template(where: string, source: string, world: TemplateWorld): Template {
  if (!source.includes("{{")) return () => source;
  let about: KubernetesObject | undefined;
  const functions = templateFunctions(world, () => about?.metadata.name ?? "");
  try {
    const parsed = new GoTemplate(source, { name: "stage", functions });
    return (object) => {
      about = object;
      return parsed.print(object);
    };
  } catch (error) {
    throw new StageRefused(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One of the Stages that match an object: by weight, or by chance where none has any. */
export function chooseStage(
  stages: readonly Stage[],
  object: KubernetesObject,
  random: Random,
): Stage | undefined {
  const matching = stages.filter((stage) => stage.matches(object));
  if (matching.length <= 1) return matching[0];
  const weighed = matching.map((stage) => ({ stage, weight: stage.weight(object) }));
  const readable = weighed.filter(({ weight }) => weight !== undefined);
  const heavy = readable.filter(({ weight = 0 }) => weight > 0);
  const total = heavy.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total === 0) {
    const equal = readable.length > 0 ? readable : weighed;
    return equal[Math.floor(random.next() * equal.length)]?.stage;
  }
  let left = random.next() * total;
  return heavy.find(({ weight = 0 }) => (left -= weight) < 0)?.stage ?? heavy.at(-1)?.stage;
}
