import { isObject } from "../apimachinery/json.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { parseYaml } from "../apimachinery/yaml.ts";
import { type Fields, fields, items, onlyKnown, StageRefused, text } from "./fields.ts";
import { readTemplate, type TemplateWorld } from "./template.ts";

/** What is done to the world, of one object and one step of its Stage. */
export type Move =
  | { readonly kind: "event"; readonly type: string; readonly reason: string; readonly message: string }
  | { readonly kind: "delete" }
  | ({ readonly kind: "patch" } & Change & { readonly type: "json" | "merge" | "strategic" })
  /** Of an object of its own: made where it is not there. */
  | ({ readonly kind: "apply" } & Change & { readonly type: "apply" | "merge" | "strategic" });

interface Change {
  readonly subresource: string;
  readonly body: unknown;
  /** In whose name; empty for that of Stages. */
  readonly asUser: string;
}

/** Undefined where there is nothing to do. Throws what the template does, and for what is no YAML. */
export type Step = (object: KubernetesObject) => Move | undefined;

/** The steps of a Stage in either of its forms, in order. Throws StageRefused. */
export function readSteps({ steps, next }: Fields, world: TemplateWorld): Step[] {
  const read =
    items(steps).length > 0
      ? items(steps).flatMap((step, at) => readStep(`spec.steps[${at}]`, fields(step), world))
      : readNext(fields(next), world);
  // Of what is gone no more than events are left.
  const deletes = read.findIndex(({ kind }) => kind === "delete");
  return read
    .filter(({ kind }, at) => deletes < 0 || at <= deletes || kind === "event")
    .map(({ step }) => step);
}

interface KnownStep {
  readonly kind: Move["kind"];
  readonly step: Step;
}

const deletion: KnownStep = { kind: "delete", step: () => ({ kind: "delete" }) };

function readNext(next: Fields, world: TemplateWorld): KnownStep[] {
  const { event, finalizers, delete: isDeleted, patches, ...status } = next;
  onlyKnown("spec.next", status, ["statusTemplate", "statusSubresource", "statusPatchAs"]);
  const where = "spec.next";
  const patch =
    items(patches).length > 0
      ? items(patches).flatMap((given, at) => readPatch(`${where}.patches[${at}]`, fields(given), world))
      : readStatus(where, status, world);
  return [
    ...readStep(where, { event, finalizers }, world),
    ...patch,
    ...readStep(where, { delete: isDeleted }, world),
  ];
}

function readStatus(where: string, status: Fields, world: TemplateWorld): KnownStep[] {
  const { statusTemplate, statusSubresource, statusPatchAs } = status;
  if (text(statusTemplate) === "") return [];
  const subresource = statusSubresource === undefined ? "status" : text(statusSubresource);
  const patch = { root: "status", subresource, template: statusTemplate, impersonation: statusPatchAs };
  return readPatch(`${where}.statusTemplate`, patch, world);
}

function readStep(where: string, given: Fields, world: TemplateWorld): KnownStep[] {
  const { event, finalizers, delete: isDeleted, patch, apply, ...others } = given;
  onlyKnown(where, others, []);
  return [
    ...(event === undefined ? [] : [readEvent(fields(event))]),
    ...(finalizers === undefined ? [] : [readFinalizers(fields(finalizers))]),
    ...(isDeleted === true ? [deletion] : []),
    ...(patch === undefined ? [] : readPatch(`${where}.patch`, fields(patch), world)),
    ...(apply === undefined ? [] : readApply(`${where}.apply`, fields(apply), world)),
  ];
}

/** The message of an event is no template. */
function readEvent({ type, reason, message }: Fields): KnownStep {
  const move = { kind: "event", type: text(type), reason: text(reason), message: text(message) } as const;
  return { kind: "event", step: () => move };
}

const values = (list: unknown): string[] => items(list).map((item) => text(fields(item)["value"]));

function readFinalizers({ add, remove, empty }: Fields): KnownStep {
  const [added, removed] = [values(add), values(remove)];
  return {
    kind: "patch",
    step({ metadata: { finalizers = [] } }) {
      const kept = empty === true ? [] : finalizers.filter((finalizer) => !removed.includes(finalizer));
      const wanted = [...kept, ...added.filter((finalizer) => !kept.includes(finalizer))];
      if (wanted.join() === finalizers.join()) return undefined;
      const path = "/metadata/finalizers";
      // Whoever has changed them meanwhile is not overruled.
      const asSeen = finalizers.length > 0 ? [{ op: "test", path, value: finalizers }] : [];
      const change = wanted.length > 0 ? { op: "add", path, value: wanted } : { op: "remove", path };
      return { kind: "patch", type: "json", subresource: "", body: [...asSeen, change], asUser: "" };
    },
  };
}

const userOf = (impersonation: unknown): string => text(fields(impersonation)["username"]);

/** As a field of the Stage says, or as kwok takes it where none does: Pods and Nodes are known to it in full. */
const patchTypeOf = (type: unknown, { apiVersion, kind }: KubernetesObject): "merge" | "strategic" =>
  type === "merge" || type === "strategic"
    ? type
    : type === undefined && apiVersion === "v1" && (kind === "Pod" || kind === "Node")
      ? "strategic"
      : "merge";

function readPatch(where: string, patch: Fields, world: TemplateWorld): KnownStep[] {
  onlyKnown(where, patch, ["type", "subresource", "root", "template", "impersonation"]);
  const { type } = patch;
  onlyTypes(where, type, ["json", "merge", "strategic"]);
  const print = readTemplate(`${where}.template`, text(patch["template"]), world);
  const change = { subresource: text(patch["subresource"]), asUser: userOf(patch["impersonation"]) };
  const root = text(patch["root"]);
  const step: Step = (object) => {
    const made = parseYaml(print(object)) ?? {};
    if (type === "json")
      return { kind: "patch", ...change, type, body: root === "" ? made : below(root, made) };
    const body = root === "" ? made : { [root]: made };
    return { kind: "patch", ...change, type: patchTypeOf(type, object), body };
  };
  return [{ kind: "patch", step }];
}

/** Paths of a JSON patch that count from a field. */
const below = (root: string, operations: unknown): unknown =>
  items(operations).map((operation) => ({
    ...fields(operation),
    path: `/${root}${text(fields(operation)["path"])}`,
  }));

function readApply(where: string, apply: Fields, world: TemplateWorld): KnownStep[] {
  onlyKnown(where, apply, ["type", "subresource", "template", "impersonation"]);
  const given = apply["type"];
  onlyTypes(where, given, ["apply", "merge", "strategic"]);
  const type: "apply" | "merge" | "strategic" = given === "merge" || given === "strategic" ? given : "apply";
  const print = readTemplate(`${where}.template`, text(apply["template"]), world);
  const change = { subresource: text(apply["subresource"]), asUser: userOf(apply["impersonation"]) };
  const step: Step = (object) => {
    const body = parseYaml(print(object));
    if (!isObject(body) || text(body["apiVersion"]) === "" || text(body["kind"]) === "")
      throw new Error(`${where}: the template must have apiVersion and kind`);
    return { kind: "apply", ...change, type, body };
  };
  return [{ kind: "apply", step }];
}

function onlyTypes(where: string, type: unknown, types: readonly string[]): void {
  if (type !== undefined && !types.includes(text(type)))
    throw new StageRefused(`${where}.type: ${JSON.stringify(type)} is not supported`);
}
