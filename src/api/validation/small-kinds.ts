import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123LabelErrors, dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import type { TokenReview } from "../types/authentication-v1.ts";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from "../types/authorization-v1.ts";
import type { Lease } from "../types/coordination-v1.ts";
import type { Binding } from "../types/core-v1.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../types/flowcontrol-v1.ts";
import type { RuntimeClass } from "../types/node-v1.ts";
import type { PriorityClass } from "../types/scheduling-v1.ts";
import {
  checkName,
  type Errors,
  immutable,
  isEmpty,
  isNegativeMessage,
  list,
  nonNegative,
  oneOf,
  text,
} from "./basics.ts";
import { checkLabels } from "./label-selector.ts";
import { checkContainerResources } from "./pod/resources.ts";
import { checkTolerations } from "./pod/scheduling.ts";

/** Kinds with a rule or two. */
const noClaims: ReadonlySet<string> = new Set();

export function checkBinding({ target }: Binding, errors: Errors): void {
  const { kind, name }: Partial<Binding["target"]> = target ?? {};
  if (!isEmpty(kind) && kind !== "Node") errors.push(notSupported("target.kind", kind, ["Node", "<empty>"]));
  if (isEmpty(name)) errors.push(required("target.name"));
}

export function checkLease({ spec }: Lease, errors: Errors): void {
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec;
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    const detail = "must be greater than or equal to 0";
    errors.push(invalid("spec.leaseTransitions", leaseTransitions, detail));
  }
  if (strategy !== undefined && strategy !== "") {
    checkName(strategy, dns1123SubdomainErrors, "spec.strategy", errors);
  }
  if (!isEmpty(preferredHolder) && isEmpty(strategy)) {
    errors.push(forbidden("spec.preferredHolder", "may only be specified when `strategy` is defined"));
  }
}

/** System classes, and the highest value that users may give to theirs. */
const systemClasses: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};
const userPriorityMax = 1_000_000_000;

export function checkPriorityClass(one: PriorityClass, errors: Errors): void {
  const { metadata, value = 0, preemptionPolicy } = one;
  const name = text(metadata.name);
  if (name.startsWith("system-")) {
    if (systemClasses[name] !== value || one.globalDefault === true) {
      const detail =
        "priority class names with 'system-' prefix are reserved for system use only. error: " +
        (systemClasses[name] === undefined
          ? `${name} is not a known system priority class`
          : `value of ${name} PriorityClass must be ${systemClasses[name]}`);
      errors.push(forbidden("metadata.name", detail));
    }
  } else if (value > userPriorityMax) {
    const detail = `maximum allowed value of a user defined priority is ${userPriorityMax}`;
    errors.push(forbidden("value", detail));
  }
  if (preemptionPolicy === undefined) return;
  if (preemptionPolicy === "") errors.push(required("preemptionPolicy"));
  else oneOf(preemptionPolicy, ["PreemptLowerPriority", "Never"], "preemptionPolicy", errors);
}

export function checkPriorityClassUpdate(now: PriorityClass, old: PriorityClass, errors: Errors): void {
  if ((now.value ?? 0) !== (old.value ?? 0)) {
    errors.push(forbidden("value", "may not be changed in an update."));
  }
  immutable(now.preemptionPolicy, old.preemptionPolicy, "preemptionPolicy", errors);
}

export function checkRuntimeClass({ handler, overhead, scheduling }: RuntimeClass, errors: Errors): void {
  checkName(handler, dns1123LabelErrors, "handler", errors);
  if (overhead !== undefined) {
    checkContainerResources({ limits: overhead.podFixed }, noClaims, "overhead.podFixed", errors);
  }
  if (scheduling === undefined) return;
  checkLabels(scheduling.nodeSelector, "scheduling.nodeSelector", errors);
  checkTolerations(scheduling.tolerations, "scheduling.tolerations", errors);
  const seen = new Set<string>();
  list(scheduling.tolerations).forEach((toleration, index) => {
    const key = JSON.stringify(Object.entries(toleration).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    if (seen.has(key)) errors.push(duplicate(`scheduling.tolerations[${index}]`, toleration));
    seen.add(key);
  });
}

export function checkRuntimeClassUpdate(now: RuntimeClass, old: RuntimeClass, errors: Errors): void {
  immutable(now.handler, old.handler, "handler", errors);
  checkRuntimeClass(now, errors);
}

export function checkTokenReview({ spec }: TokenReview, errors: Errors): void {
  if (isEmpty(spec.token)) errors.push(required("spec.token"));
}

interface AccessSpec {
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: NonResourceAttributes | undefined;
}

export function checkSelfAccessReview({ spec }: { readonly spec: AccessSpec }, errors: Errors): void {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const detail = "cannot be specified in combination with resourceAttributes";
    errors.push(invalid("spec.nonResourceAttributes", nonResourceAttributes, detail));
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    errors.push(invalid("spec.resourceAttributes", undefined, detail));
  }
}

