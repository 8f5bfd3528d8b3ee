import { createReadStream, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { StatusError } from "../../apimachinery/status.ts";
import type { Transport, TransportRequest } from "../../apimachinery/transport.ts";
import { plainText } from "../errors.ts";

export interface ApiProxyOptions {
  readonly transport: Transport;
  /** `/`, or where below it the API is served. */
  readonly apiPrefix: string;
  readonly www?: { readonly folder: string; readonly prefix: string };
  /** Without it everything is answered. */
  readonly filter?: ProxyFilter;
}

/** Which requests are passed on: pages of other origins must not reach the API through a name that leads here. */
export interface ProxyFilter {
  readonly acceptHosts: readonly RegExp[];
  readonly acceptPaths: readonly RegExp[];
  readonly rejectPaths: readonly RegExp[];
  readonly rejectMethods: readonly RegExp[];
}

const methods = new Set<string>(["GET", "POST", "PUT", "PATCH", "DELETE"]);
const isMethod = (method: string): method is TransportRequest["method"] => methods.has(method);

const contentTypes: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** Passes requests on to the API server with this client's identity, and serves a folder beside it. */
export class ApiProxy {
  readonly #options: ApiProxyOptions;

  constructor(options: ApiProxyOptions) {
    this.#options = options;
  }

  /** Answers one request of the local server. Never throws. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    this.#answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(502, { "content-type": "text/plain" });
      response.end(`${plainText(error)}\n`);
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://proxy");
    const { method = "GET", headers } = request;
    const host = (headers.host ?? "").replace(/:\d+$/, "");
    if (!this.#accepts(method, url.pathname, host)) {
      response.writeHead(403, { "content-type": "text/plain" }).end("Forbidden");
      return;
    }
    const { www, apiPrefix } = this.#options;
    if (www !== undefined && url.pathname.startsWith(slashed(www.prefix))) {
      await serveFile(www.folder, url.pathname.slice(slashed(www.prefix).length), response);
      return;
    }
    if (!url.pathname.startsWith(apiPrefix) || !isMethod(method)) {
      response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
      return;
    }
    const path = `/${url.pathname.slice(slashed(apiPrefix).length)}`;
    await this.#pass(request, response, { method, path, query: queryOf(url) });
  }

  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    target: Pick<TransportRequest, "method" | "path" | "query">,
  ): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const accept = request.headers.accept ?? "*/*";
    const left = new AbortController();
    response.once("close", () => left.abort(new Error("the client has gone")));
    try {
      const answer = await this.#options.transport.stream({
        ...target,
        accept,
        signal: left.signal,
        ...(text === "" ? {} : { body: JSON.parse(text) as unknown }),
        ...(request.headers["content-type"] === undefined
          ? {}
          : { contentType: request.headers["content-type"] }),
      });
      const isText =
        !/^\/apis?(?:\/|$)|^\/openapi|^\/version/.test(target.path) || target.path.endsWith("/log");
      response.writeHead(200, { "content-type": isText ? "text/plain; charset=utf-8" : "application/json" });
      for await (const chunk of answer) if (!response.write(chunk)) await drained(response);
      response.end();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      response.writeHead(error.status.code ?? 500, { "content-type": "application/json" });
      response.end(`${JSON.stringify(error.status, undefined, 2)}\n`);
    }
  }

  #accepts(method: string, path: string, host: string): boolean {
    const { filter } = this.#options;
    if (filter === undefined) return true;
    const matches = (expressions: readonly RegExp[], text: string): boolean =>
      expressions.some((expression) => expression.test(text));
    return (
      !matches(filter.rejectPaths, path) &&
      !matches(filter.rejectMethods, method) &&
      matches(filter.acceptPaths, path) &&
      matches(filter.acceptHosts, host)
    );
  }
}

const slashed = (prefix: string): string => (prefix.endsWith("/") ? prefix : `${prefix}/`);

function queryOf(url: URL): Record<string, string[]> {
  const query: Record<string, string[]> = {};
  for (const [key, value] of url.searchParams) (query[key] ??= []).push(value);
  return query;
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });

async function serveFile(folder: string, name: string, response: ServerResponse): Promise<void> {
  // Nothing above the folder: what leads up is taken off the beginning.
  const path = join(folder, normalize(`/${decodeURIComponent(name)}`));
  const stat = statSync(path, { throwIfNoEntry: false });
  const file = stat?.isDirectory() === true ? join(path, "index.html") : path;
  const found = stat?.isDirectory() === true ? statSync(file, { throwIfNoEntry: false }) : stat;
  if (found?.isFile() !== true) {
    response.writeHead(404, { "content-type": "text/plain" }).end("404 page not found\n");
    return;
  }
  response.writeHead(200, { "content-type": contentTypes[extname(file)] ?? "application/octet-stream" });
  await pipeline(createReadStream(file), response);
}
