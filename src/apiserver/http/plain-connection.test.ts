import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { adminUser, openSecurity, startTestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const clock = new RealClock();
let https: HttpsFixture;

beforeAll(async () => {
  const authenticator = { authenticate: async () => ({ user: adminUser }) };
  const { server } = await startTestServer({
    clock,
    security: () => ({ ...openSecurity(), authenticator }),
  });
  https = await listenForTest(server, clock.now());
  for (let count = 0; count < 60; count++) await post(`many-${count}`);
});

afterAll(() => https.close());

const post = (name: string) =>
  https.request(configMaps, { method: "POST", body: JSON.stringify({ metadata: { name } }) });

/** The last request of a connection: the server closes it, so that all there is has come. */
const farewell = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** Sends the pieces one after the other over one connection and answers with all that comes back. */
async function talk(...pieces: string[]): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port: https.port, ca: https.authority.certificate });
  socket.setNoDelay(true);
  // The server may close it before all is said.
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let text = "";
  socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
  await once(socket, "secureConnect");
  for (const piece of [...pieces, farewell]) {
    if (socket.writable) socket.write(piece, "latin1");
    await new RealClock().sleep(15);
  }
  await closed;
  return text;
}

const statuses = (text: string): string[] =>
  Array.from(text.matchAll(/HTTP\/1\.1 (\d+ [\w ]+)\r\n/g), ([, s = ""]) => s);

const request = (method: string, path: string, body = "", fields = ""): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

/** What differs from one answer to the next though they say the same. */
const steady = (text: string): string =>
  text
    .replaceAll(/^(audit-id|Date): .*\r\n/gm, "")
    .replaceAll(/"uid":"[^"]*"|"(?:creationTimestamp|time)":"[^"]*"/g, "");

test.each([
  ["GET", `${configMaps}/many-1`],
  ["GET", configMaps],
  ["GET", `${configMaps}?limit=2`],
  ["GET", "/api/v1/namespaces/default/nope"],
  ["GET", "/nope"],
  ["GET", "/version"],
  ["DELETE", `${configMaps}/none`],
  ["POST", `${configMaps}?dryRun=All`, '{"metadata":{"name":"dry"}}'],
  ["POST", `${configMaps}?dryRun=All`, "{"],
  ["POST", configMaps, ""],
  ["PUT", `${configMaps}/none`, '{"metadata":{"name":"none"}}'],
  ["PATCH", `${configMaps}/many-1`, '{"data":{}}'],
])("%s %s is answered as Node's server answers it", async (method, path, body = "") => {
  const plainly = await talk(request(method, path, body));
  // A field that the plain way leaves to Node.
  const byNode = await talk(request(method, path, body, "TE: trailers\r\n"));
  expect(steady(plainly)).toBe(steady(byNode));
  expect(statuses(plainly)).toHaveLength(2);
});

test("a connection serves request after request, and goes on when one is not plain", async () => {
  const get = request("GET", `${configMaps}/many-1`);
  const [start, end] = [get.slice(0, 30), get.slice(30)];
  const chunked = `POST ${configMaps}?dryRun=All HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1b\r\n{"metadata":{"name":"dry1"}}\r\n0\r\n\r\n`;
  expect(statuses(await talk(get, get, start, end, get))).toEqual(Array(5).fill("200 OK"));
  const sized = chunked.replace("1b", "1c");
  expect(statuses(await talk(get, sized, get))).toEqual(["200 OK", "201 Created", "200 OK", "200 OK"]);
});

test("requests that are sent before the answer to the one before are answered in their order", async () => {
  const posts = Array.from({ length: 3 }, (_, n) =>
    request("POST", configMaps, `{"metadata":{"name":"early-${n}"}}`),
  );
  const all = await talk(posts.join(""));
  expect(statuses(all)).toEqual(["201 Created", "201 Created", "201 Created", "200 OK"]);
  expect(Array.from(all.matchAll(/"name":"(early-\d)","namespace"/g), ([, name]) => name)).toEqual([
    "early-0",
    "early-1",
    "early-2",
  ]);
  const socket = connect({ host: "127.0.0.1", port: https.port, ca: https.authority.certificate });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await once(socket, "secureConnect");
  let text = "";
  socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
  // Each in a record of its own, but without a pause: the second comes while the first is being written.
  for (const name of ["a", "b", "c"])
    socket.write(request("POST", configMaps, `{"metadata":{"name":"now-${name}"}}`));
  socket.write(farewell);
  await closed;
  expect(statuses(text)).toEqual(["201 Created", "201 Created", "201 Created", "200 OK"]);
});

test("what is no HTTP is told so, also after requests that were", async () => {
  const get = request("GET", `${configMaps}/many-1`);
  expect(statuses(await talk(get, "nonsense\r\n\r\n"))).toEqual(["200 OK", "400 Bad Request"]);
  const twoLengths = `POST ${configMaps} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}`;
  expect(statuses(await talk(twoLengths))).toEqual(["400 Bad Request"]);
});

test("a watch over a connection that served others sends its frames, and ends when it should", async () => {
  const get = request("GET", `${configMaps}/many-1`);
  const watch = request(
    "GET",
    `${configMaps}?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dmany-1`,
  );
  const text = await talk(get, watch, get);
  expect(statuses(text)).toEqual(["200 OK", "200 OK", "200 OK", "200 OK"]);
  expect(text).toMatch(/Transfer-Encoding: chunked/i);
  expect(text).toContain('{"type":"ADDED","object":{"kind":"ConfigMap"');
  expect(text).toContain("\r\n0\r\n\r\nHTTP/1.1 200 OK");
});

test("a long request is read while long answers to those before are still on their way", async () => {
  const data = { text: "x".repeat(500_000) };
  const body = (name: string): string => JSON.stringify({ metadata: { name }, data });
  await https.request(configMaps, { method: "POST", body: body("large") });
  const { port, authority } = https;
  const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  let text = "";
  socket.on("data", (part: Buffer) => (text += part.toString("latin1")));
  // Nobody reads: the answers fill what lies between the two ends.
  socket.pause();
  const gets = 30;
  for (let count = 0; count < gets; count++) {
    socket.write(request("GET", `${configMaps}/large`));
    await clock.sleep(10);
  }
  socket.write(request("POST", `${configMaps}?dryRun=All`, body("long")));
  await clock.sleep(100);
  socket.resume();
  socket.write(farewell);
  await closed;
  expect(statuses(text)).toEqual([...Array<string>(gets).fill("200 OK"), "201 Created", "200 OK"]);
});
