import type { IncomingMessage } from "node:http";
import type { GrpcProbe, HttpProbe, ProbeNetwork, TcpProbe } from "../options.ts";
import { checkHealth } from "./grpc-health.ts";

/** As much of an answer as is read and shown. */
const bodyBytesMax = 10 * 1024;

/** Probes over the machine's own network. Errors are worded as Go's net/http and net word them: users know those. */
export const machineNetwork: ProbeNetwork = {
  async httpGet(request) {
    const { request: send } = await (request.scheme === "https" ? import("node:https") : import("node:http"));
    return await new Promise((resolve, reject) => {
      const url = urlOf(request);
      const call = send(url, {
        method: "GET",
        headers: headersOf(request),
        // A probe asks whether the server answers, not who it is.
        ...(request.scheme === "https" ? { rejectUnauthorized: false } : {}),
        agent: false,
        timeout: request.timeoutMs,
        signal: AbortSignal.timeout(request.timeoutMs),
      });
      call.on("response", (response) => readBody(response, resolve));
      call.on("timeout", () => call.destroy(new Error("timeout")));
      call.on("error", (error) => reject(new Error(`Get "${url}": ${wording(error, request)}`)));
      call.end();
    });
  },

  async tcpConnect(request) {
    const { connect } = await import("node:net");
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: request.host, port: request.port, timeout: request.timeoutMs });
      socket.on("connect", () => {
        socket.destroy();
        resolve();
      });
      socket.on("timeout", () => socket.destroy(new Error("timeout")));
      socket.on("error", (error) => reject(new Error(wording(error, request))));
    });
  },

  grpcCheck: (request: GrpcProbe) => checkHealth(request),
};

function readBody(
  response: IncomingMessage,
  resolve: (answer: { statusCode: number; body: string }) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const done = (): void => {
    const body = Buffer.concat(chunks).subarray(0, bodyBytesMax).toString();
    resolve({ statusCode: response.statusCode ?? 0, body });
  };
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= bodyBytesMax) response.destroy();
  });
  response.on("close", done);
}

export function urlOf({ scheme, host, port, path }: HttpProbe): string {
  const address = host.includes(":") ? `[${host}]` : host;
  return `${scheme}://${address}:${port}${path.startsWith("/") ? path : `/${path}`}`;
}

/** The probe's own headers win over those that every probe carries; an empty one takes a default away. */
function headersOf({ headers }: HttpProbe): Record<string, string> {
  const result: Record<string, string> = {
    "User-Agent": "kube-probe/1.36",
    Accept: "*/*",
    Connection: "close",
  };
  for (const { name, value } of headers) {
    const known = Object.keys(result).find((key) => key.toLowerCase() === name.toLowerCase()) ?? name;
    if (value === "" && known in result) delete result[known];
    else result[known] = value;
  }
  return result;
}

function wording(error: Error & { code?: string }, { host, port }: TcpProbe): string {
  const target = `dial tcp ${host}:${port}:`;
  switch (error.code) {
    case "ECONNREFUSED":
      return `${target} connect: connection refused`;
    case "EHOSTUNREACH":
      return `${target} connect: no route to host`;
    case "ENETUNREACH":
      return `${target} connect: network is unreachable`;
    case "ECONNRESET":
      return `read tcp ${host}:${port}: read: connection reset by peer`;
    case "ENOTFOUND":
      return `dial tcp: lookup ${host}: no such host`;
    case "ABORT_ERR":
      return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
    default:
      return error.message === "timeout" || error.code === "ETIMEDOUT"
        ? `${target} i/o timeout`
        : error.message;
  }
}
