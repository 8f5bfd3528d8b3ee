import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { ConnectCall, ConnectHandlers } from "../../apiserver/endpoints/connect.ts";
import type { ObjectReader } from "../../apiserver/object-reader.ts";
import type { NodeLocator } from "../../apiserver/registry/strategy.ts";
import type { ContainerTarget, NodeConnection } from "../../streaming/node-connection.ts";
import type { ConnectPort } from "../../streaming/port-forward.ts";
import type { RemoteCommandRequest } from "../../streaming/remote-command.ts";
import { chooseContainer } from "./containers.ts";
import { nodeOf } from "./node-of.ts";
import { proxyToNode } from "./node-proxy.ts";
import { proxyToPod } from "./proxy.ts";
import { portForward, remoteCommand } from "./streams.ts";

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
      return portForward(call, call.request.query.getAll("ports"), connectPort);
    },
    proxy: (call) =>
      call.resource === "nodes" ? proxyToNode(call, reader, nodes, clock) : proxyToPod(call, reader, nodes),
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
