import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123LabelErrors, fullyQualifiedNameErrors } from "../../apimachinery/names.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from "../types/admissionregistration-v1.ts";
import { checkName, type Errors, isEmpty, list, optionalOneOf, text } from "./basics.ts";
import { checkLabelSelector } from "./label-selector.ts";

/** Webhooks and policies of admission. Expressions are compiled by the room that runs them. */
type Webhook = ValidatingWebhook | MutatingWebhook;

const sideEffects = ["None", "NoneOnDryRun"];
const operations = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];

export function checkWebhooks(
  { webhooks }: MutatingWebhookConfiguration | ValidatingWebhookConfiguration,
  errors: Errors,
): void {
  const names = new Set<string>();
  list<Webhook>(webhooks).forEach((webhook, index) => {
    const path = `webhooks[${index}]`;
    checkWebhook(webhook, path, errors);
    if (names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
    names.add(webhook.name);
    checkReviewVersions(webhook.admissionReviewVersions, `${path}.admissionReviewVersions`, errors);
  });
}

function checkWebhook(webhook: Webhook, path: string, errors: Errors): void {
  if (isEmpty(webhook.name)) errors.push(required(`${path}.name`));
  else checkName(webhook.name, fullyQualifiedNameErrors, `${path}.name`, errors);
  list(webhook.rules).forEach((rule, index) => {
    checkRule(rule, `${path}.rules[${index}]`, errors);
  });
  optionalOneOf(webhook.failurePolicy, ["Fail", "Ignore"], `${path}.failurePolicy`, errors);
  optionalOneOf(webhook.matchPolicy, ["Equivalent", "Exact"], `${path}.matchPolicy`, errors);
  if (isEmpty(webhook.sideEffects)) {
    errors.push(required(`${path}.sideEffects`, `must specify one of ${sideEffects.join(", ")}`));
  } else if (!sideEffects.includes(webhook.sideEffects)) {
    errors.push(notSupported(`${path}.sideEffects`, webhook.sideEffects, sideEffects));
  }
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds > 30 || seconds < 1)) {
    const detail = "the timeout value must be between 1 and 30 seconds";
    errors.push(invalid(`${path}.timeoutSeconds`, seconds, detail));
  }
  checkLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, errors);
  checkLabelSelector(webhook.objectSelector, `${path}.objectSelector`, errors);
  if ("reinvocationPolicy" in webhook) {
    const policies = ["IfNeeded", "Never"];
    optionalOneOf(webhook.reinvocationPolicy, policies, `${path}.reinvocationPolicy`, errors);
  }
  checkClientConfig(webhook.clientConfig, `${path}.clientConfig`, errors);
}

/** How a webhook is reached: by URL or by Service. */
export function checkClientConfig({ url, service }: WebhookClientConfig, path: string, errors: Errors): void {
  if ((url === undefined) === (service === undefined)) {
    errors.push(required(path, "exactly one of url or service is required"));
  } else if (url !== undefined) checkUrl(url, `${path}.url`, errors);
  else {
    const where = `${path}.service`;
    if (isEmpty(service?.name)) errors.push(required(`${where}.name`, "service name is required"));
    if (isEmpty(service?.namespace)) {
      errors.push(required(`${where}.namespace`, "service namespace is required"));
    }
    const port = service?.port ?? 443;
    if (port < 1 || port > 65_535) {
      const detail = "port is not valid: must be between 1 and 65535, inclusive";
      errors.push(invalid(`${where}.port`, port, detail));
    }
    if (service?.path !== undefined && !service.path.startsWith("/")) {
      errors.push(invalid(`${where}.path`, service.path, "must start with a '/'"));
    }
  }
}

const urlForm = "; desired format: https://host[/path]";

function checkUrl(url: string, path: string, errors: Errors): void {
  if (!URL.canParse(url)) {
    errors.push(required(path, `url must be a valid URL${urlForm}`));
    return;
  }
  const { protocol, host, username, password, hash, search } = new URL(url);
  if (protocol !== "https:") {
    errors.push(invalid(path, protocol.slice(0, -1), `'https' is the only allowed URL scheme${urlForm}`));
  }
  if (host === "") errors.push(invalid(path, host, `host must be specified${urlForm}`));
  if (username !== "" || password !== "") {
    errors.push(invalid(path, username, "user information is not permitted in the URL"));
  }
  if (hash !== "") errors.push(invalid(path, hash.slice(1), "fragments are not permitted in the URL"));
  if (search !== "") {
    errors.push(invalid(path, search.slice(1), "query parameters are not permitted in the URL"));
  }
}

