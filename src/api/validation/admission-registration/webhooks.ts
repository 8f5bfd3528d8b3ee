import { duplicate, invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import { dns1035LabelErrors, fullyQualifiedNameErrors } from "../../../apimachinery/names.ts";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../types/admissionregistration-v1.ts";
import { checkName, type Errors, isEmpty, list, optionalOneOf, same, text } from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkClientConfig } from "./client-config.ts";
import { checkMatchConditions, checkRule, failurePolicies, matchPolicies } from "./match-rules.ts";

/** Webhooks of admission (mirrors pkg/apis/admissionregistration/validation). Expressions are compiled by the registry. */
type Webhook = ValidatingWebhook | MutatingWebhook;
type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

const noSideEffects = ["None", "NoneOnDryRun"];
const anySideEffects = ["None", "NoneOnDryRun", "Some", "Unknown"];
const reviewVersions = ["v1", "v1beta1"];

/** What was let in before stays allowed, for all webhooks of the configuration at once. */
interface Leniency {
  readonly sideEffects: boolean;
  readonly reviewVersions: boolean;
  readonly names: boolean;
  readonly labelValues: boolean;
  readonly matchConditions: boolean;
}

const strict: Leniency = {
  sideEffects: false,
  reviewVersions: false,
  names: false,
  labelValues: false,
  matchConditions: false,
};

export function checkWebhooks(configuration: Configuration, errors: Errors): void {
  checkAll(configuration, strict, errors);
}

export function checkWebhooksUpdate(now: Configuration, old: Configuration, errors: Errors): void {
  const before = list<Webhook>(old.webhooks);
  const names = before.map(({ name }) => text(name));
  const conditions = ({ webhooks }: Configuration): unknown[] =>
    list<Webhook>(webhooks).map(({ matchConditions }) => matchConditions ?? []);
  checkAll(
    now,
    {
      sideEffects: before.some(({ sideEffects }) => !noSideEffects.includes(text(sideEffects))),
      reviewVersions: before.some(
        ({ admissionReviewVersions: versions }) =>
          list(versions).length > 0 && !list(versions).some((one) => reviewVersions.includes(one)),
      ),
      names: new Set(names).size < names.length,
      labelValues: before.some(hasBadSelector),
      matchConditions: same(conditions(now), conditions(old)),
    },
    errors,
  );
}

function hasBadSelector({ namespaceSelector, objectSelector }: Webhook): boolean {
  const errors: Errors = [];
  checkLabelSelector(namespaceSelector, "", errors);
  checkLabelSelector(objectSelector, "", errors);
  return errors.length > 0;
}

function checkAll({ webhooks }: Configuration, lenient: Leniency, errors: Errors): void {
  const names = new Set<string>();
  list<Webhook>(webhooks).forEach((webhook, index) => {
    const path = `webhooks[${index}]`;
    checkWebhook(webhook, lenient, path, errors);
    const versions = webhook.admissionReviewVersions;
    checkReviewVersions(versions, lenient.reviewVersions, `${path}.admissionReviewVersions`, errors);
    const name = text(webhook.name);
    if (lenient.names || name === "") return;
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  });
}

function checkWebhook(webhook: Webhook, lenient: Leniency, path: string, errors: Errors): void {
  if (isEmpty(webhook.name)) errors.push(required(`${path}.name`));
  else checkName(webhook.name, fullyQualifiedNameErrors, `${path}.name`, errors);
  list(webhook.rules).forEach((rule, index) => {
    checkRule(rule, `${path}.rules[${index}]`, errors);
  });
  optionalOneOf(webhook.failurePolicy, failurePolicies, `${path}.failurePolicy`, errors);
  optionalOneOf(webhook.matchPolicy, matchPolicies, `${path}.matchPolicy`, errors);
  checkSideEffects(webhook, lenient.sideEffects ? anySideEffects : noSideEffects, path, errors);
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds > 30 || seconds < 1)) {
    const detail = "the timeout value must be between 1 and 30 seconds";
    errors.push(invalid(`${path}.timeoutSeconds`, seconds, detail));
  }
  const { labelValues } = lenient;
  checkLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, errors, labelValues);
  checkLabelSelector(webhook.objectSelector, `${path}.objectSelector`, errors, labelValues);
  if ("reinvocationPolicy" in webhook) {
    const policies = ["IfNeeded", "Never"];
    optionalOneOf(webhook.reinvocationPolicy, policies, `${path}.reinvocationPolicy`, errors);
  }
  checkClientConfig(webhook.clientConfig, `${path}.clientConfig`, errors);
  if (lenient.matchConditions) return;
  checkMatchConditions(webhook.matchConditions, `${path}.matchConditions`, errors);
}

function checkSideEffects(
  { sideEffects: given }: Webhook,
  allowed: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (given === undefined) {
    errors.push(required(`${path}.sideEffects`, `must specify one of ${allowed.join(", ")}`));
  } else if (!allowed.includes(given)) {
    errors.push(notSupported(`${path}.sideEffects`, given, allowed));
  }
}

function checkReviewVersions(
  given: readonly string[] | undefined,
  isLenient: boolean,
  path: string,
  errors: Errors,
): void {
  const versions = list(given);
  const known = reviewVersions.join(", ");
  if (versions.length === 0) {
    errors.push(required(path, `must specify one of ${known}`));
    return;
  }
  versions.forEach((version, index) => {
    if (versions.indexOf(version) < index) {
      errors.push(invalid(`${path}[${index}]`, version, "duplicate version"));
    } else checkName(version, dns1035LabelErrors, `${path}[${index}]`, errors);
  });
  if (isLenient || versions.some((version) => reviewVersions.includes(version))) return;
  errors.push(invalid(path, versions, `must include at least one of ${known}`));
}
