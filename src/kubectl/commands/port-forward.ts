import { createServer, type Server, type Socket } from "node:net";
import type { Pod, Service } from "../../api/types/core-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { StatusError } from "../../apimachinery/status.ts";
import {
  type LocalConnection,
  PortForwardTunnel,
  portForwardClientProtocols,
  runPortForward,
  tunnelClientProtocols,
} from "../../streaming/client-port-forward.ts";
import { pathOf } from "../api.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";
import { attachablePod, podOrOwner, podResource } from "../pod-selection.ts";

export const portForwardCommand: KubectlCommand = {
  usage: "TYPE/NAME [options] [LOCAL_PORT:]REMOTE_PORT [...[LOCAL_PORT_N:]REMOTE_PORT_N]",
  summary: "Forward one or more local ports to a pod",
  flags: {
    address: { type: "list", help: "local addresses to listen on; localhost is both loopback addresses" },
    "pod-running-timeout": { type: "duration", default: 60_000, help: "how long to wait for a pod to run" },
  },
  run: portForward,
};

interface PortPair {
  readonly local: number;
  readonly remote: number;
}

async function portForward(context: CommandContext): Promise<void> {
  const { args, session, io, path } = context;
  const [name, ...specs] = args;
  if (name === undefined || specs.length === 0) {
    throw new KubectlError(`TYPE/NAME and list of ports are required for port-forward\n${usageHint(path)}`);
  }
  const target = await podOrOwner(session, name);
  const object = await session.api.get(target);
  const pod = await attachablePod(context, target);
  const pairs = specs.map((spec) => parsePair(spec, object, pod));
  if (pod.status?.phase !== "Running") {
    throw new KubectlError(
      `unable to forward port because pod is not running. Current status=${pod.status?.phase ?? ""}`,
    );
  }
  const interrupted = io.interrupted();
  const resource = await podResource(session);
  const podPath = pathOf({
    resource,
    namespace: pod.metadata.namespace,
    name: pod.metadata.name,
    subresource: "portforward",
  });
  const way = await openWay(context, podPath);
  const servers: Server[] = [];
  for (const pair of pairs) servers.push(...(await listenAll(context, way, pair)));
  if (servers.length === 0)
    throw new KubectlError(
      `unable to listen on any of the requested ports: [{${pairs.map(({ local, remote }) => `${local} ${remote}`).join("} {")}}]`,
    );
  const isLost = await Promise.race([
    way.lost.then(() => true),
    new Promise<false>((resolve) => {
      if (interrupted.aborted) resolve(false);
      else interrupted.addEventListener("abort", () => resolve(false), { once: true });
    }),
  ]);
  for (const server of servers) server.close();
  way.close();
  if (isLost) throw new KubectlError("lost connection to pod");
}

/** How connections reach the pod. */
interface Way {
  forward(port: number, local: LocalConnection): Promise<void>;
  /** Resolves when no more connections can be made. */
  readonly lost: Promise<void>;
  close(): void;
}

/** One tunnel for all connections, or a WebSocket for each with a server that does not know tunnels. */
async function openWay({ session: { transport } }: CommandContext, path: string): Promise<Way> {
  try {
    const { messages } = await transport.connect({ path, protocols: tunnelClientProtocols });
    const tunnel = new PortForwardTunnel(messages);
    return {
      forward: (port, local) => tunnel.forward(port, local),
      lost: tunnel.closed,
      close: () => tunnel.close(),
    };
  } catch (error) {
    if (error instanceof StatusError && !isOldServer(error)) throw error;
  }
  return {
    async forward(port, local) {
      const query = { ports: String(port) };
      const connection = await transport.connect({ path, query, protocols: portForwardClientProtocols });
      await runPortForward(connection, local);
    },
    lost: new Promise(() => undefined),
    close: () => undefined,
  };
}

/** Before 1.30 the kubelet answers, which knows only the protocols with channels and wants ports in the query. */
const isOldServer = ({ code, status }: StatusError): boolean =>
  code === 400 || (code === 403 && status.details === undefined);

