import { PassThrough, type Readable } from "node:stream";
import { afterEach, beforeEach, expect, it } from "vitest";
import { failure } from "../../apiserver/testing/api.ts";
import type { ContainerTarget, NodeConnection } from "../../streaming/node-connection.ts";
import { startRegistryServer } from "../testing/registry-server.ts";
import { connectHandlers } from "./index.ts";

let server: Awaited<ReturnType<typeof startRegistryServer>>;
let uid = "";
let did: string[];

const said = ({ pod, container }: ContainerTarget, what: string): void => {
  did.push(`${what} in ${pod}/${container}`);
};
/** Commands say their own name; `false` ends badly. */
const node: NodeConnection = {
  logs: () => Promise.reject(new Error("unused")),
  exec: async (target, { command, tty }, { stdout, stderr }) => {
    said(target, `${command.join(" ")}${tty ? " on a terminal" : ""}`);
    stdout?.write(command.join(" "));
    stderr?.write("!");
    return { exitCode: command[0] === "false" ? 1 : 0 };
  },
  attach: async (target) => said(target, "attach"),
  portForward: async ({ pod }, port) => {
    did.push(`${pod}:${port}`);
    const echo = new PassThrough();
    return { readable: echo, writable: echo, close: () => echo.destroy() };
  },
};

beforeEach(async () => {
  did = [];
  server = await startRegistryServer({
    nodes: { connection: (name) => (name === "n1" ? node : undefined) },
    connect: (dependencies) => connectHandlers(dependencies, server?.clock),
  });
  const { api } = server;
  for (const name of ["n1", "n9"])
    await api.post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  const containers = [{ name: "main", image: "app" }];
  for (const [name, nodeName] of [
    ["web", "n1"],
    ["lost", "n9"],
  ] as const) {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { nodeName, containers } };
    const made = await api.post("/api/v1/namespaces/default/pods", pod);
    if (name === "web") uid = made.metadata.uid ?? "";
  }
});
afterEach(async () => server.server.close());

const at = (path: string): string => `/api/v1/nodes/n1/proxy/${path.replace("UID", uid)}`;

async function output(path: string, query: Record<string, string | string[]>): Promise<string> {
  const { messages } = await server.transport.connect({
    path: at(path),
    query,
    protocols: ["v5.channel.k8s.io"],
  });
  const parts: string[] = [];
  for await (const message of messages as AsyncIterable<Buffer>)
    parts.push(`${message[0]}:${message.subarray(1).toString()}`);
  return parts.filter((part) => part.length > 2).join(" ");
}

it.each([
  ["exec/default/web/main", { command: ["ls", "-l"], output: "1", error: "1" }, "ls -l in web/main"],
  ["exec/default/web/UID/main", { command: "ls", output: "1" }, "ls in web/main"],
  [
    "exec/default/web/main",
    { command: "sh", output: "1", error: "1", tty: "1" },
    "sh on a terminal in web/main",
  ],
  ["attach/default/web/main", { output: "1" }, "attach in web/main"],
])("%s with %j does: %s", async (path, query, expected) => {
  await output(path, query);
  expect(did).toEqual([expected]);
});

it("exec gives back what the command says, and how it ended", async () => {
  const text = await output("exec/default/web/main", { command: "false", output: "1", error: "1" });
  expect(text).toContain("1:false");
  expect(text).toContain("2:!");
  expect(text).toContain("NonZeroExitCode");
});

it("run answers with the output of a command", async () => {
  const run = (cmd: string): Promise<Readable | AsyncIterable<Uint8Array>> =>
    server.transport.stream({ method: "POST", path: at("run/default/web/main"), query: { cmd } });
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await run("ls -l")) as AsyncIterable<Uint8Array>) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("ls -l!");
  expect(await failure(run("false"))).toMatchObject({ code: 500 });
});

it.each([
  ["GET", "run/default/web/main", 405],
  ["DELETE", "exec/default/web/main", 405],
  ["GET", "exec/default/web/main", 400],
  ["GET", "exec/default/web/main?output=1", 400],
  ["GET", "exec/default/lost/main?output=1", 404],
  ["GET", "exec/default/nobody/main?output=1", 404],
  ["GET", "attach/default/web/other-uid/main?output=1", 404],
  ["GET", "portForward/default/web/other-uid", 404],
  ["GET", "portForward/default/web/UID", 400],
  ["GET", "exec/default/web", 404],
  ["GET", "exec/default/web/UID/main/more", 404],
] as const)("%s %s is refused with %i", async (method, path, code) => {
  const [place = "", query = ""] = path.split("?");
  const request = { method, path: at(place), query: Object.fromEntries(new URLSearchParams(query)) };
  expect(await failure(server.transport.request(request))).toMatchObject({ code });
  expect(did).toEqual([]);
});
