import { forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { pathSegmentErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { autoscalerToV2 } from "../conversion/autoscaling.ts";
import type { HorizontalPodAutoscaler as AutoscalerV1 } from "../types/autoscaling-v1.ts";
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from "../types/autoscaling-v2.ts";
import { checkLabel, checkName, type Errors, isEmpty, list, nonNegative, quantity, text } from "./basics.ts";
import { checkMetricResourceName } from "./pod/resources.ts";

/**
 * Horizontal pod autoscalers (mirrors pkg/apis/autoscaling/validation). The older version is held to the rules of the
 * newer one, whose words the errors use.
 */
export function checkAutoscaler(
  { spec }: HorizontalPodAutoscaler,
  errors: Errors,
  old?: HorizontalPodAutoscaler,
): void {
  checkReplicas(spec, old?.spec.minReplicas === 0 ? 0 : 1, errors);
  checkReference(spec.scaleTargetRef, targetVersions(spec, old?.spec), "spec.scaleTargetRef", errors);
  checkMetrics(spec, objectVersions(old?.spec), errors);
  for (const direction of ["scaleUp", "scaleDown"] as const) {
    const rules = spec.behavior?.[direction];
    if (rules !== undefined) checkRules(rules, `spec.behavior.${direction}`, errors);
  }
}

export function checkAutoscalerV1(now: AutoscalerV1, errors: Errors, old?: AutoscalerV1): void {
  checkAutoscaler(newer(now), errors, old && newer(old));
}

const newer = (object: AutoscalerV1): HorizontalPodAutoscaler =>
  autoscalerToV2(object as unknown as UnstructuredObject) as unknown as HorizontalPodAutoscaler;

function checkReplicas(
  { minReplicas, maxReplicas = 0 }: { minReplicas?: number | undefined; maxReplicas?: number },
  lowest: number,
  errors: Errors,
): void {
  if (minReplicas !== undefined && minReplicas < lowest) {
    errors.push(invalid("spec.minReplicas", minReplicas, `must be greater than or equal to ${lowest}`));
  }
  if (maxReplicas === 0) errors.push(required("spec.maxReplicas", "must be set and greater than 0"));
  else if (maxReplicas < 0) {
    errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than or equal to 1"));
  }
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    const detail = "must be greater than or equal to `minReplicas`";
    errors.push(invalid("spec.maxReplicas", maxReplicas, detail));
  }
}

/** Which versions a reference may name: those of a group, those of the core too, or whatever it likes. */
type Versions = "grouped" | "any" | "unchecked";

function targetVersions(
  { scaleTargetRef: now }: HorizontalPodAutoscalerSpec,
  old: HorizontalPodAutoscalerSpec | undefined,
): Versions {
  const before = old?.scaleTargetRef;
  if (before !== undefined && text(before.apiVersion) === text(now.apiVersion) && before.kind === now.kind) {
    return "unchecked";
  }
  return now.kind === "ReplicationController" ? "any" : "grouped";
}

/** What was stored with a version that nobody can read may be stored again. */
function objectVersions(old: HorizontalPodAutoscalerSpec | undefined): Versions {
  const isWrong = list(old?.metrics).some(
    ({ type, object }) =>
      type === "Object" && versionFault(text(object?.describedObject.apiVersion), "any") !== undefined,
  );
  return isWrong ? "unchecked" : "any";
}

function versionFault(apiVersion: string, versions: Versions): string | undefined {
  if (versions === "unchecked") return undefined;
  if (apiVersion.split("/").length > 2) return `unexpected GroupVersion string: ${apiVersion}`;
  const hasGroup = apiVersion.includes("/") && !apiVersion.startsWith("/");
  return versions === "grouped" && !hasGroup ? "apiVersion must specify API group" : undefined;
}

function checkReference(
  { kind, name, apiVersion }: CrossVersionObjectReference,
  versions: Versions,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(kind)) errors.push(required(`${path}.kind`));
  else checkName(kind, pathSegmentErrors, `${path}.kind`, errors);
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  else checkName(name, pathSegmentErrors, `${path}.name`, errors);
  const fault = versionFault(text(apiVersion), versions);
  if (fault !== undefined) errors.push(invalid(`${path}.apiVersion`, text(apiVersion), fault));
}

