import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { tryParseQuantity } from "../../apimachinery/quantity.ts";
import type { HorizontalPodAutoscaler as V1 } from "../types/autoscaling-v1.ts";
import type { MetricSpec, MetricStatus, HorizontalPodAutoscaler as V2 } from "../types/autoscaling-v2.ts";

/**
 * autoscaling/v1 knows the target of CPU utilization only: what else v2 holds travels in annotations, written in the
 * older form of metrics. Mirrors pkg/apis/autoscaling/v1/conversion.go.
 */
const metricsAnnotation = "autoscaling.alpha.kubernetes.io/metrics";
const currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics";
const conditionsAnnotation = "autoscaling.alpha.kubernetes.io/conditions";
const behaviorAnnotation = "autoscaling.alpha.kubernetes.io/behavior";
const annotationNames = [
  metricsAnnotation,
  currentMetricsAnnotation,
  conditionsAnnotation,
  behaviorAnnotation,
];

type Fields = Record<string, unknown>;

const defined = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** v2 → v1. */
export function autoscalerToV1(object: UnstructuredObject): UnstructuredObject {
  const { spec, status, metadata } = object as unknown as V2;
  const metrics = spec.metrics ?? [];
  const cpu = metrics.find(isCpuUtilization);
  const others = metrics.filter((metric) => !isCpuUtilization(metric));
  const added: Record<string, string> = {};
  if (others.length > 0) added[metricsAnnotation] = JSON.stringify(others.map(oldMetric));
  if ((status?.currentMetrics ?? []).length > 0) {
    added[currentMetricsAnnotation] = JSON.stringify(status?.currentMetrics?.map(oldStatus));
  }
  if ((status?.conditions ?? []).length > 0) added[conditionsAnnotation] = JSON.stringify(status?.conditions);
  if (spec.behavior !== undefined) added[behaviorAnnotation] = JSON.stringify(goBehavior(spec.behavior));
  const currentCpu = status?.currentMetrics?.findLast(
    ({ type, resource }) =>
      type === "Resource" && resource?.name === "cpu" && resource.current?.averageUtilization !== undefined,
  );
  const annotations = { ...metadata.annotations, ...added };
  return {
    ...object,
    apiVersion: "autoscaling/v1",
    metadata: Object.keys(annotations).length > 0 ? { ...metadata, annotations } : metadata,
    spec: defined({
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      targetCPUUtilizationPercentage: cpu?.resource?.target.averageUtilization,
    }),
    status: defined({
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      currentCPUUtilizationPercentage: currentCpu?.resource?.current.averageUtilization,
    }),
  };
}

function isCpuUtilization({ type, resource }: MetricSpec): boolean {
  return type === "Resource" && resource?.name === "cpu" && resource.target.averageUtilization !== undefined;
}

/** v1 → v2. Annotations that do not parse are dropped, as the values they would have held. */
export function autoscalerToV2(object: UnstructuredObject): UnstructuredObject {
  const { spec, status, metadata } = object as unknown as V1;
  const annotations = { ...metadata.annotations };
  const metrics = parseList(annotations[metricsAnnotation]).map(newMetric);
  if (spec.targetCPUUtilizationPercentage !== undefined)
    metrics.push(cpuMetric(spec.targetCPUUtilizationPercentage));
  if (metrics.length === 0) metrics.push(cpuMetric(80));
  const current =
    annotations[currentMetricsAnnotation] === undefined
      ? cpuStatus(status?.currentCPUUtilizationPercentage)
      : parseList(annotations[currentMetricsAnnotation]).map(newStatus);
  const conditions = parseList(annotations[conditionsAnnotation]);
  const behavior = parse(annotations[behaviorAnnotation]);
  for (const name of annotationNames) delete annotations[name];
  const { annotations: had, ...rest } = metadata;
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    metadata: had === undefined || Object.keys(annotations).length === 0 ? rest : { ...rest, annotations },
    spec: defined({
      scaleTargetRef: spec.scaleTargetRef,
      minReplicas: spec.minReplicas,
      maxReplicas: spec.maxReplicas,
      metrics,
      behavior: isObject(behavior) ? fromGoBehavior(behavior) : undefined,
    }),
    status: defined({
      observedGeneration: status?.observedGeneration,
      lastScaleTime: status?.lastScaleTime,
      // Only the first version prints a zero here.
      currentReplicas: status?.currentReplicas === 0 ? undefined : status?.currentReplicas,
      desiredReplicas: status?.desiredReplicas ?? 0,
      currentMetrics: current.length > 0 ? current : null,
      conditions: conditions.length > 0 ? conditions : undefined,
    }),
  };
}

const cpuMetric = (averageUtilization: number): Fields => ({
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization } },
});

const cpuStatus = (averageUtilization: number | undefined): Fields[] =>
  averageUtilization === undefined
    ? []
    : [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization } } }];

