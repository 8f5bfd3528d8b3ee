import type { CustomResourceDefinition } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, invalid, required } from "../../../apimachinery/field-error.ts";
import { isProtectedGroup } from "./definition.ts";

const annotation = "api-approved.kubernetes.io";
const approvalPath = `metadata.annotations[${annotation}]`;
const proposal = "see https://github.com/kubernetes/enhancements/pull/1111";

/** Whether the community has approved of a definition in one of its groups, by what the annotation says. */
export interface Approval {
  readonly state: "approved" | "bypassed" | "missing" | "invalid";
  readonly reason: string;
}

export function approvalOf({ metadata }: CustomResourceDefinition): Approval {
  const value = metadata.annotations?.[annotation] ?? "";
  if (value === "") {
    const reason = `protected groups must have approval annotation "${annotation}", ${proposal}`;
    return { state: "missing", reason };
  }
  if (value.startsWith("unapproved")) {
    return { state: "bypassed", reason: `not approved: ${JSON.stringify(value)}` };
  }
  if (URL.canParse(value) && new URL(value).host !== "") {
    return { state: "approved", reason: `approved in ${value}` };
  }
  const reason = `protected groups must have approval annotation "${annotation}" with either a URL or a reason starting with "unapproved", ${proposal}`;
  return { state: "invalid", reason };
}

/** A state that was accepted before is accepted again. */
export function approvalErrors(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!isProtectedGroup(definition.spec.group)) return [];
  const { state, reason } = approvalOf(definition);
  if (old !== undefined && approvalOf(old).state === state) return [];
  if (state === "missing") return [required(approvalPath, reason)];
  if (state !== "invalid") return [];
  return [invalid(approvalPath, definition.metadata.annotations?.[annotation], reason)];
}
