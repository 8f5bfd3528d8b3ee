import type { Pod } from "../../api/types/core-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { ClusterNodes } from "../../apiserver/connected-node.ts";
import type { ConnectCall, ConnectHandlers } from "../../apiserver/endpoints/connect.ts";
import type { ContainerTarget, NodeConnection } from "../../streaming/node-connection.ts";
import type { ConnectPort } from "../../streaming/port-forward.ts";
import type { RemoteCommandRequest } from "../../streaming/remote-command.ts";
import { chooseContainer } from "./containers.ts";
import { nodeOf } from "./node-of.ts";
import { proxyToNode } from "./node-proxy.ts";
import { proxyToPod } from "./proxy.ts";
import { portForward, remoteCommand } from "./streams.ts";

/** Exec, attach, port-forward and proxies, through the connection to the pod's node. */
export function connectHandlers(cluster: ClusterNodes, clock: Clock): ConnectHandlers {
  const { reader, nodes } = cluster;
  return {
    exec(call) {
      const { node, target } = containerOf(call, cluster);
      const command = call.request.query.getAll("command");
      if (command.length === 0) throw newBadRequest("you must specify at least 1 command for the container");
      const wanted = streamsOf(call);
      return remoteCommand(call, wanted, clock, (streams, signal) =>
        node.exec(target, { command, tty: wanted.tty }, streams, signal),
      );
    },
    attach(call) {
      const { node, target } = containerOf(call, cluster);
      const wanted = streamsOf(call);
      return remoteCommand(call, wanted, clock, (streams, signal) =>
        node.attach(target, { tty: wanted.tty }, streams, signal),
      );
    },
    portForward(call) {
      const { node, target } = nodeOf(podOf(call), cluster);
      const connectPort: ConnectPort = (port, signal) => node.portForward(target, port, signal);
      return portForward(call, call.request.query.getAll("ports"), connectPort);
    },
    proxy: (call) =>
      call.resource === "nodes" ? proxyToNode(call, reader, nodes, clock) : proxyToPod(call, reader, nodes),
  };
}

const podOf = (call: ConnectCall): Pod => call.object as unknown as Pod;

function containerOf(
  call: ConnectCall,
  cluster: ClusterNodes,
): { node: NodeConnection; target: ContainerTarget } {
  const pod = podOf(call);
  const container = chooseContainer(pod, call.request.query.get("container") ?? "");
  const { node, target } = nodeOf(pod, cluster);
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") {
    throw newBadRequest(
      `cannot exec into a container in a completed pod; current phase is ${pod.status.phase}`,
    );
  }
  return { node, target: { ...target, container } };
}

function streamsOf({ request: { query } }: ConnectCall): RemoteCommandRequest {
  const flag = (name: string): boolean => ["true", "1"].includes(query.get(name) ?? "");
  const wanted = { stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr"), tty: flag("tty") };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw newBadRequest("you must specify at least 1 of stdin, stdout, stderr");
  }
  return wanted;
}
