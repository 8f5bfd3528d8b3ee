import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { openSecurity, startTestServer } from "../testing/test-server.ts";

const clock = new RealClock();
let https: HttpsFixture;
let session: ClientHttp2Session;

beforeAll(async () => {
  const authenticator = { authenticate: async () => undefined };
  const { server } = await startTestServer({ clock, security: () => ({ ...openSecurity(), authenticator }) });
  https = await listenForTest(server, clock.now());
  session = connect(`https://127.0.0.1:${https.port}`, { ca: https.authority.certificate });
});

afterAll(async () => {
  session.close();
  await https.close();
});

/** A request that is refused while its body is still to come. */
function ask(headers: Record<string, string> = {}) {
  const path = "/api/v1/namespaces/default/configmaps";
  const stream = session.request({ ":method": "POST", ":path": path, ...headers }, { endStream: false });
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => (text += part));
  return { stream, text: () => text };
}

test("an answer comes whole while the body is under way, and the stream ends with the body", async () => {
  const { stream, text } = ask();
  stream.write("{");
  await once(stream, "data");
  expect(JSON.parse(text())).toMatchObject({ kind: "Status", code: 401 });
  stream.end("}");
  await once(stream, "close");
  expect(stream.rstCode).toBe(0);
  expect(JSON.parse(text())).toMatchObject({ code: 401 });
});

test("a client that goes on for ever is cut off", async () => {
  const { stream, text } = ask();
  stream.on("error", () => undefined);
  const writing = setInterval(() => stream.write("x"), 50);
  await once(stream, "close");
  clearInterval(writing);
  expect(JSON.parse(text())).toMatchObject({ code: 401 });
});

test("a question for the head alone that comes with a long body ends as well", async () => {
  const { stream, text } = ask({ ":method": "HEAD" });
  stream.end("x".repeat(3_000_000));
  await once(stream, "close");
  expect([stream.rstCode, text()]).toEqual([0, ""]);
});

test("a client that waits is not told to go on when its body is not wanted", async () => {
  const { stream, text } = ask({ expect: "100-continue" });
  let isTold = false;
  stream.on("continue", () => (isTold = true));
  await once(stream, "data");
  expect(JSON.parse(text())).toMatchObject({ code: 401 });
  expect(isTold).toBe(false);
  stream.close();
});