function checkMetrics(spec: HorizontalPodAutoscalerSpec, versions: Versions, errors: Errors): void {
  list(spec.metrics).forEach((metric, index) => {
    checkMetric(metric, versions, `spec.metrics[${index}]`, errors);
  });
  if (spec.minReplicas !== 0) return;
  const hasOutside = list(spec.metrics).some(({ type }) => type === "Object" || type === "External");
  if (hasOutside) return;
  const detail = "must specify at least one Object or External metric to support scaling to zero replicas";
  errors.push(forbidden("spec.metrics", detail));
}

/** The source of each type, in the order in which the first one that is there is looked into. */
const metricFields = {
  Object: "object",
  External: "external",
  Pods: "pods",
  Resource: "resource",
  ContainerResource: "containerResource",
} as const;

type MetricField = (typeof metricFields)[keyof typeof metricFields];

const metricTypes = ["ContainerResource", "External", "Object", "Pods", "Resource"];

const isMetricType = (type: string): type is keyof typeof metricFields => Object.hasOwn(metricFields, type);

function checkMetric(metric: MetricSpec, versions: Versions, path: string, errors: Errors): void {
  const type = text(metric.type);
  const expected = isMetricType(type) ? metricFields[type] : undefined;
  const unknown = notSupported(`${path}.type`, type, metricTypes);
  if (type === "") errors.push(required(`${path}.type`, "must specify a metric source type"));
  if (expected === undefined) errors.push(unknown);
  const present = Object.values(metricFields).filter((field) => metric[field] !== undefined);
  if (present[0] !== undefined) checkSource[present[0]](metric, path, errors, versions);
  // The type is looked at once more where the source that it names is looked for.
  if (expected === undefined) errors.push(unknown);
  else if (metric[expected] === undefined) {
    errors.push(required(`${path}.${expected}`, "must populate information for the given metric source"));
  }
  if (present.length === 1) return;
  for (const field of present) {
    if (field === expected) continue;
    errors.push(forbidden(`${path}.${field}`, "must populate the given metric source only"));
  }
}

type SourceRule = (metric: MetricSpec, path: string, errors: Errors, versions: Versions) => void;

const checkSource: Readonly<Record<MetricField, SourceRule>> = {
  object({ object }, path, errors, versions) {
    if (object === undefined) return;
    checkReference(object.describedObject, versions, `${path}.object.describedObject`, errors);
    checkIdentifier(object.metric, `${path}.object.metric`, errors);
    checkTarget(object.target, `${path}.object.target`, errors);
    if (object.target.value !== undefined || object.target.averageValue !== undefined) return;
    const detail = "must set either a target value or averageValue";
    errors.push(required(`${path}.object.target.averageValue`, detail));
  },
  external({ external }, path, errors) {
    if (external === undefined) return;
    checkIdentifier(external.metric, `${path}.external.metric`, errors);
    checkTarget(external.target, `${path}.external.target`, errors);
    const { value, averageValue } = external.target;
    if (value === undefined && averageValue === undefined) {
      const detail = "must set either a target value for metric or a per-pod target";
      errors.push(required(`${path}.external.target.averageValue`, detail));
    }
    if (value !== undefined && averageValue !== undefined) {
      const detail = "may not set both a target value for metric and a per-pod target";
      errors.push(forbidden(`${path}.external.target.value`, detail));
    }
  },
  pods({ pods }, path, errors) {
    if (pods === undefined) return;
    checkIdentifier(pods.metric, `${path}.pods.metric`, errors);
    checkTarget(pods.target, `${path}.pods.target`, errors);
    if (pods.target.averageValue !== undefined) return;
    errors.push(required(`${path}.pods.target.averageValue`, "must specify a positive target averageValue"));
  },
  resource({ resource }, path, errors) {
    if (resource === undefined) return;
    if (isEmpty(resource.name)) {
      errors.push(required(`${path}.resource.name`, "must specify a resource name"));
    }
    checkResourceTarget(resource.target, `${path}.resource.target`, errors);
  },
  containerResource({ containerResource }, path, errors) {
    if (containerResource === undefined) return;
    const { name, container, target } = containerResource;
    const where = `${path}.containerResource`;
    if (isEmpty(name)) errors.push(required(`${where}.name`, "must specify a resource name"));
    else checkMetricResourceName(name, `${where}.name`, errors);
    if (isEmpty(container)) errors.push(required(`${where}.container`, "must specify a container"));
    else checkLabel(container, `${where}.container`, errors);
    checkResourceTarget(target, `${where}.target`, errors);
  },
};