export function checkAccessReview({ spec }: Pick<SubjectAccessReview, "spec">, errors: Errors): void {
  checkSelfAccessReview({ spec }, errors);
  if (isEmpty(spec.user) && list(spec.groups).length === 0) {
    errors.push(invalid("spec.user", text(spec.user), "at least one of user or group must be specified"));
  }
}

const precedenceMax = 10_000;

export function checkFlowSchema({ spec }: FlowSchema, errors: Errors): void {
  const { matchingPrecedence = 0, distinguisherMethod, priorityLevelConfiguration } = spec;
  if (matchingPrecedence <= 0) {
    errors.push(invalid("spec.matchingPrecedence", matchingPrecedence, "must be a positive value"));
  }
  if (matchingPrecedence > precedenceMax) {
    const detail = `must not be greater than ${precedenceMax}`;
    errors.push(invalid("spec.matchingPrecedence", matchingPrecedence, detail));
  }
  if (distinguisherMethod !== undefined) {
    oneOf(distinguisherMethod.type, ["ByNamespace", "ByUser"], "spec.distinguisherMethod", errors);
  }
  const { name } = priorityLevelConfiguration;
  const path = "spec.priorityLevelConfiguration.name";
  if (isEmpty(name)) errors.push(required(path, "must reference a priority level"));
  else checkName(name, dns1123SubdomainErrors, path, errors);
  list(spec.rules).forEach(({ subjects, resourceRules, nonResourceRules }, index) => {
    const where = `spec.rules[${index}]`;
    if (list(subjects).length === 0) {
      errors.push(required(`${where}.subjects`, "subjects must contain at least one value"));
    }
    if (list(resourceRules).length + list(nonResourceRules).length > 0) return;
    const detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
    errors.push(required(where, detail));
  });
}

export function checkPriorityLevel({ spec }: PriorityLevelConfiguration, errors: Errors): void {
  const { type, limited, exempt } = spec;
  if (type === "Limited") {
    if (exempt !== undefined) {
      errors.push(forbidden("spec.exempt", "must be nil if the type is Limited"));
    }
    if (limited === undefined) {
      errors.push(required("spec.limited", "must not be empty when type is Limited"));
      return;
    }
    nonNegative(limited.nominalConcurrencyShares, "spec.limited.nominalConcurrencyShares", errors);
    const response = limited.limitResponse;
    const path = "spec.limited.limitResponse";
    if (response?.type === "Reject" && response.queuing !== undefined) {
      errors.push(forbidden(`${path}.queuing`, "must be nil if limited.limitResponse.type is not Limited"));
    } else if (response?.type === "Queue") {
      if (response.queuing === undefined) {
        const detail = "must not be empty if limited.limitResponse.type is Limited";
        errors.push(required(`${path}.queuing`, detail));
      }
    } else if (response?.type !== "Reject") {
      errors.push(notSupported(`${path}.type`, text(response?.type), ["Queue", "Reject"]));
    }
  } else if (type === "Exempt") {
    if (limited !== undefined) {
      errors.push(forbidden("spec.limited", "must be nil if the type is not Limited"));
    }
  } else errors.push(notSupported("spec.type", text(type), ["Exempt", "Limited"]));
  if (exempt?.nominalConcurrencyShares !== undefined && exempt.nominalConcurrencyShares < 0) {
    const path = "spec.exempt.nominalConcurrencyShares";
    errors.push(invalid(path, exempt.nominalConcurrencyShares, isNegativeMessage));
  }
}
