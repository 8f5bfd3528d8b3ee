import { duplicate, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { parseJsonPath } from "../../../apimachinery/json-path/parser.ts";
import { dns1035LabelErrors, dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  AuditAnnotation,
  MutatingAdmissionPolicy,
  Mutation,
  ParamKind,
  ValidatingAdmissionPolicy,
  Validation,
  Variable,
} from "../../types/admissionregistration-v1.ts";
import {
  checkQualifiedName,
  type Errors,
  isEmpty,
  list,
  oneOf,
  optionalOneOf,
  requiredOneOf,
  same,
  text,
} from "../basics.ts";
import { checkConditions } from "../conditions.ts";
import { byteLength } from "../object-meta.ts";
import {
  checkMatchConditions,
  checkMatchResources,
  checkMutatingOperations,
  failurePolicies,
} from "./match-rules.ts";

/** Policies of admission. Expressions are compiled by the registry. */
type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;

const annotationsMax = 20;
const valueExpressionBytesMax = 5 * 1024;

export function checkValidatingPolicy(
  policy: ValidatingAdmissionPolicy,
  errors: Errors,
  old?: ValidatingAdmissionPolicy,
): void {
  const { validations, auditAnnotations } = specOf(policy);
  checkPolicy(policy, errors, old);
  if (list(validations).length + list(auditAnnotations).length === 0) {
    const detail = "validations or auditAnnotations must contain at least one item";
    errors.push(required("spec.validations", detail), required("spec.auditAnnotations", detail));
    return;
  }
  list(validations).forEach((validation, index) => {
    checkValidation(validation, `spec.validations[${index}]`, errors);
  });
  const annotations = list(auditAnnotations);
  if (annotations.length > annotationsMax) {
    const detail = `must not have more than ${annotationsMax} auditAnnotations`;
    errors.push(invalid("spec.auditAnnotations", annotations, detail));
  }
  const keys = annotations.map(({ key }) => text(key));
  annotations.forEach((annotation, index) => {
    const path = `spec.auditAnnotations[${index}]`;
    checkAnnotation(annotation, text(policy.metadata.name), path, errors);
    const key = keys[index] ?? "";
    if (keys.indexOf(key) < index) errors.push(duplicate(`${path}.key`, key));
  });
}

export function checkValidatingPolicyUpdate(
  now: ValidatingAdmissionPolicy,
  old: ValidatingAdmissionPolicy,
  errors: Errors,
): void {
  checkValidatingPolicy(now, errors, old);
}

/** Of the beta version the spec itself may be left out. */
function specOf<T extends Policy>(policy: T): Partial<T["spec"]> {
  return (policy as { readonly spec?: T["spec"] }).spec ?? {};
}

/** What both kinds share. */
function checkPolicy(policy: Policy, errors: Errors, old: Policy | undefined): void {
  const spec = specOf<Policy>(policy);
  if (spec.failurePolicy === undefined) errors.push(required("spec.failurePolicy"));
  optionalOneOf(spec.failurePolicy, failurePolicies, "spec.failurePolicy", errors);
  if (spec.paramKind !== undefined) checkParamKind(spec.paramKind, errors);
  const match = spec.matchConstraints;
  const path = "spec.matchConstraints";
  if (match === undefined) errors.push(required(path));
  else {
    checkMatchResources(match, path, errors);
    if (list(match.resourceRules).length === 0) errors.push(required(`${path}.resourceRules`));
    if ("mutations" in spec || "reinvocationPolicy" in spec) checkMutatingOperations(match, path, errors);
  }
  const isKept =
    old !== undefined &&
    same(spec.paramKind, specOf(old).paramKind) &&
    same(spec.matchConditions, specOf(old).matchConditions);
  if (!isKept) checkMatchConditions(spec.matchConditions, "spec.matchConditions", errors);
  list(spec.variables).forEach((variable, index) => {
    checkVariable(variable, `spec.variables[${index}]`, errors);
  });
}

function checkParamKind({ apiVersion, kind }: ParamKind, errors: Errors): void {
  const path = "spec.paramKind.apiVersion";
  const given = text(apiVersion);
  if (given === "") errors.push(required(path));
  else if (given.split("/").length > 2) {
    errors.push(invalid(path, given, `unexpected GroupVersion string: ${given}`));
  } else {
    const slash = given.indexOf("/");
    const [group, version] =
      given === "/" ? ["", ""] : [given.slice(0, Math.max(slash, 0)), given.slice(slash + 1)];
    const groupErrors = group === "" ? [] : dns1123SubdomainErrors(group);
    if (groupErrors.length > 0) errors.push(invalid(path, group, groupErrors.join(",")));
    const versionErrors = dns1035LabelErrors(version);
    if (version === "") errors.push(invalid(path, given, "version must be specified"));
    else if (versionErrors.length > 0) errors.push(invalid(path, version, versionErrors.join(",")));
  }
  if (isEmpty(kind)) {
    errors.push(required("spec.paramKind.kind"));
    return;
  }
  const kindErrors = dns1035LabelErrors(text(kind).toLowerCase());
  if (kindErrors.length === 0) return;
  const detail = `may have mixed case, but should otherwise match: ${kindErrors.join(",")}`;
  errors.push(invalid("spec.paramKind.kind", kind, detail));
}

const reserved = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

function checkVariable({ name, expression }: Variable, path: string, errors: Errors): void {
  const given = text(name);
  if (given.trim() === "") errors.push(required(`${path}.name`, "name is not specified"));
  else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(given) || reserved.has(given)) {
    errors.push(invalid(`${path}.name`, given, "must be a valid CEL identifier"));
  }
  if (text(expression).trim() === "") {
    errors.push(required(`${path}.expression`, "expression is not specified"));
  }
}

