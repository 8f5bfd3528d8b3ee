import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { failure, TestApi } from "../testing/api.ts";
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
  expect(running.server.metrics.text()).toContain(
    '\napiserver_watch_events_sizes_bucket{group="",resource="configmaps",version="v1",le="1024"} 2\n',
  );
});

test("watches that begin with a list are timed until it is told", async () => {
  const query =
    "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  await https.request(`/api/v1/namespaces/default/secrets?${query}&timeoutSeconds=1`);
  await https.request(`/api/v1/secrets?watch=true&timeoutSeconds=1`);
  const lines = running.server.metrics
    .text()
    .split("\n")
    .filter((line) => line.startsWith("apiserver_watch_list_duration_seconds_count"));
  expect(lines).toEqual([
    'apiserver_watch_list_duration_seconds_count{group="",resource="secrets",scope="namespace",version="v1"} 1',
  ]);
});

test("lists from the cache are counted, with what was looked at and what was found", async () => {
  const api = new TestApi(running.transport);
  const path = "/api/v1/namespaces/lists/limitranges";
  for (const name of ["a", "b", "c"]) {
    await api.post(path, { metadata: { name, labels: { name } }, spec: { limits: [] } });
  }
  await api.get(path);
  await api.get(`${path}?labelSelector=name%3Db`);
  await api.get(`${path}?limit=1`);
  const text = running.server.metrics.text();
  for (const line of [
    'apiserver_cache_list_total{group="",index="",resource="limitranges"} 3',
    'apiserver_cache_list_fetched_objects_total{group="",index="",resource="limitranges"} 8',
    'apiserver_cache_list_returned_objects_total{group="",resource="limitranges"} 5',
  ]) {
    expect(text).toContain(`\n${line}\n`);
  }
});

test("reads of the newest state are counted, and those of any are not", async () => {
  const path = "/apis/batch/v1/namespaces/reads/jobs";
  await https.request(path);
  await https.request(`${path}?limit=1`);
  await https.request(`${path}?resourceVersion=0`);
  const text = running.server.metrics.text();
  const labels = 'fallback="false",group="batch",resource="jobs",success="true"';
  expect(text).toContain(`\napiserver_watch_cache_consistent_read_total{${labels}} 2\n`);
  expect(text).toContain('\napiserver_watch_cache_initializations_total{group="batch",resource="jobs"} 1\n');
});

test("writes are timed by how strictly fields are looked at, and by nothing else that a client says", async () => {
  const api = new TestApi(running.transport);
  const before = /field_validation_request_duration_seconds_count\{field_validation="Strict"\}/;
  expect(running.server.metrics.text()).not.toMatch(before);
  const path = "/api/v1/namespaces/strict/configmaps";
  await api.post(path, { metadata: { name: "a" } }, { fieldValidation: "Strict" });
  await failure(api.post(path, { metadata: { name: "b" } }, { fieldValidation: "whatever" }));
  await api.get(`${path}/a`, { fieldValidation: "Strict" });
  const text = running.server.metrics.text();
  expect(text).toContain('\nfield_validation_request_duration_seconds_count{field_validation="Strict"} 1\n');
  expect(text).not.toContain('field_validation="whatever"');
});

test("bodies are measured by what they are for", async () => {
  const data = { payload: "x".repeat(60_000) };
  const body = JSON.stringify({ metadata: { name: "large" }, data });
  await https.request("/api/v1/namespaces/bodies/configmaps", { method: "POST", body });
  await https.request("/api/v1/namespaces/bodies/configmaps", { method: "POST", body: "{}" });
  const text = running.server.metrics.text();
  const labels = 'group="",resource="configmaps",verb="create"';
  for (const line of [
    `apiserver_request_body_size_bytes_bucket{${labels},le="50000"} 1`,
    `apiserver_request_body_size_bytes_bucket{${labels},le="150000"} 2`,
    `apiserver_request_body_size_bytes_sum{${labels}} ${body.length + 2}`,
  ]) {
    expect(text).toContain(`\n${line}\n`);
  }
});

test("what stored objects take is told by resource", async () => {
  const api = new TestApi(running.transport);
  const bytes = (): number =>
    Number(
      /apiserver_resource_size_estimate_bytes\{group="",resource="podtemplates"\} (\d+)/.exec(
        running.server.metrics.text(),
      )?.[1] ?? 0,
    );
  const path = "/api/v1/namespaces/default/podtemplates";
  const metadata = { name: "a", annotations: { text: "x".repeat(5000) } };
  await api.post(path, { metadata, template: { spec: { containers: [{ name: "a", image: "a" }] } } });
  const size = bytes();
  expect(size).toBeGreaterThan(5000);
  expect(size).toBeLessThan(7000);
  await api.delete(`${path}/a`);
  expect(bytes()).toBe(0);
});

test("deprecated resources that were asked for are named", async () => {
  const api = new TestApi(running.transport);
  await api.get("/api/v1/namespaces/default/endpoints");
  await api.get("/api/v1/namespaces/default/configmaps");
  const lines = running.server.metrics
    .text()
    .split("\n")
    .filter((line) => line.startsWith("apiserver_requested_deprecated_apis"));
  expect(lines).toEqual([
    'apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1',
  ]);
});

test("clients of this process are counted by method and code", async () => {
  const api = new TestApi(running.transport);
  const count = (code: number): number =>
    Number(
      new RegExp(`rest_client_requests_total\\{code="${code}",host="in-process",method="GET"\\} (\\d+)`).exec(
        running.server.metrics.text(),
      )?.[1] ?? 0,
    );
  const [found, absent] = [count(200), count(404)];
  await api.get("/api/v1/namespaces/default/configmaps");
  await failure(api.get("/api/v1/namespaces/default/configmaps/absent"));
  expect([count(200), count(404)]).toEqual([found + 1, absent + 1]);
});
