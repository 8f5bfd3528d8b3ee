import type { Server } from "node:http";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";

export const proxyCommand: KubectlCommand = {
  usage: "[--port=PORT] [--www=static-dir] [--www-prefix=prefix] [--api-prefix=prefix]",
  summary: "Create a proxy server between localhost and the Kubernetes API server",
  flags: {
    "accept-hosts": {
      type: "string",
      default: String.raw`^localhost$,^127\.0\.0\.1$,^\[::1\]$`,
      help: "expressions for hosts to answer",
    },
    "accept-paths": { type: "string", default: "^.*", help: "expressions for paths to answer" },
    address: { type: "string", default: "127.0.0.1", help: "the address to listen on" },
    "api-prefix": { type: "string", default: "/", help: "the API is served below this" },
    "append-server-path": { type: "bool", help: "accepted" },
    "disable-filter": { type: "bool", help: "answer everything; dangerous beyond this machine" },
    keepalive: { type: "duration", default: 0, help: "accepted" },
    port: { type: "int", short: "p", default: 8001, help: "the port to listen on; 0 for any free one" },
    "reject-methods": { type: "string", default: "^$", help: "expressions for methods to refuse" },
    "reject-paths": {
      type: "string",
      default: "^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach",
      help: "expressions for paths to refuse",
    },
    "unix-socket": { type: "string", short: "u", help: "listen on this socket instead" },
    www: { type: "string", short: "w", help: "also serve the files of this folder" },
    "www-prefix": { type: "string", short: "P", default: "/static/", help: "where they are served" },
  },
  run: proxy,
};

/** Serves the API without authentication to this machine, until it is interrupted. */
async function proxy({ session, flags, io }: CommandContext): Promise<void> {
  const port = flags.int("port");
  const socket = flags.string("unix-socket");
  if (flags.changed("port") && socket !== "") {
    throw new KubectlError("cannot set --unix-socket and --port at the same time");
  }
  if (port < 0 || port > 65_535) throw new KubectlError(`listen tcp: address ${port}: invalid port`);
  const { ApiProxy } = await import("../proxy/api-proxy.ts");
  const expressions = (name: string): RegExp[] => {
    try {
      return flags
        .string(name)
        .split(",")
        .map((text) => new RegExp(text));
    } catch (error) {
      throw new KubectlError(plainText(error), { cause: error });
    }
  };
  const www = flags.string("www");
  if (flags.bool("disable-filter") && socket === "") {
    io.err("Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious\n");
  }
  const handler = new ApiProxy({
    transport: session.transport,
    apiPrefix: flags.string("api-prefix"),
    ...(www === "" ? {} : { www: { folder: www, prefix: flags.string("www-prefix") } }),
    ...(flags.bool("disable-filter")
      ? {}
      : {
          filter: {
            acceptHosts: expressions("accept-hosts"),
            acceptPaths: expressions("accept-paths"),
            rejectPaths: expressions("reject-paths"),
            rejectMethods: expressions("reject-methods"),
          },
        }),
  });
  const interrupted = io.interrupted();
  const { createServer } = await import("node:http");
  const server = createServer((request, response) => handler.answer(request, response));
  await listen(server, socket === "" ? { host: flags.string("address"), port } : { path: socket });
  const bound = server.address();
  const shown =
    typeof bound === "object" && bound !== null
      ? bound.family === "IPv6"
        ? `[${bound.address}]:${bound.port}`
        : `${bound.address}:${bound.port}`
      : socket;
  io.out(`Starting to serve on ${shown}\n`);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener("abort", () => resolve(), { once: true });
  });
  server.close();
  server.closeAllConnections();
}

function listen(server: Server, options: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const where = "path" in options ? `unix ${options.path}` : `tcp ${options.host}:${options.port}`;
      const why = error.code === "EADDRINUSE" ? "bind: address already in use" : error.message;
      reject(new KubectlError(`listen ${where}: ${why}`, { cause: error }));
    });
    server.listen(options, resolve);
  });
}