function checkRule(rule: RuleWithOperations, path: string, errors: Errors): void {
  const ops = list(rule.operations);
  if (ops.length === 0) errors.push(required(`${path}.operations`));
  if (ops.length > 1 && ops.includes("*")) {
    const detail = "if '*' is present, must not specify other operations";
    errors.push(invalid(`${path}.operations`, ops, detail));
  }
  ops.forEach((operation, index) => {
    if (operations.includes(operation)) return;
    errors.push(notSupported(`${path}.operations[${index}]`, operation, operations));
  });
  for (const field of ["apiGroups", "apiVersions", "resources"] as const) {
    const values = list(rule[field]);
    if (values.length === 0) errors.push(required(`${path}.${field}`));
    if (field !== "resources" && values.length > 1 && values.includes("*")) {
      const what = field === "apiGroups" ? "API groups" : "API versions";
      const detail = `if '*' is present, must not specify other ${what}`;
      errors.push(invalid(`${path}.${field}`, values, detail));
    }
    values.forEach((value, index) => {
      if (field !== "apiGroups" && value === "") errors.push(required(`${path}.${field}[${index}]`));
    });
  }
  optionalOneOf(rule.scope, ["*", "Cluster", "Namespaced"], `${path}.scope`, errors);
}

function checkReviewVersions(versions: readonly string[] | undefined, path: string, errors: Errors): void {
  const found = list(versions);
  if (found.length === 0) {
    errors.push(required(path, "must specify one of v1, v1beta1"));
    return;
  }
  found.forEach((version, index) => {
    if (found.indexOf(version) < index) {
      errors.push(invalid(`${path}[${index}]`, version, "duplicate version"));
    }
    for (const message of dns1123LabelErrors(version)) {
      errors.push(invalid(`${path}[${index}]`, version, message));
    }
  });
  if (found.some((version) => version === "v1" || version === "v1beta1")) return;
  errors.push(invalid(path, found, "must include at least one of v1, v1beta1"));
}

export function checkAdmissionPolicy({ spec }: ValidatingAdmissionPolicy, errors: Errors): void {
  const { failurePolicy, matchConstraints, validations, auditAnnotations, paramKind } = spec;
  if (isEmpty(failurePolicy)) errors.push(required("spec.failurePolicy"));
  else optionalOneOf(failurePolicy, ["Fail", "Ignore"], "spec.failurePolicy", errors);
  if (paramKind !== undefined) {
    for (const field of ["apiVersion", "kind"] as const) {
      if (isEmpty(paramKind[field])) errors.push(required(`spec.paramKind.${field}`));
    }
  }
  if (matchConstraints === undefined) errors.push(required("spec.matchConstraints"));
  else if (list(matchConstraints.resourceRules).length === 0) {
    errors.push(required("spec.matchConstraints.resourceRules"));
  }
  list(matchConstraints?.resourceRules).forEach((rule, index) => {
    checkRule(rule, `spec.matchConstraints.resourceRules[${index}]`, errors);
  });
  if (list(validations).length + list(auditAnnotations).length === 0) {
    const detail = "validations or auditAnnotations must be non-empty";
    errors.push(required("spec.validations", `${detail}: at least one of these is required`));
  }
  list(validations).forEach(({ expression }, index) => {
    if (text(expression).trim() === "") {
      errors.push(required(`spec.validations[${index}].expression`, "expression is not specified"));
    }
  });
}

const actions = ["Audit", "Deny", "Warn"];

export function checkPolicyBinding({ spec }: ValidatingAdmissionPolicyBinding, errors: Errors): void {
  if (isEmpty(spec.policyName)) errors.push(required("spec.policyName"));
  const found = list(spec.validationActions);
  if (found.length === 0) errors.push(required("spec.validationActions"));
  found.forEach((action, index) => {
    const path = `spec.validationActions[${index}]`;
    if (!actions.includes(action)) errors.push(notSupported(path, action, actions));
    if (found.indexOf(action) < index) errors.push(duplicate(path, action));
  });
  if (found.includes("Deny") && found.includes("Warn")) {
    const detail =
      "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
    errors.push(invalid("spec.validationActions", found, detail));
  }
  if (spec.paramRef !== undefined && isEmpty(spec.paramRef.name) && spec.paramRef.selector === undefined) {
    errors.push(required("spec.paramRef", "one of name or selector must be specified"));
  } else if (!isEmpty(spec.paramRef?.name) && spec.paramRef?.selector !== undefined) {
    errors.push(forbidden("spec.paramRef.name", "name and selector are mutually exclusive"));
  }
}
