import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from "../../api/types/apiextensions-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { caBundleError } from "../webhook/ca-bundle.ts";
import { invalidBundleReason, isProtectedGroup } from "./definition/definition.ts";
import { machinery } from "./load-machinery.ts";

type Condition = Omit<CustomResourceDefinitionCondition, "lastTransitionTime">;

/** Sets a condition among others; its time is that of the last change of its status. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: Condition,
  nowMs: number,
): CustomResourceDefinitionCondition[] {
  const old = conditions.find(({ type }) => type === condition.type);
  const since = old?.status === condition.status ? old.lastTransitionTime : formatTime(nowMs);
  const dated: CustomResourceDefinitionCondition = { lastTransitionTime: since, ...condition };
  if (old === undefined) return [...conditions, dated];
  return conditions.map((each) => (each === old ? { ...old, ...dated } : each));
}

/** Names that definitions of a group have taken. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

/** The names that the other definitions of the group hold. */
export function takenNames(others: Iterable<CustomResourceDefinition>): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const names = status?.acceptedNames;
    if (names === undefined) continue;
    for (const name of [names.plural, names.singular ?? "", ...(names.shortNames ?? [])]) resources.add(name);
    for (const kind of [names.kind, names.listKind ?? ""]) kinds.add(kind);
  }
  return { resources, kinds };
}

/** Names that are wanted, those that may be had, and the condition that says why not all of them. */
export function acceptNames(
  wanted: CustomResourceDefinitionNames,
  accepted: Partial<CustomResourceDefinitionNames>,
  taken: TakenNames,
): { names: CustomResourceDefinitionNames; condition: Condition } {
  const names: CustomResourceDefinitionNames = { plural: "", kind: "", ...accepted };
  let conflict: { reason: string; message: string } | undefined;
  const inUse = (name: string): string => `${JSON.stringify(name)} is already in use`;
  const take = (field: "plural" | "singular" | "kind" | "listKind", used: ReadonlySet<string>): void => {
    const name = wanted[field] ?? "";
    if (name === (accepted[field] ?? "") || !used.has(name)) {
      names[field] = name;
      return;
    }
    const reason = `${field.charAt(0).toUpperCase()}${field.slice(1)}Conflict`;
    conflict = { reason, message: inUse(name) };
  };
  take("plural", taken.resources);
  take("singular", taken.resources);
  const own = new Set(accepted.shortNames);
  const short = (wanted.shortNames ?? []).filter((name) => !own.has(name) && taken.resources.has(name));
  if (short.length === 0) {
    if (wanted.shortNames === undefined) delete names.shortNames;
    else names.shortNames = [...wanted.shortNames];
  } else {
    const texts = [...new Set(short.map(inUse))];
    const message = texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
    conflict = { reason: "ShortNamesConflict", message };
  }
  take("kind", taken.kinds);
  take("listKind", taken.kinds);
  if (wanted.categories === undefined) delete names.categories;
  else names.categories = [...wanted.categories];
  const { plural, singular, shortNames, kind, listKind, categories } = names;
  // In the order of the type.
  const ordered = {
    plural,
    ...(singular === undefined ? {} : { singular }),
    ...(shortNames === undefined ? {} : { shortNames }),
    kind,
    ...(listKind === undefined ? {} : { listKind }),
    ...(categories === undefined ? {} : { categories }),
  };
  const condition: Condition =
    conflict === undefined
      ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
      : { type: "NamesAccepted", status: "False", ...conflict };
  return { names: ordered, condition };
}

/** What the schemas of a definition are like. */
export interface Structure {
  /** Why they are not structural. */
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
}

export const structureOf = ({ spec }: CustomResourceDefinition): Structure => ({
  problem: machinery().nonStructuralReason(spec),
});

/**
 * The status that a definition is to have: names that it got, and whether it is established, structural and approved.
 * Kubernetes sets these one after the other; here they come together, and objects are served by the time anyone reads it.
 */
export function settledStatus(
  definition: CustomResourceDefinition,
  { problem }: Structure,
  taken: TakenNames,
  nowMs: number,
): NonNullable<CustomResourceDefinition["status"]> {
  const { spec, status = {} } = definition;
  const accepted = status.acceptedNames ?? { plural: "", kind: "" };
  let conditions = status.conditions ?? [];
  const set = (condition: Condition): void => {
    conditions = withCondition(conditions, condition, nowMs);
  };
  const { names, condition } = acceptNames(spec.names, accepted, taken);
  const hasNews =
    !deepEqual(spec.names, accepted) || !conditions.some(({ type }) => type === "NamesAccepted");
  if (hasNews) set(condition);
  const isEstablished = conditions.some(({ type, status: is }) => type === "Established" && is === "True");
  if (!isEstablished) set(established(condition.status === "True", hasInvalidBundle(definition)));
  const isTold = conditions.some(({ type }) => type === "NonStructuralSchema");
  if (problem !== undefined) {
    const isTrue = problem.reason === "Violations";
    set({ type: "NonStructuralSchema", status: isTrue ? "True" : "Unknown", ...problem });
  } else if (isTold) conditions = conditions.filter(({ type }) => type !== "NonStructuralSchema");
  if (isProtectedGroup(spec.group)) set(approval(definition));
  return { ...status, acceptedNames: hasNews ? names : accepted, conditions };
}

function established(hasNames: boolean, isBundleInvalid: boolean): Condition {
  const type = "Established";
  if (!hasNames)
    return { type, status: "False", reason: "NotAccepted", message: "not all names are accepted" };
  if (isBundleInvalid)
    return {
      type,
      status: "False",
      reason: invalidBundleReason,
      message: "The conversion webhook CABundle is invalid",
    };
  const message = "the initial names have been accepted";
  return { type, status: "True", reason: "InitialNamesAccepted", message };
}

/** The authorities by which the webhook that converts was to be known cannot be read. */
function hasInvalidBundle({ spec }: CustomResourceDefinition): boolean {
  const { caBundle = "" } = spec.conversion?.webhook?.clientConfig ?? {};
  return caBundle !== "" && caBundleError(caBundle) !== undefined;
}

function approval(definition: CustomResourceDefinition): Condition {
  const { state, reason: message } = machinery().approvalOf(definition);
  const type = "KubernetesAPIApprovalPolicyConformant";
  switch (state) {
    case "approved":
      return { type, status: "True", reason: "ApprovedAnnotation", message };
    case "bypassed":
      return { type, status: "False", reason: "UnapprovedAnnotation", message };
    case "missing":
      return { type, status: "False", reason: "MissingAnnotation", message };
    case "invalid":
      return { type, status: "False", reason: "InvalidAnnotation", message };
  }
}