const reasons = ["Forbidden", "Invalid", "RequestEntityTooLarge"];

function checkValidation(validation: Validation, path: string, errors: Errors): void {
  const { expression, message, messageExpression, reason } = validation;
  if (text(expression).trim() === "") {
    errors.push(required(`${path}.expression`, "expression is not specified"));
  }
  const blank = "must be non-empty if specified";
  if (!isEmpty(messageExpression) && text(messageExpression).trim() === "") {
    errors.push(invalid(`${path}.messageExpression`, messageExpression, blank));
  }
  const trimmed = text(message).trim();
  if (!isEmpty(message) && trimmed === "") errors.push(invalid(`${path}.message`, message, blank));
  else if (/[\n\r]/.test(trimmed)) {
    errors.push(invalid(`${path}.message`, message, "must not contain line breaks"));
  }
  if (reason !== undefined) oneOf(reason, reasons, `${path}.reason`, errors);
}

function checkAnnotation(
  { key, valueExpression }: AuditAnnotation,
  policy: string,
  path: string,
  errors: Errors,
): void {
  if (policy === "") {
    errors.push(invalid(`${path}.key`, text(key), "requires metadata.name be non-empty"));
  } else checkQualifiedName(`${policy}/${text(key)}`, `${path}.key`, errors);
  const trimmed = text(valueExpression).trim();
  const where = `${path}.valueExpression`;
  if (trimmed === "") errors.push(required(where, "valueExpression is not specified"));
  else if (byteLength(trimmed) > valueExpressionBytesMax) {
    errors.push(required(where, `must not exceed ${valueExpressionBytesMax} bytes in length`));
  }
}

export function checkMutatingPolicy(
  policy: MutatingAdmissionPolicy,
  errors: Errors,
  old?: MutatingAdmissionPolicy,
): void {
  checkPolicy(policy, errors, old);
  const { mutations, reinvocationPolicy } = specOf(policy);
  if (list(mutations).length === 0) {
    errors.push(required("spec.mutations", "mutations must contain at least one item"));
  }
  list(mutations).forEach((mutation, index) => {
    checkMutation(mutation, `spec.mutations[${index}]`, errors);
  });
  requiredOneOf(reinvocationPolicy, ["IfNeeded", "Never"], "spec.reinvocationPolicy", errors);
}

export function checkMutatingPolicyUpdate(
  now: MutatingAdmissionPolicy,
  old: MutatingAdmissionPolicy,
  errors: Errors,
): void {
  checkMutatingPolicy(now, errors, old);
}

/** The field that belongs to each kind of patch. */
const patches = [
  ["ApplyConfiguration", "applyConfiguration"],
  ["JSONPatch", "jsonPatch"],
] as const;

function checkMutation(mutation: Mutation, path: string, errors: Errors): void {
  const type = text(mutation.patchType);
  const own = patches.find(([name]) => name === type);
  if (type === "") errors.push(required(`${path}.patchType`));
  else if (own === undefined) {
    errors.push(
      notSupported(
        `${path}.patchType`,
        type,
        patches.map(([name]) => name),
      ),
    );
  }
  if (own === undefined) return;
  const patch = mutation[own[1]];
  const where = `${path}.${own[1]}`;
  if (patch === undefined) errors.push(required(where, `must be specified when patchType is ${type}`));
  else if (text(patch.expression).trim() === "") errors.push(required(`${where}.expression`));
  for (const [, other] of patches) {
    if (other === own[1] || mutation[other] === undefined) continue;
    const detail = `must not be specified when patchType is ${type}`;
    errors.push(invalid(`${path}.${other}`, `{${other}}`, detail));
  }
}

export function checkPolicyStatus(
  { status }: ValidatingAdmissionPolicy,
  _old: unknown,
  errors: Errors,
): void {
  list(status?.typeChecking?.expressionWarnings).forEach(({ warning, fieldRef }, index) => {
    const path = `status.typeChecking.expressionWarnings[${index}]`;
    if (isEmpty(warning)) errors.push(required(`${path}.warning`));
    const reference = text(fieldRef).trim();
    const fault = reference === "" ? undefined : pathFault(reference);
    if (reference === "") errors.push(required(`${path}.fieldRef`));
    else if (fault !== undefined) {
      errors.push(invalid(`${path}.fieldRef`, reference, `invalid JSONPath: ${fault}`));
    }
  });
  checkConditions(status?.conditions, "status.conditions", errors);
}

/** Words that mean nothing are found out only when the path is walked. */
function pathFault(path: string): string | undefined {
  try {
    parseJsonPath(`{${path}}`);
    return undefined;
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error);
    const plain = fault.replace(`error parsing jsonpath {${path}}, `, "");
    return plain.startsWith("unrecognized identifier") ? undefined : plain;
  }
}
