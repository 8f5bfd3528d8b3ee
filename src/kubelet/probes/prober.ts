import type { Container, HTTPGetAction, Pod, Probe } from "../../api/types/core-v1.ts";
import { CriError, type RuntimeService } from "../../cri/runtime.ts";
import type { HttpProbe, ProbeKind, ProbeNetwork } from "../options.ts";

/** `error`: the probe itself did not work; it counts as a failure and is told in other words. */
export interface ProbeOutcome {
  readonly result: "success" | "failure" | "warning" | "error";
  readonly output: string;
}

/** Runs single probes. */
export class Prober {
  readonly #runtime: RuntimeService;
  readonly #network: ProbeNetwork;

  constructor(runtime: RuntimeService, network: ProbeNetwork) {
    this.#runtime = runtime;
    this.#network = network;
  }

  async probe(
    kind: ProbeKind,
    probe: Probe,
    target: {
      readonly pod: Pod;
      readonly container: Container;
      readonly containerId: string;
      readonly podIp: string;
    },
  ): Promise<ProbeOutcome> {
    const { container, containerId, podIp } = target;
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    const base = { containerId, kind, timeoutMs };
    try {
      if (probe.exec !== undefined) return await this.#exec(containerId, probe.exec.command ?? [], timeoutMs);
      if (probe.httpGet !== undefined) {
        return await this.#http({ ...base, ...httpTarget(probe.httpGet, container, podIp) });
      }
      if (probe.tcpSocket !== undefined) {
        const { host = podIp, port } = probe.tcpSocket;
        return await this.#tcp({
          ...base,
          host: host === "" ? podIp : host,
          port: portNumber(port, container),
        });
      }
      if (probe.grpc !== undefined) {
        const { port, service = "" } = probe.grpc;
        return await this.#grpc({ ...base, host: podIp, port, service });
      }
      return { result: "error", output: `missing probe handler for ${kind}` };
    } catch (error) {
      return { result: "error", output: textOf(error) };
    }
  }

  async #exec(containerId: string, command: readonly string[], timeoutMs: number): Promise<ProbeOutcome> {
    try {
      const { exitCode, stdout, stderr } = await this.#runtime.execSync(containerId, command, timeoutMs);
      const output = Buffer.concat([stdout, stderr])
        .subarray(0, 10 * 1024)
        .toString();
      return { result: exitCode === 0 ? "success" : "failure", output };
    } catch (error) {
      if (!(error instanceof CriError) || error.code !== "deadlineExceeded") throw error;
      return {
        result: "failure",
        output: `command timed out: "${command.join(" ")}" timed out after ${timeoutMs / 1000}s`,
      };
    }
  }

  async #http(request: Parameters<ProbeNetwork["httpGet"]>[0]): Promise<ProbeOutcome> {
    try {
      const { statusCode, body } = await this.#network.httpGet(request);
      if (statusCode >= 300 && statusCode < 400) {
        return { result: "warning", output: `Probe terminated redirects, Response body: ${body}` };
      }
      if (statusCode >= 200 && statusCode < 400) return { result: "success", output: body };
      return { result: "failure", output: `HTTP probe failed with statuscode: ${statusCode}` };
    } catch (error) {
      return { result: "failure", output: textOf(error) };
    }
  }

  async #tcp(request: Parameters<ProbeNetwork["tcpConnect"]>[0]): Promise<ProbeOutcome> {
    try {
      await this.#network.tcpConnect(request);
      return { result: "success", output: "" };
    } catch (error) {
      return { result: "failure", output: textOf(error) };
    }
  }

  async #grpc(request: Parameters<ProbeNetwork["grpcCheck"]>[0]): Promise<ProbeOutcome> {
    try {
      const status = await this.#network.grpcCheck(request);
      if (status === "SERVING") return { result: "success", output: "service healthy" };
      return { result: "failure", output: `service unhealthy (responded with "${status}")` };
    } catch (error) {
      return { result: "failure", output: textOf(error) };
    }
  }
}

/** Where an HTTP action leads; the pod's address unless it names a host. */
export function httpTarget(
  { host = "", path = "/", port, scheme = "HTTP", httpHeaders = [] }: HTTPGetAction,
  container: Container,
  podIp: string,
): Omit<HttpProbe, "timeoutMs"> {
  return {
    scheme: scheme.toLowerCase() === "https" ? "https" : "http",
    host: host === "" ? podIp : host,
    port: portNumber(port, container),
    path: path === "" ? "/" : path,
    headers: httpHeaders,
  };
}

/** A port by number, or by the name that the container gives it. */
export function portNumber(port: number | string, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const value = named ?? Number(port);
  if (Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new Error(`couldn't find port: "${port}" in container ${container.name}`);
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
