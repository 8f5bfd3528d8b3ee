import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { TestApi } from "../testing/api.ts";
import { type HttpsFixture, listenForTest } from "../testing/https.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const clock = new RealClock();
const configMaps = "/api/v1/namespaces/default/configmaps";
let running: TestServer;
let https: HttpsFixture;

beforeAll(async () => {
  running = await startTestServer({ clock });
  https = await listenForTest(running.server, clock.now());
});
afterAll(() => https.close());

test("a client that does not speak TLS is counted", async () => {
  const text = (): string => running.server.metrics.text();
  expect(text()).toContain("\napiserver_tls_handshake_errors_total 0\n");
  const socket = connect(https.port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\n\r\n"));
  socket.on("error", () => undefined).resume();
  await once(socket, "close");
  await vi.waitFor(() => expect(text()).toContain("\napiserver_tls_handshake_errors_total 1\n"));
});

test("events of watches are counted by resource", async () => {
  const api = new TestApi(running.transport);
  await api.post(configMaps, { metadata: { name: "a" } });
  await api.post(configMaps, { metadata: { name: "b" } });
  await https.request(`${configMaps}?watch=true&resourceVersion=0&timeoutSeconds=1`);
  expect(running.server.metrics.text()).toContain(
    '\napiserver_watch_events_total{group="",resource="configmaps",version="v1"} 2\n',
  );
});
