import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:http2";
import { request } from "node:https";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { startTestServer } from "../testing/test-server.ts";
import { ExtensionServer } from "./testing/extension-server.ts";
import { aggregate, flundersPath } from "./testing/objects.ts";

let https: HttpsFixture;
let extension: ExtensionServer;

beforeEach(async () => {
  const started = await startTestServer();
  https = await listenForTest(started.server, new RealClock().now());
  extension = await ExtensionServer.listen();
  await aggregate(new TestApi(started.transport), started.storage, extension);
});

afterEach(async () => {
  await https.close();
  await extension.close();
});

interface Answer {
  readonly announced: unknown;
  readonly text: string;
  readonly trailers: object;
}

async function overHttp1(connection: "close" | "keep-alive"): Promise<Answer> {
  const asked = request({
    host: "127.0.0.1",
    port: https.port,
    path: flundersPath,
    ca: https.authority.certificate,
    agent: false,
    headers: { authorization: "Bearer admin", connection },
  });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  asked.destroy();
  return { announced: response.headers.trailer, text, trailers: { ...response.trailers } };
}

async function overHttp2(): Promise<Answer> {
  const session = connect(`https://127.0.0.1:${https.port}`, { ca: https.authority.certificate });
  const stream = session.request({ ":path": flundersPath, authorization: "Bearer admin" });
  let announced: unknown;
  let trailers: object = {};
  stream.on("response", (headers) => {
    announced = headers.trailer;
  });
  stream.on("trailers", (headers) => {
    // Without what is only of this process.
    trailers = Object.fromEntries(Object.entries(headers));
  });
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  session.destroy();
  return { announced, text, trailers };
}

describe.each([
  ["HTTP/1.1", () => overHttp1("keep-alive")],
  ["HTTP/1.1 on a connection that ends with it", () => overHttp1("close")],
  ["HTTP/2", overHttp2],
])("what another server says behind its answer, over %s", (_protocol, ask) => {
  it.each([
    ["announced", { trailer: "X-Sum" }],
    ["not announced", {}],
  ])("reaches the client when it is %s", async (_what, headers: { trailer?: string }) => {
    extension.handler = (_request, response) => {
      response.writeHead(200, { "content-type": "text/plain", ...headers });
      response.write("body");
      response.addTrailers({ "X-Sum": "42" });
      response.end();
    };
    expect(await ask()).toEqual({ announced: headers.trailer, text: "body", trailers: { "x-sum": "42" } });
  });

  it("may be nothing", async () => {
    extension.handler = (_request, response) => void response.writeHead(200).end("body");
    expect(await ask()).toEqual({ announced: undefined, text: "body", trailers: {} });
  });
});
