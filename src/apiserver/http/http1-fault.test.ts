import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { adminUser, openSecurity, startTestServer } from "../testing/test-server.ts";
import { originForm } from "./http1-fault.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const clock = new RealClock();
let https: HttpsFixture;

beforeAll(async () => {
  const authenticator = {
    authenticate: async ({ bearerToken }: { readonly bearerToken: string | undefined }) =>
      bearerToken === "admin" ? { user: adminUser } : undefined,
  };
  const { server } = await startTestServer({ clock, security: () => ({ ...openSecurity(), authenticator }) });
  https = await listenForTest(server, clock.now());
});

afterAll(() => https.close());

/** All that comes back over a connection of its own, until it ends or `isEnough` says so. */
async function talk(
  pieces: readonly string[],
  isEnough = (text: string): boolean => text === "",
): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: https.port, ca: https.authority.certificate });
  socket.setNoDelay(true);
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let text = "";
  socket.on("data", (part: Buffer) => {
    text += part.toString("latin1");
    if (text !== "" && isEnough(text)) socket.destroy();
  });
  await once(socket, "secureConnect");
  for (const piece of pieces) {
    if (socket.writable) socket.write(piece, "latin1");
    await clock.sleep(15);
  }
  await closed;
  return text;
}

const fields = "Host: x\r\nAuthorization: Bearer admin\r\n";
const request = (method: string, target: string, more = "", body = "", version = "1.1"): string =>
  `${method} ${target} HTTP/${version}\r\n${fields}${more}\r\n${body}`;
const object = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"a-"}}';
const chunks = `${object.length.toString(16)}\r\n${object}\r\n0\r\n\r\n`;
const post = (more: string, body: string): string => request("POST", configMaps, more, body);
const statuses = (text: string): string[] =>
  Array.from(text.matchAll(/HTTP\/1\.1 (\d+ [^\r\n]*)\r\n/g), ([, status = ""]) => status);
const bodyOf = (text: string): string => text.slice(text.indexOf("\r\n\r\n") + 4);

const bad = "400 Bad Request";
const malformedHost = "400 Bad Request: malformed Host header";
const noVersion = "505 HTTP Version Not Supported: unsupported protocol version";
const noEncoding = "Unsupported transfer encoding";

describe("a request that two readers might read differently is refused, and its connection ends", () => {
  test.each([
    ["an encoding before the chunks", post("Transfer-Encoding: gzip, chunked\r\n", chunks), noEncoding],
    ["an encoding without chunks", post("Transfer-Encoding: gzip\r\n", object), noEncoding],
    [
      "an encoding of a request without body",
      request("GET", "/livez", "Transfer-Encoding: x\r\n"),
      noEncoding,
    ],
    ["chunks twice", post("Transfer-Encoding: chunked, chunked\r\n", chunks), noEncoding],
    ["chunks and a length", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks), bad],
    ["a length and chunks", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks), bad],
    ["two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", object), bad],
    ["a length with a sign", post("Content-Length: +5\r\n", object), bad],
    ["chunks in HTTP/1.0", request("POST", configMaps, "Transfer-Encoding: chunked\r\n", chunks, "1.0"), bad],
    ["a space before a colon", post("Transfer-Encoding : chunked\r\n", chunks), bad],
    [
      "a length behind the chunks",
      post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", chunks),
      bad,
    ],
    ["two hosts", request("GET", "/livez", "Host: y\r\n"), bad],
    ["the same host twice", request("GET", "/livez", "Host: x\r\n"), bad],
    ["a host with a slash", "GET /livez HTTP/1.1\r\nHost: a/b\r\n\r\n", malformedHost],
    ["a host with a space", "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", malformedHost],
    ["no host", "GET /livez HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"],
    ["HTTP/0.9", "GET /livez\r\n\r\n", bad],
    ["HTTP/2.0 in words", request("GET", "/livez", "", "", "2.0"), noVersion],
    ["HTTP/9.9", request("GET", "/livez", "", "", "9.9"), noVersion],
    ["a version that is none", request("GET", "/livez", "", "", "1.1x"), bad],
    ["a broken code in the path", request("GET", "/%zz"), bad],
    ["what is no HTTP", "\u0016\u0003\u0001\r\n\r\n", bad],
    ["a chunk without a size", post("Transfer-Encoding: chunked\r\n", `zz\r\n${object}\r\n0\r\n\r\n`), bad],
  ])("%s", async (_, text, body) => {
    // Whoever smuggles hopes for an answer to what follows.
    const answer = await talk([text, request("GET", "/livez")]);
    expect(bodyOf(answer)).toBe(body);
    expect(statuses(answer)).toEqual([body === noEncoding ? "501 Not Implemented" : body]);
    expect(answer).toMatch(/content-type: text\/plain; charset=utf-8\r\n/i);
    expect(answer).toMatch(/connection: close/i);
  });

  test("a head that is too large", async () => {
    const answer = await talk([request("GET", "/livez", `TE: trailers\r\nX: ${"y".repeat(1_200_000)}\r\n`)]);
    expect(statuses(answer)).toEqual(["431 Request Header Fields Too Large"]);
  });
});

const isWhole = (text: string): boolean =>
  text.endsWith("ok") || text.endsWith("}\n") || text.endsWith("found\n");

describe("unusual requests are answered", () => {
  test.each([
    ["a whole URL as target", request("GET", "http://other.example.com/livez"), "200 OK"],
    ["a method that nobody knows", request("FROB", configMaps), "405 Method Not Allowed"],
    ["a method in lower case", request("get", configMaps), "405 Method Not Allowed"],
    ["a tunnel", request("CONNECT", "127.0.0.1:22"), "404 Not Found"],
    [
      "an upgrade that is offered with a body",
      post(`Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: ${object.length}\r\n`, object),
      "201 Created",
    ],
    [
      "an offer to upgrade that nobody takes",
      request("GET", "/livez", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
      "200 OK",
    ],
  ])("%s", async (_, text, status) => {
    expect(statuses(await talk([text], isWhole))).toEqual([status]);
  });

  test("a question about the server as a whole", async () => {
    const answer = await talk([request("OPTIONS", "*", "TE: trailers\r\n")], (text) =>
      text.endsWith("\r\n\r\n"),
    );
    expect(statuses(answer)).toEqual(["200 OK"]);
    expect(answer).toContain("content-length: 0");
  });
});

describe("a client that waits to be told to go on", () => {
  const waiting = (token: string): string =>
    `POST ${configMaps} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nExpect: 100-continue\r\nContent-Length: ${object.length}\r\n\r\n`;

  test("is told when its body is wanted", async () => {
    const answer = await talk([waiting("admin"), object], isWhole);
    expect(statuses(answer)).toEqual(["100 Continue", "201 Created"]);
  });

  test("is answered without when it is not, and what it sends all the same is no request", async () => {
    const answer = await talk([waiting("nobody"), request("GET", "/livez")]);
    expect(statuses(answer)).toEqual(["401 Unauthorized"]);
  });

  test("for what we do not know is told so", async () => {
    const answer = await talk([request("POST", configMaps, "Expect: more\r\nContent-Length: 2\r\n", "{}")]);
    expect(statuses(answer)).toEqual(["417 Expectation Failed"]);
  });
});

test.each([
  ["/a?b", "/a?b"],
  ["http://x/a?b", "/a?b"],
  ["https://u:p@x:1/a", "/a"],
  ["http://x", "/"],
  ["http://x?a", "/?a"],
  ["*", "*"],
  ["//x/a", "//x/a"],
])("the path of the target %s is %s", (target, path) => {
  expect(originForm(target)).toBe(path);
});
