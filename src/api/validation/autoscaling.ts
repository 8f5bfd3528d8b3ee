import { forbidden, invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import { pathSegmentErrors } from "../../apimachinery/names.ts";
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
import { checkName, type Errors, isEmpty, list, nonNegative, quantity, text } from "./basics.ts";
import { checkLabelSelector } from "./label-selector.ts";

/** Horizontal pod autoscalers, in both versions (mirrors pkg/apis/autoscaling/validation). */
export function checkAutoscaler({ spec }: HorizontalPodAutoscaler, errors: Errors): void {
  checkReplicas(spec, errors);
  checkReference(spec.scaleTargetRef, "spec.scaleTargetRef", errors);
  checkMetrics(spec, errors);
  for (const direction of ["scaleUp", "scaleDown"] as const) {
    const rules = spec.behavior?.[direction];
    if (rules !== undefined) checkRules(rules, `spec.behavior.${direction}`, errors);
  }
}

export function checkAutoscalerV1({ spec }: AutoscalerV1, errors: Errors): void {
  checkReplicas(spec, errors);
  checkReference(spec.scaleTargetRef, "spec.scaleTargetRef", errors);
  const percentage = spec.targetCPUUtilizationPercentage;
  if (percentage !== undefined && percentage < 1) {
    const path = "spec.metrics[0].resource.target.averageUtilization";
    errors.push(invalid(path, percentage, "must be greater than 0"));
  }
}

function checkReplicas(
  { minReplicas, maxReplicas }: { minReplicas?: number | undefined; maxReplicas: number },
  errors: Errors,
): void {
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(invalid("spec.minReplicas", minReplicas, "must be greater than or equal to 1"));
  }
  if (maxReplicas < 1) errors.push(invalid("spec.maxReplicas", maxReplicas, "must be greater than 0"));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    const detail = "must be greater than or equal to `minReplicas`";
    errors.push(invalid("spec.maxReplicas", maxReplicas, detail));
  }
}

function checkReference({ kind, name }: CrossVersionObjectReference, path: string, errors: Errors): void {
  if (isEmpty(kind)) errors.push(required(`${path}.kind`));
  else checkName(kind, pathSegmentErrors, `${path}.kind`, errors);
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  else checkName(name, pathSegmentErrors, `${path}.name`, errors);
}

function checkMetrics(spec: HorizontalPodAutoscalerSpec, errors: Errors): void {
  list(spec.metrics).forEach((metric, index) => {
    checkMetric(metric, `spec.metrics[${index}]`, errors);
  });
  if (spec.minReplicas !== 0) return;
  const hasOutside = list(spec.metrics).some(({ type }) => type === "Object" || type === "External");
  if (hasOutside) return;
  const detail = "must specify at least one Object or External metric to support scaling to zero replicas";
  errors.push(forbidden("spec.metrics", detail));
}

const metricFields = {
  Object: "object",
  Pods: "pods",
  Resource: "resource",
  ContainerResource: "containerResource",
  External: "external",
} as const;

const isMetricType = (type: string): type is keyof typeof metricFields => Object.hasOwn(metricFields, type);

function checkMetric(metric: MetricSpec, path: string, errors: Errors): void {
  if (isEmpty(metric.type)) errors.push(required(`${path}.type`, "must specify a metric source type"));
  else if (!isMetricType(metric.type)) {
    const types = ["ContainerResource", "External", "Object", "Pods", "Resource"];
    errors.push(notSupported(`${path}.type`, metric.type, types));
  } else {
    const expected = metricFields[metric.type];
    if (metric[expected] === undefined) {
      const detail = `must populate the given metric source`;
      errors.push(required(`${path}.${expected}`, detail));
    }
    for (const field of Object.values(metricFields)) {
      if (field === expected || metric[field] === undefined) continue;
      const detail = "must populate the given metric source only";
      errors.push(forbidden(`${path}.${field}`, detail));
    }
  }
  checkMetricSources(metric, path, errors);
}

function checkMetricSources(metric: MetricSpec, path: string, errors: Errors): void {
  const { object, pods, resource, containerResource, external } = metric;
  if (object !== undefined) {
    checkReference(object.describedObject, `${path}.object.describedObject`, errors);
    checkIdentifier(object.metric, `${path}.object.metric`, errors);
    checkTarget(object.target, `${path}.object.target`, errors);
    checkValueOrAverage(object.target, `${path}.object.target`, "averageValue", errors);
  }
  if (external !== undefined) {
    checkIdentifier(external.metric, `${path}.external.metric`, errors);
    checkTarget(external.target, `${path}.external.target`, errors);
    checkValueOrAverage(external.target, `${path}.external.target`, "averageValue", errors);
  }
  if (pods !== undefined) {
    checkIdentifier(pods.metric, `${path}.pods.metric`, errors);
    checkTarget(pods.target, `${path}.pods.target`, errors);
    if (quantity(pods.target.averageValue).nanos <= 0n) {
      errors.push(
        required(`${path}.pods.target.averageValue`, "must specify a positive target averageValue"),
      );
    }
  }
  if (resource !== undefined) checkResourceMetric(resource, `${path}.resource`, errors);
  if (containerResource === undefined) return;
  const where = `${path}.containerResource`;
  if (isEmpty(containerResource.container)) {
    errors.push(required(`${where}.container`, "must specify a container"));
  } else checkName(containerResource.container, pathSegmentErrors, `${where}.container`, errors);
  checkResourceMetric(containerResource, where, errors);
}

function checkResourceMetric(
  { name, target }: { readonly name: string; readonly target: MetricTarget },
  path: string,
  errors: Errors,
): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`, "must specify a resource name"));
  checkTarget(target, `${path}.target`, errors);
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = "must set either a target raw value or a target utilization";
    errors.push(required(`${path}.target.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = "may not set both a target raw value and a target utilization";
    errors.push(forbidden(`${path}.target.averageValue`, detail));
  }
}

function checkValueOrAverage(target: MetricTarget, path: string, field: string, errors: Errors): void {
  const { value, averageValue } = target;
  if (value === undefined && averageValue === undefined) {
    const detail = "must set either a target value for metric or a per-pod target";
    errors.push(required(`${path}.${field}`, detail));
  }
  if (value !== undefined && averageValue !== undefined) {
    const detail = "may not set both a target value for metric and a per-pod target";
    errors.push(forbidden(`${path}.value`, detail));
  }
}

function checkIdentifier({ name, selector }: MetricIdentifier, path: string, errors: Errors): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  else checkName(name, pathSegmentErrors, `${path}.name`, errors);
  checkLabelSelector(selector, `${path}.selector`, errors);
}

function checkTarget(target: MetricTarget, path: string, errors: Errors): void {
  const { type, value, averageValue, averageUtilization } = target;
  if (isEmpty(type)) errors.push(required(`${path}.type`, "must specify a metric target type"));
  else if (type !== "Utilization" && type !== "Value" && type !== "AverageValue") {
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
  nonNegative(window, `${path}.stabilizationWindowSeconds`, errors);
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

export function checkAutoscalerStatus(
  { status }: HorizontalPodAutoscaler,
  _old: unknown,
  errors: Errors,
): void {
  nonNegative(status?.currentReplicas, "status.currentReplicas", errors);
  nonNegative(status?.desiredReplicas, "status.desiredReplicas", errors);
}