/** `8080:80`, `80`, `:80` and names; a port of a service becomes the one of its pods. */
function parsePair(spec: string, object: UnstructuredObject, pod: Pod): PortPair {
  const [first = "", second, ...rest] = spec.split(":");
  if (rest.length > 0) throw new KubectlError(`invalid port format '${spec}'`);
  const remoteText = second ?? first;
  const remote =
    object.kind === "Service"
      ? servicePort(object as unknown as Service, pod, remoteText)
      : podPort(pod, remoteText);
  const localText =
    second === undefined ? (/^\d+$/.test(first) ? first : String(remote)) : first === "" ? "0" : first;
  const local = Number(localText);
  if (!Number.isInteger(local) || local < 0 || local > 65_535) {
    const why = /^\d+$/.test(localText) ? "value out of range" : "invalid syntax";
    throw new KubectlError(
      `error parsing local port '${localText}': strconv.ParseUint: parsing ${JSON.stringify(localText)}: ${why}`,
    );
  }
  if (remote < 1 || remote > 65_535) throw new KubectlError("remote port must be > 0");
  return { local, remote };
}

function servicePort(service: Service, pod: Pod, text: string): number {
  const ports = service.spec.ports ?? [];
  const port = /^\d+$/.test(text)
    ? ports.find((known) => known.port === Number(text))
    : ports.find(({ name }) => name === text);
  if (port === undefined) {
    throw new KubectlError(
      /^\d+$/.test(text)
        ? `Service ${service.metadata.name} does not have a service port ${text}`
        : `Service '${service.metadata.name}' does not have a named port '${text}'`,
    );
  }
  if (service.spec.clusterIP === "None") return port.port;
  const { targetPort } = port;
  if (targetPort === undefined || targetPort === 0) return port.port;
  return typeof targetPort === "number" ? targetPort : podPort(pod, targetPort);
}

function podPort(pod: Pod, text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  for (const { ports = [] } of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) {
    const found = ports.find(({ name }) => name === text);
    if (found !== undefined) return found.containerPort;
  }
  throw new KubectlError(`Pod '${pod.metadata.name}' does not have a named port '${text}'`);
}

/** Listens on every address that is free; both loopback addresses stand for one. */
async function listenAll(context: CommandContext, way: Way, { local, remote }: PortPair): Promise<Server[]> {
  const { flags, io } = context;
  const wanted = flags.list("address").length === 0 ? ["localhost"] : flags.list("address");
  const addresses = wanted.flatMap((address) => (address === "localhost" ? ["127.0.0.1", "::1"] : [address]));
  const servers: Server[] = [];
  let port = local;
  for (const address of addresses) {
    try {
      const server = await listen(address, port, (socket) => forward(context, way, socket, remote, port));
      const bound = server.address();
      port = typeof bound === "object" && bound !== null ? bound.port : port;
      servers.push(server);
      io.out(`Forwarding from ${address.includes(":") ? `[${address}]` : address}:${port} -> ${remote}\n`);
    } catch (error) {
      const isSecondLoopback = address === "::1" && servers.length > 0;
      if (!isSecondLoopback)
        io.err(
          `Unable to listen on port ${port}: Listeners failed to create with the following errors: [${plainText(error)}]\n`,
        );
    }
  }
  return servers;
}

function listen(address: string, port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, onConnection);
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}

function forward({ io }: CommandContext, way: Way, socket: Socket, remote: number, local: number): void {
  io.out(`Handling connection for ${local}\n`);
  socket.on("error", () => socket.destroy());
  way
    .forward(remote, { readable: socket, writable: socket })
    .catch((error: unknown) => {
      io.err(`error: an error occurred forwarding ${local} -> ${remote}: ${plainText(error)}\n`);
      // A pod that refuses one connection is given up, as kubectl does.
      way.close();
    })
    .finally(() => socket.destroy());
}
