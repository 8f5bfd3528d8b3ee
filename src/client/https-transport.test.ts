import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import type { WatchEvent } from "../apimachinery/transport.ts";
import { CertificateAuthority } from "../pki/index.ts";
import { acceptWebSocket } from "../streaming/websocket.ts";
import { HttpsTransport, type HttpsTransportOptions } from "./https-transport.ts";
import { ConnectionError } from "./server-answer.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}

async function serve(answer: Answer, options: Partial<HttpsTransportOptions> = {}): Promise<HttpsTransport> {
  const port = await listen(createHttp(answer));
  const transport = new HttpsTransport({ server: `http://127.0.0.1:${port}`, ...options });
  closers.push(() => transport.close());
  return transport;
}

function json(response: ServerResponse, body: unknown, code = 200): void {
  response.writeHead(code, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

describe("request()", () => {
  it("sends method, path, query, body and content type, and returns body and warnings", async () => {
    const transport = await serve(async (request, response) => {
      response.setHeader("Warning", ['299 - "first \\"x\\""', '299 - "second"']);
      json(response, {
        method: request.method,
        url: request.url,
        type: request.headers["content-type"],
        body: await bodyOf(request),
      });
    });
    const answer = await transport.request({
      method: "PATCH",
      path: "/api/v1/pods/a",
      query: { fieldManager: "me", none: undefined, many: ["a", "b c"] },
      body: { x: "ä" },
      contentType: "application/merge-patch+json",
    });
    expect(answer).toEqual({
      status: 200,
      body: {
        method: "PATCH",
        url: "/api/v1/pods/a?fieldManager=me&many=a&many=b+c",
        type: "application/merge-patch+json",
        body: '{"x":"ä"}',
      },
      warnings: ['first "x"', "second"],
    });
  });

  it("rejects with the server's Status", async () => {
    const transport = await serve((_, response) =>
      json(
        response,
        { kind: "Status", status: "Failure", reason: "NotFound", message: "gone", code: 404 },
        404,
      ),
    );
    const answer = transport.request({ method: "GET", path: "/x" });
    await expect(answer).rejects.toMatchObject({ code: 404, reason: "NotFound", message: "gone" });
  });

  it.each([
    [401, "", "Unauthorized", "the server has asked for the client to provide credentials"],
    [
      404,
      "404 page not found\n",
      "NotFound",
      "the server could not find the requested resource: 404 page not found",
    ],
    [
      500,
      "boom",
      "InternalError",
      'an error on the server ("boom") has prevented the request from succeeding',
    ],
  ])("makes a Status of an answer %d that has none", async (code, text, reason, message) => {
    const transport = await serve((_, response) => response.writeHead(code).end(text));
    await expect(transport.request({ method: "GET", path: "/x" })).rejects.toMatchObject({
      code,
      reason,
      message,
    });
  });

  it("waits as long as a busy server asks", async () => {
    const waitsMs: number[] = [];
    class ImpatientClock extends VirtualClock {
      override async sleep(delayMs: number): Promise<void> {
        waitsMs.push(delayMs);
      }
    }
    const answers = [429, 503, 200];
    const transport = await serve(
      (_, response) => response.writeHead(answers.shift() ?? 500, { "Retry-After": "3" }).end(),
      { clock: new ImpatientClock() },
    );
    expect((await transport.request({ method: "GET", path: "/x" })).status).toBe(200);
    expect(waitsMs).toEqual([3000, 3000]);
  });

  it("rejects with ConnectionError when nobody listens", async () => {
    const transport = new HttpsTransport({ server: "http://127.0.0.1:1" });
    const answer = transport.request({ method: "GET", path: "/x" });
    await expect(answer).rejects.toSatisfy(
      (error) => error instanceof ConnectionError && error.code === "ECONNREFUSED",
    );
  });

  it("rejects with the signal's reason when aborted", async () => {
    const transport = await serve(() => undefined);
    const stop = new AbortController();
    const answer = transport.request({ method: "GET", path: "/x", signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
  });

  it("puts the server's path before each request", async () => {
    const port = await listen(createHttp((request, response) => json(response, request.url)));
    const transport = new HttpsTransport({ server: `http://127.0.0.1:${port}/clusters/a/` });
    closers.push(() => transport.close());
    expect((await transport.request({ method: "GET", path: "/api" })).body).toBe("/clusters/a/api");
  });
});

describe("credentials", () => {
  const echo: Answer = (request, response) => json(response, request.headers);

  it.each<[string, Partial<HttpsTransportOptions>, Record<string, string>]>([
    ["token", { token: "t" }, { authorization: "Bearer t" }],
    ["password", { username: "u", password: "p" }, { authorization: "Basic dTpw" }],
    [
      "impersonation",
      { impersonate: { user: "jane", groups: ["a", "b"] } },
      { "impersonate-user": "jane", "impersonate-group": "a, b" },
    ],
  ])("sends a %s", async (_, options, headers) => {
    const transport = await serve(echo, options);
    expect((await transport.request({ method: "GET", path: "/" })).body).toMatchObject(headers);
  });

  it("reads a token's file again", async () => {
    const directory = await mkdtemp(join(tmpdir(), "sampan-"));
    closers.push(() => rm(directory, { recursive: true }));
    const tokenFile = join(directory, "token");
    const clock = new VirtualClock();
    writeFileSync(tokenFile, "one\n");
    const transport = await serve(echo, { tokenFile, clock });
    const token = async () => {
      const { body } = await transport.request({ method: "GET", path: "/" });
      return (body as { authorization: string }).authorization;
    };
    expect(await token()).toBe("Bearer one");
    writeFileSync(tokenFile, "two\n");
    expect(await token()).toBe("Bearer one");
    await clock.advance(11_000);
    expect(await token()).toBe("Bearer two");
  });

  it("shows a client certificate and trusts the cluster's authority only", async () => {
    const authority = CertificateAuthority.create("test", Date.now());
    const names = { dnsNames: [], ipAddresses: ["127.0.0.1"] };
    const server = authority.issueServer("server", names, Date.now());
    const client = authority.issueClient({ commonName: "jane", organizations: ["dev"] }, Date.now());
    const port = await listen(
      createHttps(
        { cert: server.certificate, key: server.key, ca: authority.certificate, requestCert: true },
        (request, response) => json(response, (request.socket as TLSSocket).getPeerCertificate().subject.CN),
      ),
    );
    const address = `https://127.0.0.1:${port}`;
    const trusting = new HttpsTransport({
      server: address,
      ca: authority.certificate,
      clientCertificate: client.certificate,
      clientKey: client.key,
    });
    closers.push(() => trusting.close());
    expect((await trusting.request({ method: "GET", path: "/" })).body).toBe("jane");
    const strange = new HttpsTransport({ server: address });
    await expect(strange.request({ method: "GET", path: "/" })).rejects.toBeInstanceOf(ConnectionError);
  });
});

describe("watch()", () => {
  const pod = (name: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name } });

  it("decodes events wherever the stream is cut, and ends with it", async () => {
    const bytes = Buffer.from(
      ["ä", "b", "c"].map((name) => `${JSON.stringify({ type: "ADDED", object: pod(name) })}\n`).join(""),
    );
    const transport = await serve(async (request, response) => {
      expect(request.url).toBe("/api/v1/pods?resourceVersion=7&watch=true");
      response.writeHead(200, { "Content-Type": "application/json" });
      for (const byte of bytes) response.write(Buffer.from([byte]));
      response.end();
    });
    const seen: WatchEvent[] = [];
    for await (const event of transport.watch({ path: "/api/v1/pods", query: { resourceVersion: "7" } })) {
      seen.push(event);
    }
    expect(seen.map(({ object }) => object.metadata.name)).toEqual(["ä", "b", "c"]);
    expect(Object.isFrozen(seen[0]?.object.metadata)).toBe(true);
  });

  it("rejects with the Status of an ERROR event", async () => {
    const status = { kind: "Status", status: "Failure", reason: "Expired", code: 410, message: "too old" };
    const transport = await serve((_, response) => json(response, { type: "ERROR", object: status }));
    const first = transport.watch({ path: "/x" })[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 410, reason: "Expired" });
  });

  it("completes when the signal aborts, and closes its connection", async () => {
    const closed = Promise.withResolvers<void>();
    const transport = await serve((request, response) => {
      request.on("close", () => closed.resolve());
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
    });
    const stop = new AbortController();
    const names: unknown[] = [];
    for await (const { object } of transport.watch({ path: "/x", signal: stop.signal })) {
      names.push(object.metadata.name);
      stop.abort();
    }
    await closed.promise;
    expect(names).toEqual(["a"]);
  });

  it("rejects when the connection breaks", async () => {
    const transport = await serve((_, response) => {
      response.write(`${JSON.stringify({ type: "ADDED", object: pod("a") })}\n`);
      setImmediate(() => response.destroy());
    });
    const watching = (async () => {
      for await (const event of transport.watch({ path: "/x" })) void event;
    })();
    await expect(watching).rejects.toBeInstanceOf(ConnectionError);
  });
});

it("stream() yields bytes as they arrive and rejects an answer that refuses", async () => {
  const transport = await serve((request, response) => {
    if (request.url === "/no") response.writeHead(403).end();
    else response.end("log line\n");
  });
  let text = "";
  for await (const chunk of await transport.stream({ method: "GET", path: "/log" }))
    text += Buffer.from(chunk).toString();
  expect(text).toBe("log line\n");
  await expect(transport.stream({ method: "GET", path: "/no" })).rejects.toMatchObject({ code: 403 });
});

describe("connect()", () => {
  it("carries messages both ways", async () => {
    const server = createHttp();
    server.on("upgrade", (request, socket, head) => {
      expect(request.url).toBe("/exec?command=sh&command=-c");
      void acceptWebSocket(request, socket, head, "v5.channel.k8s.io").then(({ messages }) =>
        messages.pipe(messages),
      );
    });
    const port = await listen(server);
    const transport = new HttpsTransport({ server: `http://127.0.0.1:${port}` });
    const connection = await transport.connect({
      path: "/exec",
      query: { command: ["sh", "-c"] },
      protocols: ["v5.channel.k8s.io", "v4.channel.k8s.io"],
    });
    expect(connection.protocol).toBe("v5.channel.k8s.io");
    const message = new Promise<Buffer>((resolve) => connection.messages.once("data", resolve));
    connection.messages.write(Buffer.from("hello"));
    expect((await message).toString()).toBe("hello");
    const ended = new Promise((resolve) => connection.messages.once("end", resolve));
    connection.close();
    await ended;
  });

  describe("asks for a subprotocol with a slash", () => {
    const asked = "SPDY/3.1+portforward.k8s.io";
    const connectTo = async (answer: string) => {
      const server = createHttp();
      server.on("upgrade", (request, socket, head) => {
        expect(request.headers["sec-websocket-protocol"]).toBe(asked);
        void acceptWebSocket(request, socket, head, answer);
      });
      const port = await listen(server);
      const transport = new HttpsTransport({ server: `http://127.0.0.1:${port}` });
      return await transport.connect({ path: "/portforward", protocols: [asked] });
    };

    it("and gets it", async () => {
      const connection = await connectTo(asked);
      expect(connection.protocol).toBe(asked);
      connection.close();
    });

    it("and takes no connection without it", async () => {
      await expect(connectTo("")).rejects.toThrow('the server chose the subprotocol ""');
    });
  });

  it("rejects with the Status of a server that refuses", async () => {
    const transport = await serve((_, response) => response.end());
    const server = createHttp();
    server.on("upgrade", (_, socket) => {
      const body = JSON.stringify({ kind: "Status", status: "Failure", reason: "Forbidden", code: 403 });
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    const port = await listen(server);
    transport.close();
    const refused = new HttpsTransport({ server: `http://127.0.0.1:${port}` });
    const connection = refused.connect({ path: "/exec", protocols: ["v5.channel.k8s.io"] });
    await expect(connection).rejects.toMatchObject({ code: 403, reason: "Forbidden" });
  });
});
