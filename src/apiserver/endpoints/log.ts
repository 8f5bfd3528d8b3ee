import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newInvalid, newNotFound } from "../../apimachinery/status.ts";
import type { LogOptions } from "../../streaming/node-connection.ts";
import { isWebSocketUpgrade } from "../../streaming/websocket.ts";
import { connectedNode } from "../connected-node.ts";
import { isTrue } from "../filters/request-info.ts";
import type { ServedResource } from "../registry/served-resources.ts";
import type { ApiResponse, RequestState } from "./api-request.ts";
import { integerOf } from "./list.ts";
import type { ServerCore } from "./server-core.ts";
import { upgraded } from "./upgraded.ts";

/** GET pods/log: the bytes of a container's log, from its node. */
export async function log(
  core: ServerCore,
  state: RequestState,
  served: ServedResource,
): Promise<ApiResponse> {
  const { namespace, name } = state.info;
  const { query } = state.request;
  if (served.store === undefined) throw newNotFound(served.info, name);
  const options = logOptions(query, name);
  const cached = await served.store.read(served.info, namespace, name);
  const pod = cached.object;
  const container = containerOf(pod, query.get("container") ?? "", name);
  const nodeName = textAt(pod["spec"], "nodeName");
  // Before the pod has a node there is nothing to read, and that is no error.
  if (nodeName === "") {
    if (!asksForWebSocket(state)) return { type: "stream", status: 204, headers: {}, chunks: empty() };
    return await answerWith(state, empty());
  }
  const connection = connectedNode({ reader: core.watchCache, nodes: core.nodes }, nodeName);
  const target = { namespace, pod: name, podUid: pod.metadata.uid ?? "", container };
  return await answerWith(state, await connection.logs(target, options, state.signal));
}

/** As the body, or as messages for a client that asks for a WebSocket. */
async function answerWith(
  { request: { upgrade } }: RequestState,
  chunks: AsyncIterable<Uint8Array>,
): Promise<ApiResponse> {
  if (upgrade === undefined || !isWebSocketUpgrade(upgrade.message)) {
    return { type: "stream", status: 200, headers: { "content-type": "text/plain" }, chunks };
  }
  // Loaded with the first client that asks.
  const { upgradeReader } = await import("../../streaming/upgrade.ts");
  return await upgraded(upgradeReader({ ...upgrade, request: upgrade.message }, chunks));
}

const asksForWebSocket = ({ request: { upgrade } }: RequestState): boolean =>
  upgrade !== undefined && isWebSocketUpgrade(upgrade.message);

async function* empty(): AsyncIterable<Uint8Array> {}

/** The options of a query; 422 for those that make no sense. */
export function logOptions(query: URLSearchParams, name: string): LogOptions {
  const sinceSeconds = integerOf(query, "sinceSeconds");
  const tailLines = integerOf(query, "tailLines");
  const limitBytes = integerOf(query, "limitBytes");
  const sinceTime = query.get("sinceTime") ?? "";
  const stream = query.get("stream") ?? "";
  const errors: FieldError[] = [];
  if (tailLines !== undefined && tailLines < 0) {
    errors.push(invalid("tailLines", tailLines, "must be greater than or equal to 0"));
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    errors.push(invalid("limitBytes", limitBytes, "must be greater than 0"));
  }
  if (sinceSeconds !== undefined && sinceTime !== "") {
    errors.push({
      type: "FieldValueForbidden",
      path: "[]",
      detail: "at most one of `sinceTime` or `sinceSeconds` may be specified",
    });
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    errors.push(invalid("sinceSeconds", sinceSeconds, "must be greater than 0"));
  }
  if (errors.length > 0) throw newInvalid({ group: "", kind: "PodLogOptions" }, name, errors);
  return {
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceTime === "" ? {} : { sinceTime }),
    ...(stream === "" ? {} : { stream }),
  };
}

/** The container that is meant; 400 when the pod has several and none, or a wrong one, is named. */
export function containerOf(pod: UnstructuredObject, asked: string, name: string): string {
  const containers = namesIn(pod["spec"], "containers");
  const init = namesIn(pod["spec"], "initContainers");
  const ephemeral = namesIn(pod["spec"], "ephemeralContainers");
  if (asked !== "") {
    if ([...containers, ...init, ...ephemeral].includes(asked)) return asked;
    throw newBadRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [first = ""] = containers;
  if (containers.length === 1) return first;
  // kubectl names a default container by annotation; the server does not look at it.
  const also = init.length > 0 ? ` or one of the init containers: [${init.join(" ")}]` : "";
  throw newBadRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(" ")}]${also}`,
  );
}

function namesIn(spec: unknown, field: string): string[] {
  const list = isObject(spec) ? spec[field] : undefined;
  return Array.isArray(list) ? list.map((item) => textAt(item, "name")) : [];
}

function textAt(value: unknown, field: string): string {
  const found = isObject(value) ? value[field] : undefined;
  return typeof found === "string" ? found : "";
}
