import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { RuntimeService } from "../../cri/runtime.ts";
import { newContainer, newPod } from "../testing/harness.ts";
import { machineNetwork } from "./probe-network.ts";
import { Prober, portNumber } from "./prober.ts";

const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const target = { containerId: "c", kind: "readiness", host: "127.0.0.1", timeoutMs: 1_000 } as const;
const http = { ...target, scheme: "http", path: "/", headers: [] } as const;

async function listen(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe("HTTP probes", () => {
  test("carry their headers and return status and body", async () => {
    const port = await listen(
      createServer((request, response) => {
        const { accept, host, "user-agent": agent } = request.headers;
        response
          .writeHead(418)
          .end(JSON.stringify({ accept, host, agent, url: request.url, x: request.headers["x-a"] }));
      }),
    );
    const headers = [
      { name: "X-A", value: "1" },
      { name: "Host", value: "me" },
      { name: "accept", value: "" },
    ];
    const { statusCode, body } = await machineNetwork.httpGet({
      ...http,
      port,
      path: "/healthz?a=b",
      headers,
    });
    expect(statusCode).toBe(418);
    expect(JSON.parse(body)).toEqual({ host: "me", agent: "kube-probe/1.36", url: "/healthz?a=b", x: "1" });
  });

  test("to a closed port say so in Go's words", async () => {
    const port = await closedPort();
    await expect(machineNetwork.httpGet({ ...http, port })).rejects.toThrow(
      `Get "http://127.0.0.1:${port}/": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    );
  });

  test("that get no answer time out", async () => {
    const port = await listen(createServer(() => undefined));
    await expect(machineNetwork.httpGet({ ...http, port, timeoutMs: 20 })).rejects.toThrow(
      `Get "http://127.0.0.1:${port}/":`,
    );
  });
});

test("TCP probes connect, or say why not", async () => {
  const open = await listen(createServer());
  await machineNetwork.tcpConnect({ ...target, port: open });
  const port = await closedPort();
  await expect(machineNetwork.tcpConnect({ ...target, port })).rejects.toThrow(
    `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
});

test.each([
  ["", 1, "SERVING"],
  ["db", 2, "NOT_SERVING"],
])("gRPC probes ask the health service about %j", async (service, code, expected) => {
  const server = createHttp2Server();
  let asked = "";
  server.on("stream", (stream, headers) => {
    expect(headers[":path"]).toBe("/grpc.health.v1.Health/Check");
    stream.on("data", (chunk: Buffer) => (asked = chunk.subarray(7).toString()));
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, code]));
    });
  });
  const port = await listen(server);
  expect(await machineNetwork.grpcCheck({ ...target, port, service })).toBe(expected);
  expect(asked).toBe(service);
});

describe("the prober", () => {
  const runtime = {
    execSync: (_: string, [command]: string[]) =>
      command === "boom"
        ? Promise.reject(new Error("no such container"))
        : Promise.resolve({
            exitCode: command === "ok" ? 0 : 1,
            stdout: Buffer.from("out"),
            stderr: Buffer.from("err"),
          }),
  } as unknown as RuntimeService;
  const answers = (statusCode: number) => ({
    ...machineNetwork,
    httpGet: () => Promise.resolve({ statusCode, body: "body" }),
  });
  const about = { pod: newPod("web"), container: newContainer("app"), containerId: "c", podIp: "10.0.0.1" };

  test.each([
    [200, { httpGet: { port: 80 } }, "success", "body"],
    [302, { httpGet: { port: 80 } }, "warning", "Probe terminated redirects, Response body: body"],
    [500, { httpGet: { port: 80 } }, "failure", "HTTP probe failed with statuscode: 500"],
    [200, { httpGet: { port: "nix" } }, "error", 'couldn\'t find port: "nix" in container app'],
    [0, { exec: { command: ["ok"] } }, "success", "outerr"],
    [0, { exec: { command: ["no"] } }, "failure", "outerr"],
    [0, { exec: { command: ["boom"] } }, "error", "no such container"],
  ])("answered with %i to %j says %s", async (statusCode, probe, result, output) => {
    expect(await new Prober(runtime, answers(statusCode)).probe("readiness", probe, about)).toEqual({
      result,
      output,
    });
  });

  test("finds ports by number and by name", () => {
    const container = newContainer("app", { ports: [{ name: "web", containerPort: 8080 }] });
    expect([portNumber(80, container), portNumber("web", container), portNumber("81", container)]).toEqual([
      80, 8080, 81,
    ]);
  });
});
