import { duplicate, forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { dns1123LabelErrors } from "../../apimachinery/names.ts";
import type { TokenReview } from "../types/authentication-v1.ts";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from "../types/authorization-v1.ts";
import type { Binding } from "../types/core-v1.ts";
import type { RuntimeClass } from "../types/node-v1.ts";
import type { PriorityClass } from "../types/scheduling-v1.ts";
import { checkName, type Errors, immutable, isEmpty, list, oneOf, text } from "./basics.ts";
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
  if (isEmpty(handler)) errors.push(required("handler"));
  else checkName(handler, dns1123LabelErrors, "handler", errors);
  if (overhead !== undefined) {
    checkContainerResources({ limits: overhead.podFixed }, noClaims, "overhead", errors);
  }
  if (scheduling === undefined) return;
  checkLabels(scheduling.nodeSelector, "scheduling.nodeSelector", errors);
  checkTolerations(scheduling.tolerations, "scheduling.tolerations", errors);
  const seen = new Set<string>();
  list(scheduling.tolerations).forEach((toleration, index) => {
    const key = JSON.stringify([
      text(toleration.key),
      text(toleration.operator),
      text(toleration.value),
      text(toleration.effect),
    ]);
    if (seen.has(key)) errors.push(duplicate(`scheduling.tolerations[${index}]`, toleration));
    seen.add(key);
  });
}

export function checkRuntimeClassUpdate(now: RuntimeClass, old: RuntimeClass, errors: Errors): void {
  checkRuntimeClass(now, errors);
  immutable(text(now.handler), text(old.handler), "handler", errors);
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