/** The internal type carries no JSON names, so Go prints the names of its fields. */
const capitalize = (name: string): string => name[0]?.toUpperCase() + name.slice(1);
const decapitalize = (name: string): string => name[0]?.toLowerCase() + name.slice(1);

function renameDeep(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renameDeep(item, rename));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null && child !== undefined)
      .map(([name, child]) => [rename(name), renameDeep(child, rename)]),
  );
}

const goBehavior = (behavior: unknown): unknown => renameDeep(behavior, capitalize);
const fromGoBehavior = (behavior: unknown): unknown => renameDeep(behavior, decapitalize);

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parseList(text: string | undefined): Fields[] {
  const value = parse(text);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** Fields of a v2 metric's target or current value in the words of v1. */
function oldMetric({ type, resource, containerResource, pods, object, external }: MetricSpec): Fields {
  return defined({
    type,
    resource: resource && oldResource(resource.name, undefined, "target", resource.target),
    containerResource:
      containerResource &&
      oldResource(containerResource.name, containerResource.container, "target", containerResource.target),
    pods:
      pods &&
      defined({
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue,
        selector: pods.metric.selector,
      }),
    object:
      object &&
      defined({
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? "0",
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    external:
      external &&
      defined({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  });
}

function oldStatus({ type, resource, containerResource, pods, object, external }: MetricStatus): Fields {
  return defined({
    type,
    resource: resource && oldResource(resource.name, undefined, "current", resource.current),
    containerResource:
      containerResource &&
      oldResource(containerResource.name, containerResource.container, "current", containerResource.current),
    pods:
      pods &&
      defined({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? "0",
        selector: pods.metric.selector,
      }),
    object:
      object &&
      defined({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? "0",
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    external:
      external &&
      defined({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? "0",
        currentAverageValue: external.current.averageValue,
      }),
  });
}

function oldResource(
  name: string,
  container: string | undefined,
  prefix: "target" | "current",
  value: { averageUtilization?: number | undefined; averageValue?: string | undefined },
): Fields {
  return defined({
    name,
    [`${prefix}AverageUtilization`]: value.averageUtilization,
    [`${prefix}AverageValue`]: value.averageValue ?? (prefix === "current" ? "0" : undefined),
    container,
  });
}

const part = (fields: Fields, name: string): Fields | undefined =>
  isObject(fields[name]) ? fields[name] : undefined;

/** What a v1 metric aims at; its type is told by the values that it has. */
const targets = {
  resource: (fields: Fields): Fields =>
    defined({
      type: fields["targetAverageUtilization"] === undefined ? "AverageValue" : "Utilization",
      averageValue: fields["targetAverageValue"],
      averageUtilization: fields["targetAverageUtilization"],
    }),
  pods: (fields: Fields): Fields => ({
    type: "AverageValue",
    averageValue: fields["targetAverageValue"] ?? "0",
  }),
  /** The older version shows a value in any case: a zero beside an average says nothing. */
  object(fields: Fields): Fields {
    const { targetValue: value = "0", averageValue } = fields;
    if (averageValue === undefined) return { type: "Value", value };
    return defined({ type: "AverageValue", value: isZero(value) ? undefined : value, averageValue });
  },
  external: (fields: Fields): Fields =>
    defined({
      type: fields["targetValue"] === undefined ? "AverageValue" : "Value",
      value: fields["targetValue"],
      averageValue: fields["targetAverageValue"],
    }),
};

const isZero = (value: unknown): boolean =>
  typeof value === "string" && tryParseQuantity(value)?.isZero() === true;

function current(fields: Fields): Fields {
  return defined({
    value: fields["currentValue"],
    averageValue: fields["currentAverageValue"] ?? fields["averageValue"],
    averageUtilization: fields["currentAverageUtilization"],
  });
}

const identifier = (fields: Fields): Fields =>
  defined({ name: fields["metricName"], selector: fields["selector"] ?? fields["metricSelector"] });

/** A v1 metric in the words of v2; `side` is `target` for a spec and `current` for a status. */
function renew(metric: Fields, side: "target" | "current"): Fields {
  const amount = (kind: keyof typeof targets, fields: Fields): Fields =>
    side === "target" ? targets[kind](fields) : current(fields);
  const resource = part(metric, "resource");
  const container = part(metric, "containerResource");
  const pods = part(metric, "pods");
  const object = part(metric, "object");
  const external = part(metric, "external");
  return defined({
    type: metric["type"],
    resource: resource && { name: resource["name"], [side]: amount("resource", resource) },
    containerResource: container && {
      name: container["name"],
      container: container["container"],
      [side]: amount("resource", container),
    },
    pods: pods && { metric: identifier(pods), [side]: amount("pods", pods) },
    object: object && {
      describedObject: object["target"],
      metric: identifier(object),
      [side]: amount("object", object),
    },
    external: external && { metric: identifier(external), [side]: amount("external", external) },
  });
}

const newMetric = (metric: Fields): Fields => renew(metric, "target");
const newStatus = (metric: Fields): Fields => renew(metric, "current");
