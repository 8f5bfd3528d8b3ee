import { duplicate, forbidden, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, pathSegmentErrors } from "../../../apimachinery/names.ts";
import type {
  MutatingAdmissionPolicyBinding,
  ParamRef,
  ValidatingAdmissionPolicyBinding,
} from "../../types/admissionregistration-v1.ts";
import { checkName, type Errors, isEmpty, list, text } from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkMatchResources, checkMutatingOperations } from "./match-rules.ts";

/** Where policies hold, with which parameters. */
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

/** Of the beta version the spec itself may be left out. */
function specOf<T extends Binding>(binding: T): Partial<T["spec"]> {
  return (binding as { readonly spec?: T["spec"] }).spec ?? {};
}

function checkBinding(binding: Binding, errors: Errors): void {
  const spec = specOf(binding);
  if (isEmpty(spec.policyName)) errors.push(required("spec.policyName"));
  else checkName(spec.policyName, dns1123SubdomainErrors, "spec.policyName", errors);
  if (spec.paramRef !== undefined) checkParamRef(spec.paramRef, "spec.paramRef", errors);
  checkMatchResources(spec.matchResources, "spec.matchResources", errors);
}

export function checkMutatingBinding(binding: MutatingAdmissionPolicyBinding, errors: Errors): void {
  checkBinding(binding, errors);
  checkMutatingOperations(specOf(binding).matchResources, "spec.matchResources", errors);
}

const actions = ["Audit", "Deny", "Warn"];

export function checkValidatingBinding(binding: ValidatingAdmissionPolicyBinding, errors: Errors): void {
  checkBinding(binding, errors);
  const path = "spec.validationActions";
  const found = list(specOf(binding).validationActions);
  found.forEach((action, index) => {
    const where = `${path}[${index}]`;
    if (!actions.includes(action)) errors.push(notSupported(where, action, actions));
    if (found.indexOf(action) < index) errors.push(duplicate(where, action));
  });
  if (found.includes("Deny") && found.includes("Warn")) {
    const detail =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(invalid(path, found, detail));
  }
  if (found.length === 0) errors.push(required(path, "at least one validation action is required"));
}

function checkParamRef(reference: ParamRef, path: string, errors: Errors): void {
  const { name, selector, parameterNotFoundAction: action } = reference;
  const both = "name and selector are mutually exclusive";
  if (!isEmpty(name)) {
    checkName(name, pathSegmentErrors, `${path}.name`, errors);
    if (selector !== undefined) errors.push(forbidden(`${path}.name`, both));
  }
  if (selector !== undefined) {
    checkLabelSelector(selector, `${path}.selector`, errors);
    if (!isEmpty(name)) errors.push(forbidden(`${path}.selector`, both));
  } else if (isEmpty(name)) errors.push(required(path, "one of name or selector must be specified"));
  const where = `${path}.parameterNotFoundAction`;
  const supported = ["Deny", "Allow"];
  if (isEmpty(action)) errors.push(required(where));
  else if (!supported.includes(text(action))) errors.push(notSupported(where, text(action), supported));
}
