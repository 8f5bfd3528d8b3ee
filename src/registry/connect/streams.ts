import { duplexPair } from "node:stream";
import type { Clock } from "../../apimachinery/clock.ts";
import { newBadRequest } from "../../apimachinery/status.ts";
import type { ApiResponse } from "../../apiserver/endpoints/api-request.ts";
import type { ConnectCall } from "../../apiserver/endpoints/connect.ts";
import { upgraded } from "../../apiserver/endpoints/upgraded.ts";
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

/** Runs or joins a command, over whatever the client upgrades to. */
export async function remoteCommand(
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

/** Carries connections to ports of a pod; those `named`, in lists with commas, or those that the client names as it goes. */
export async function portForward(
  call: ConnectCall,
  named: readonly string[],
  connectPort: ConnectPort,
): Promise<ApiResponse> {
  const { upgrade, channel } = call.request;
  if (channel !== undefined) {
    const [near, far] = duplexPair({ objectMode: true });
    channel.accept({ protocol: portForwardTunnelProtocol, messages: near, close: () => near.destroy() });
    return { type: "upgraded", ended: servePortForwardTunnel(far, connectPort) };
  }
  if (upgrade === undefined) throw newBadRequest("Upgrade request required");
  const ports = named.flatMap((list) => list.split(",")).map(parsePort);
  const valid = ports.filter((port) => port !== undefined);
  if (valid.length !== ports.length)
    throw newBadRequest("a port of the query is not a number between 1 and 65535");
  return await upgraded(upgradePortForward({ ...upgrade, request: upgrade.message }, valid, connectPort));
}
