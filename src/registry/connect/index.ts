import { duplexPair } from "node:stream";
import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { ApiResponse } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall, ConnectHandlers } from "../../apiserver/endpoints/connect.ts";
import { upgraded } from "../../apiserver/endpoints/upgraded.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import type { ContainerTarget, NodeConnection } from "../../streaming/node-connection.ts";
import {
  type ConnectPort,
  parsePort,
  portForwardTunnelProtocol,
  servePortForwardTunnel,
} from "../../streaming/port-forward.ts";
import {
  type RemoteCommand,
  type RemoteCommandRequest,
  remoteCommandProtocols,
  serveRemoteCommandChannels,
} from "../../streaming/remote-command.ts";
import { upgradePortForward, upgradeRemoteCommand } from "../../streaming/upgrade.ts";
import { chooseContainer } from "./containers.ts";
import { nodeOf } from "./node-of.ts";
import { proxyToNode } from "./node-proxy.ts";
import { proxyToPod } from "./proxy.ts";

/** Exec, attach, port-forward and proxies, through the connection to the pod's node. */
export function connectHandlers(
  { reader, nodes }: { readonly reader: ObjectReader; readonly nodes: NodeLocator },
  clock: Clock,
): ConnectHandlers {
  return {
    exec(call) {
      const { node, target } = containerOf(call, nodes);
      const command = call.request.query.getAll("command");
      if (command.length === 0) throw newBadRequest("you must specify at least 1 command for the container");
      const wanted = streamsOf(call);
      return remoteCommand(call, wanted, clock, (streams, signal) =>
        node.exec(target, { command, tty: wanted.tty }, streams, signal),
      );
    },
    attach(call) {
      const { node, target } = containerOf(call, nodes);
      const wanted = streamsOf(call);
      return remoteCommand(call, wanted, clock, (streams, signal) =>
        node.attach(target, { tty: wanted.tty }, streams, signal),
      );
    },
    portForward(call) {
      const { node, target } = podOf(call, nodes);
      const connectPort: ConnectPort = (port, signal) => node.portForward(target, port, signal);
      return portForward(call, connectPort);
    },
    proxy: (call) =>
      call.resource === "nodes" ? proxyToNode(call, reader, nodes) : proxyToPod(call, reader, nodes),
  };
}

function podOf(call: ConnectCall, nodes: NodeLocator) {
  const pod = call.object as unknown as Pod;
  return { pod, ...nodeOf(pod, nodes) };
}

function containerOf(
  call: ConnectCall,
  nodes: NodeLocator,
): { node: NodeConnection; target: ContainerTarget } {
  const { pod, node, target } = podOf(call, nodes);
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
    throw newBadRequest(
      `cannot exec into a container in a completed pod; current phase is ${pod.status.phase}`,
    );
  }
  return {
    node,
    target: { ...target, container: chooseContainer(pod, call.request.query.get("container") ?? "") },
  };
}

function streamsOf({ request: { query } }: ConnectCall): RemoteCommandRequest {
  const flag = (name: string): boolean => ["true", "1"].includes(query.get(name) ?? "");
  const wanted = { stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr"), tty: flag("tty") };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw newBadRequest("you must specify at least 1 of stdin, stdout, stderr");
  }
  return wanted;
}

async function remoteCommand(
  call: ConnectCall,
  wanted: RemoteCommandRequest,
  clock: Clock,
  command: RemoteCommand,
): Promise<ApiResponse> {
  const { upgrade, channel } = call.request;
  if (channel !== undefined) {
    const protocol =
      remoteCommandProtocols.find((ours) => channel.protocols.includes(ours)) ?? "v5.channel.k8s.io";
    const [near, far] = duplexPair({ objectMode: true });
    channel.accept({ protocol, messages: near, close: () => near.destroy() });
    return {
      type: "upgraded",
      ended: serveRemoteCommandChannels({ protocol, messages: far }, wanted, command),
    };
  }
  if (upgrade === undefined) throw newBadRequest("Upgrade request required");
  const ended = upgradeRemoteCommand({ ...upgrade, request: upgrade.message }, wanted, command, clock);
  return await upgraded(ended);
}

async function portForward(call: ConnectCall, connectPort: ConnectPort): Promise<ApiResponse> {
  const { upgrade, channel, query } = call.request;
  if (channel !== undefined) {
    const [near, far] = duplexPair({ objectMode: true });
    channel.accept({ protocol: portForwardTunnelProtocol, messages: near, close: () => near.destroy() });
    return { type: "upgraded", ended: servePortForwardTunnel(far, connectPort) };
  }
  if (upgrade === undefined) throw newBadRequest("Upgrade request required");
  const ports = query
    .getAll("ports")
    .flatMap((list) => list.split(","))
    .map(parsePort);
  const valid = ports.filter((port) => port !== undefined);
  if (valid.length !== ports.length)
    throw newBadRequest("a port of the query is not a number between 1 and 65535");
  return await upgraded(upgradePortForward({ ...upgrade, request: upgrade.message }, valid, connectPort));
}