function checkResourceTarget(target: MetricTarget, path: string, errors: Errors): void {
  checkTarget(target, path, errors);
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = "must set either a target raw value or a target utilization";
    errors.push(required(`${path}.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = "may not set both a target raw value and a target utilization";
    errors.push(forbidden(`${path}.averageValue`, detail));
  }
}

function checkIdentifier({ name }: MetricIdentifier, path: string, errors: Errors): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`, "must specify a metric name"));
  else checkName(name, pathSegmentErrors, `${path}.name`, errors);
}

function checkTarget(target: MetricTarget, path: string, errors: Errors): void {
  const { value, averageValue, averageUtilization } = target;
  const type = text(target.type);
  if (type === "") errors.push(required(`${path}.type`, "must specify a metric target type"));
  if (type !== "Utilization" && type !== "Value" && type !== "AverageValue") {
    errors.push(invalid(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
  }
  if (value !== undefined && quantity(value).nanos <= 0n) {
    errors.push(invalid(`${path}.value`, value, "must be positive"));
  }
  if (averageValue !== undefined && quantity(averageValue).nanos <= 0n) {
    errors.push(invalid(`${path}.averageValue`, averageValue, "must be positive"));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, averageUtilization, "must be greater than 0"));
  }
}

const stabilizationSecondsMax = 3600;
const periodSecondsMax = 1800;

function checkRules(rules: HPAScalingRules, path: string, errors: Errors): void {
  const window = rules.stabilizationWindowSeconds;
  if (window !== undefined && window < 0) {
    const detail = "must be greater than or equal to zero";
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, detail));
  }
  if (window !== undefined && window > stabilizationSecondsMax) {
    const detail = `must be less than or equal to ${stabilizationSecondsMax}`;
    errors.push(invalid(`${path}.stabilizationWindowSeconds`, window, detail));
  }
  const select = rules.selectPolicy;
  if (select !== undefined && !["Disabled", "Max", "Min"].includes(select)) {
    errors.push(notSupported(`${path}.selectPolicy`, select, ["Disabled", "Max", "Min"]));
  }
  if (list(rules.policies).length === 0) {
    errors.push(required(`${path}.policies`, "must specify at least one Policy"));
  }
  list(rules.policies).forEach(({ type, value, periodSeconds }, index) => {
    const where = `${path}.policies[${index}]`;
    if (type !== "Pods" && type !== "Percent") {
      errors.push(notSupported(`${where}.type`, text(type), ["Percent", "Pods"]));
    }
    if (value <= 0) errors.push(invalid(`${where}.value`, value, "must be greater than zero"));
    if (periodSeconds <= 0) {
      errors.push(invalid(`${where}.periodSeconds`, periodSeconds, "must be greater than zero"));
    }
    if (periodSeconds > periodSecondsMax) {
      const detail = `must be less than or equal to ${periodSecondsMax}`;
      errors.push(invalid(`${where}.periodSeconds`, periodSeconds, detail));
    }
  });
  if (rules.tolerance !== undefined && quantity(rules.tolerance).nanos < 0n) {
    errors.push(invalid(`${path}.tolerance`, rules.tolerance, "must be greater than or equal to 0"));
  }
}

type WithStatus = Pick<HorizontalPodAutoscaler, "status"> | Pick<AutoscalerV1, "status">;

/** Of either version. */
export function checkAutoscalerStatus({ status }: WithStatus, _old: unknown, errors: Errors): void {
  nonNegative(status?.currentReplicas, "status.currentReplicas", errors);
  nonNegative(status?.desiredReplicas, "status.desiredReplicas", errors);
}
