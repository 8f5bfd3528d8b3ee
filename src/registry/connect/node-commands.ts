import { PassThrough } from "node:stream";
import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest, newMethodNotAllowed } from "../../apimachinery/status.ts";
import { type ApiResponse, textResponse } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { ContainerTarget, NodeConnection } from "../../streaming/node-connection.ts";
import type { RemoteCommandRequest } from "../../streaming/remote-command.ts";
import { portForward, remoteCommand } from "./streams.ts";

export interface NodeCommandContext {
  readonly reader: ObjectReader;
  readonly node: NodeConnection;
  readonly nodeName: string;
  readonly clock: Clock;
}

/** What `/run` gives back of a command's output. */
const maxOutputBytes = 16 * 1024 * 1024;

/**
 * The commands of a kubelet: `/exec`, `/attach` and `/run` with namespace, pod, perhaps its uid, and container;
 * `/portForward` with namespace, pod and perhaps its uid. Their queries have names of their own: `input`, `output`,
 * `error`, `tty`, `command` (of `run`: `cmd`), `port`. Undefined for any other path. Mirrors pkg/kubelet/server.
 */
export async function nodeCommand(
  call: ConnectCall,
  path: string,
  context: NodeCommandContext,
): Promise<ApiResponse | undefined> {
  const [, verb = "", namespace = "", name = "", ...rest] = path.split("/");
  const withContainer = ["exec", "attach", "run"].includes(verb);
  if (!withContainer && verb !== "portForward") return undefined;
  const container = withContainer ? rest.pop() : "";
  const [uid = "", ...others] = rest;
  if (container === undefined || others.length > 0 || name === "") return undefined;
  const methods = verb === "run" ? ["POST"] : ["GET", "POST"];
  if (!methods.includes(call.request.method)) throw newMethodNotAllowed();
  const { reader, node, nodeName, clock } = context;
  // What is missing in a request is told before whether its pod is there.
  const wanted = verb === "exec" || verb === "attach" ? streamsOf(call) : undefined;
  const pod = reader.get<Pod>({ group: "", resource: "pods" }, namespace, name);
  if (pod === undefined || pod.spec.nodeName !== nodeName) return textResponse(404, "pod does not exist");
  const podUid = pod.metadata.uid ?? "";
  if (uid !== "" && uid !== podUid) return textResponse(404, "pod not found");
  const target = { namespace, pod: name, podUid, container };
  const { query } = call.request;
  if (wanted === undefined) {
    return verb === "run"
      ? await run(call, target, node)
      : portForward(call, query.getAll("port"), (port, signal) => node.portForward(target, port, signal));
  }
  return remoteCommand(call, wanted, clock, (streams, signal) =>
    verb === "exec"
      ? node.exec(target, { command: query.getAll("command"), tty: wanted.tty }, streams, signal)
      : node.attach(target, { tty: wanted.tty }, streams, signal),
  );
}

function streamsOf({ request: { query } }: ConnectCall): RemoteCommandRequest {
  const flag = (name: string): boolean => query.get(name) === "1";
  const tty = flag("tty");
  // A terminal has one output.
  const wanted = { stdin: flag("input"), stdout: flag("output"), stderr: flag("error") && !tty, tty };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw newBadRequest("you must specify at least 1 of stdin, stdout, stderr");
  }
  return wanted;
}

/** All that a command says, when it has ended well. */
async function run(
  { request, context }: ConnectCall,
  target: ContainerTarget,
  node: NodeConnection,
): Promise<ApiResponse> {
  const chunks: Buffer[] = [];
  let length = 0;
  const collect = (): PassThrough =>
    new PassThrough().on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxOutputBytes) chunks.push(chunk);
    });
  const streams = { stdout: collect(), stderr: collect() };
  const command = (request.query.get("cmd") ?? "").split(" ");
  const { exitCode } = await node.exec(target, { command, tty: false }, streams, context.signal);
  const bytes = Buffer.concat(chunks);
  if (exitCode === 0) return { type: "bytes", status: 200, contentType: "application/json", bytes };
  return textResponse(500, `command '${command.join(" ")}' exited with ${exitCode}: ${bytes.toString()}`);
}
