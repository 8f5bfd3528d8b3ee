import type { Clock } from "../../apimachinery/clock.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepCopy, isObject } from "../../apimachinery/json.ts";
import type { DeleteOptions } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { newConflict, newGenericNotFound } from "../../apimachinery/status.ts";
import type { TransportRequest } from "../../apimachinery/transport.ts";
import type { RequestTarget } from "./request-path.ts";

export interface SubresourceOutcome {
  /** The object to store, when it changes. */
  readonly next?: UnstructuredObject;
  /** The body of the answer; the stored object when absent. */
  readonly answer?: unknown;
  /** The object is to be deleted so. */
  readonly evict?: DeleteOptions;
}

/** What a request to a subresource other than status does. Unknown ones get 404. */
export function applySubresource(
  stored: UnstructuredObject,
  request: TransportRequest,
  { reference, subresource }: RequestTarget,
  clock: Clock,
): SubresourceOutcome {
  switch (`${reference.resource}/${subresource}`) {
    case "pods/binding":
      return { next: bound(stored, request.body, clock), answer: success };
    case "pods/eviction":
      return { evict: evictionOptions(request.body), answer: success };
    case "serviceaccounts/token":
      return { answer: tokenRequest(stored, request.body, clock) };
    case "namespaces/finalize":
      return { next: withSpec(stored, request.body) };
    case "certificatesigningrequests/approval":
      return { next: withStatus(stored, request.body) };
    case "pods/ephemeralcontainers":
    case "pods/resize":
      return { next: withSpec(stored, request.body) };
    case "deployments/scale":
    case "replicasets/scale":
    case "statefulsets/scale":
    case "replicationcontrollers/scale":
      return scaled(stored, request);
    default:
      throw newGenericNotFound();
  }
}

const success = { apiVersion: "v1", kind: "Status", metadata: {}, status: "Success" };

function bound(stored: UnstructuredObject, body: unknown, clock: Clock): UnstructuredObject {
  const next = deepCopy(stored);
  const spec = record(next["spec"]);
  const name = stored.metadata.name ?? "";
  if (typeof spec["nodeName"] === "string" && spec["nodeName"] !== "") {
    const why = `pod ${name} is already assigned to node ${JSON.stringify(spec["nodeName"])}`;
    throw newConflict({ group: "", resource: "pods/binding" }, name, why);
  }
  const nodeName = record(record(body)["target"])["name"];
  next["spec"] = { ...spec, nodeName };
  const status = record(next["status"]);
  const others = Array.isArray(status["conditions"]) ? status["conditions"] : [];
  const conditions = [
    ...others.filter((condition) => record(condition)["type"] !== "PodScheduled"),
    { type: "PodScheduled", status: "True", lastTransitionTime: formatTime(clock.now()) },
  ];
  next["status"] = { ...status, conditions };
  return next;
}

function evictionOptions(body: unknown): DeleteOptions {
  return record(record(body)["deleteOptions"]);
}

function tokenRequest({ metadata }: UnstructuredObject, body: unknown, clock: Clock): unknown {
  const request = record(body);
  const seconds = record(request["spec"])["expirationSeconds"];
  const lifetimeMs = (typeof seconds === "number" ? seconds : 3600) * 1000;
  const status = {
    token: `token-of-${metadata.namespace}-${metadata.name}`,
    expirationTimestamp: formatTime(clock.now() + lifetimeMs),
  };
  return { ...request, status };
}

function withSpec(stored: UnstructuredObject, body: unknown): UnstructuredObject {
  return { ...deepCopy(stored), spec: deepCopy(record(body)["spec"]) };
}

function withStatus(stored: UnstructuredObject, body: unknown): UnstructuredObject {
  return { ...deepCopy(stored), status: deepCopy(record(body)["status"]) };
}

function scaled(stored: UnstructuredObject, request: TransportRequest): SubresourceOutcome {
  const current = scaleOf(stored);
  if (request.method === "GET") return { answer: current };
  const wanted = request.method === "PATCH" ? applyMergePatch(current, request.body) : request.body;
  const replicas = record(record(wanted)["spec"])["replicas"] ?? 0;
  const next = deepCopy(stored);
  next["spec"] = { ...record(next["spec"]), replicas };
  return { next, answer: scaleOf(next) };
}

function scaleOf(object: UnstructuredObject): UnstructuredObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  return {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: record(object["spec"])["replicas"] ?? 0 },
    status: { replicas: record(object["status"])["replicas"] ?? 0 },
  };
}

const record = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});
