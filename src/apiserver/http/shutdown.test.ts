import { Agent, get, request } from "node:https";
import { beforeEach, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

/** What clients see of a server that closes, over HTTP/1.1 with a connection that is kept. */
const configMaps = "/api/v1/namespaces/default/configmaps";
const clock = new RealClock();
let running: TestServer;
let https: HttpsFixture;
let agent: Agent;

interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

beforeEach(async () => {
  running = await startTestServer({ clock });
  https = await listenForTest(running.server, clock.now());
  agent = new Agent({ keepAlive: true, maxSockets: 2, ca: https.authority.certificate });
  await new TestApi(running.transport).post(configMaps, { metadata: { name: "a" } });
  return async () => {
    agent.destroy();
    await https.close();
  };
});

/** Resolves with the whole answer; `onHead` is called when its head is there. */
function ask(path: string, onHead: () => void = () => undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${https.port}${path}`;
    get(url, { agent, headers: { authorization: "Bearer admin" } }, (response) => {
      onHead();
      const { connection, "retry-after": retryAfter } = response.headers;
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode, connection, retryAfter, text }));
    }).on("error", reject);
  });
}

const watching = async (): Promise<{ ended: Promise<Answer> }> => {
  const begun = Promise.withResolvers<void>();
  const ended = ask(`${configMaps}?watch=true&resourceVersion=0`, begun.resolve);
  await begun.promise;
  return { ended };
};

test("before the server closes it is not ready, and connections end with their answer", async () => {
  expect((await ask("/readyz")).connection).toBe("keep-alive");
  running.server.announceClose();
  expect(await ask("/readyz")).toMatchObject({ status: 500, connection: "close" });
  expect(await ask("/livez")).toMatchObject({ status: 200 });
  expect(await ask(`${configMaps}/a`)).toMatchObject({ status: 200, connection: "close" });
});

test("a watch ends as one that is over, so that its client resumes", async () => {
  const { ended } = await watching();
  const closed = running.server.close();
  expect((await ended).text).toContain('"name":"a"');
  await closed;
});

test("what comes over a connection that is kept while the server closes is told to try again", async () => {
  await Promise.all([ask("/livez"), ask("/livez")]);
  // A write whose body does not come holds the server up for as long as it is patient.
  const url = `https://127.0.0.1:${https.port}${configMaps}`;
  const headers = {
    authorization: "Bearer admin",
    "content-type": "application/json",
    "content-length": "10",
  };
  const held = request(url, { method: "POST", agent, headers });
  held.on("error", () => undefined).write("{");
  await ask("/livez");
  const closing = running.server.close();
  const late = await ask(`${configMaps}/a`);
  expect(late).toMatchObject({ status: 503, retryAfter: "1", connection: "close" });
  expect(JSON.parse(late.text)).toMatchObject({ message: "apiserver is shutting down", code: 503 });
  held.destroy();
  await closing;
});
