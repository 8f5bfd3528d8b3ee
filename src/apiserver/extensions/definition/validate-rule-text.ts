import type { JSONSchemaProps, ValidationRule } from "../../../api/types/apiextensions-v1.ts";
import { type FieldError, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { findField } from "../schema/field-path.ts";
import { SchemaNode } from "../schema/schema-node.ts";
import { structuralProblem } from "../schema/structural-rules.ts";

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
const hasLineBreak = (text: string): boolean => /[\n\r]/.test(text);

export function ruleTextErrors(rule: ValidationRule, schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { message = "", messageExpression = "", fieldPath = "", reason } = rule;
  const messagePath = `${path}.message`;
  if (rule.rule.trim() === "") errors.push(required(`${path}.rule`, "rule is not specified"));
  else if (message !== "" && message.trim() === "") {
    errors.push(invalid(messagePath, message, "must be non-empty if specified"));
  } else if (hasLineBreak(message.trim())) {
    errors.push(invalid(messagePath, message, "must not contain line breaks"));
  } else if (hasLineBreak(rule.rule.trim()) && message.trim() === "") {
    errors.push(required(messagePath, "message must be specified if rule contains line breaks"));
  }
  if (messageExpression !== "" && messageExpression.trim() === "") {
    const why = "messageExpression must be non-empty if specified";
    errors.push(required(`${path}.messageExpression`, why));
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(notSupported(`${path}.reason`, reason, reasons));
  }
  if (fieldPath === "") return errors;
  const where = `${path}.fieldPath`;
  if (fieldPath.trim() === "") errors.push(invalid(where, fieldPath, "must be non-empty if specified"));
  if (hasLineBreak(fieldPath)) errors.push(invalid(where, fieldPath, "must not contain line breaks"));
  if (
    structuralProblem(schema) === undefined &&
    typeof findField(fieldPath, new SchemaNode(schema)) === "string"
  ) {
    errors.push(invalid(where, fieldPath, "must be a valid path"));
  }
  return errors;
}

/** A rule as Kubernetes shows it: with the names that its parts have inside. */
export const shownRule = (rule: ValidationRule): object => ({
  Rule: rule.rule,
  Message: rule.message ?? "",
  MessageExpression: rule.messageExpression ?? "",
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? "",
  OptionalOldSelf: rule.optionalOldSelf ?? null,
});
