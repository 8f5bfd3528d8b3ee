/** Lays side by side what both servers make of APIServices, and of requests that another API server answers. */
import { setTimeout as wait } from "node:timers/promises";
import {
  json as answerJson,
  ExtensionServer,
  type SeenRequest,
} from "../../../src/apiserver/aggregation/testing/extension-server.ts";
import type { BothServers } from "./both-servers.ts";
import type { Ask } from "./send.ts";

const apiServices = "/apis/apiregistration.k8s.io/v1/apiservices";
const wardle = `${apiServices}/v1alpha1.wardle.example.com`;
const version = "/apis/wardle.example.com/v1alpha1";
const flunders = `${version}/namespaces/default/flunders`;

const post = (path: string, body: object): Ask => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
const patch = (path: string, body: object): Ask => ({
  method: "PATCH",
  path,
  headers: { "content-type": "application/merge-patch+json" },
  body: JSON.stringify(body),
});
const apiService = (spec: object, name = "v1alpha1.wardle.example.com"): Ask =>
  post(apiServices, {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name },
    spec,
  });

/** A list of requests, each group of which is asked when controllers have done what the last one means to them. */
export async function compareAggregation(both: BothServers, wanted: RegExp): Promise<void> {
  if (!wanted.test("aggregation")) return;
  const extension = await ExtensionServer.listen();
  extension.handler = (seen, response) => {
    if (seen.url.endsWith("/redirect")) response.writeHead(302, { location: "/elsewhere" }).end();
    else answerJson(response, { kind: "Seen", ...comparable(seen) });
  };
  try {
    for (const group of groups(extension)) {
      for (const ask of group) {
        const label = `aggregation: ${ask.method ?? "GET"} ${ask.path} ${String(ask.body ?? "").slice(0, 300)}`;
        await both.compare(label, "", ask);
      }
      await wait(2_000);
    }
  } finally {
    await extension.close();
  }
}

/** What came, without what differs by chance: Go's client takes gzip, and puts a query in order. */
function comparable({ method, url, headers, body }: SeenRequest): object {
  const [path, query] = url.split("?");
  const left = new Set(["accept-encoding", "audit-id", "connection", "host", "x-forwarded-host"]);
  const passed = Object.entries(headers).filter(([name]) => !left.has(name));
  const sorted = new URLSearchParams(query);
  sorted.sort();
  return { method, path, query: sorted.toString(), body, headers: Object.fromEntries(passed) };
}

function groups({ port, caBundle }: ExtensionServer): Ask[][] {
  const good = {
    group: "wardle.example.com",
    version: "v1alpha1",
    groupPriorityMinimum: 2000,
    versionPriority: 200,
    caBundle,
    service: { namespace: "wardle", name: "sample-api", port },
  };
  const asTable = { accept: "application/json;as=Table;g=meta.k8s.io;v=v1,application/json" };
  // The flags of the other server let nobody in without a name; ours has paths for them.
  const viewer = "viewer";
  return [
    [
      { path: apiServices },
      { path: apiServices, headers: asTable },
      { path: `${apiServices}/v1.apps` },
      { path: `${apiServices}/v1.apps/status` },
      { path: "/apis/apiregistration.k8s.io" },
      { path: "/apis/apiregistration.k8s.io/v1" },
      { path: `${apiServices}?fieldSelector=metadata.name%3Dv1.apps` },
      { path: `${apiServices}?fieldSelector=spec.group%3Dapps` },
      apiService({}),
      apiService({ group: "wardle.example.com", version: "v1alpha1" }),
      apiService({ ...good, groupPriorityMinimum: 30_000, versionPriority: 2_000 }),
      apiService(good, "another-name"),
      apiService({ ...good, insecureSkipTLSVerify: true }),
      apiService({ ...good, service: undefined }),
      apiService({ ...good, caBundle: undefined, service: undefined, insecureSkipTLSVerify: true }),
      apiService({ ...good, service: {} }),
      apiService({ ...good, service: { namespace: "a", name: "b", port: 70_000 } }),
      apiService({ ...good, caBundle: "!!" }),
      apiService({ ...good, group: "Bad_Group", version: "V1" }, "V1.Bad_Group"),
      apiService({ ...good, group: "" }, "v1alpha1."),
    ],
    [post("/api/v1/namespaces", { metadata: { name: "wardle" } }), apiService(good)],
    [
      { path: wardle },
      { path: wardle, headers: asTable },
      { path: "/apis/wardle.example.com" },
      { path: version },
      { path: flunders },
      post("/api/v1/namespaces/wardle/services", {
        metadata: { name: "sample-api" },
        spec: { type: "ExternalName", externalName: "localhost", ports: [{ port }] },
      }),
    ],
    [
      { path: wardle },
      { path: wardle, headers: asTable },
      { path: "/apis" },
      { path: "/apis/wardle.example.com" },
      { path: version },
      { path: `${version}/` },
      { path: `${flunders}?limit=5&b=2&a=x%20y` },
      { method: "HEAD", path: flunders },
      { path: flunders, headers: { "x-remote-user": "root", "x-remote-extra-a": "b", te: "trailers" } },
      { path: flunders, headers: { "impersonate-user": "jane", "impersonate-group": "system:masters" } },
      { path: flunders, headers: { "x-forwarded-for": "1.2.3.4", origin: "https://example.com" } },
      { path: flunders, token: viewer },
      post(flunders, { a: 1 }),
      { method: "DELETE", path: `${flunders}/one` },
      { ...post(`${flunders}/one`, {}), method: "DELETE" },
      { path: `${version}/redirect` },
      { path: "/apis/wardle.example.com/v1alpha2" },
      { path: "/apis/wardle.example.com/v1alpha2/flunders" },
      patch(wardle, { spec: { versionPriority: 400 } }),
      patch(wardle, { metadata: { name: "other" } }),
      patch(wardle, { spec: { group: "other" } }),
      patch(`${wardle}/status`, { status: { conditions: [{ type: "Available", status: "Maybe" }] } }),
      patch(`${wardle}/status`, {
        metadata: { labels: { a: "b" } },
        spec: { versionPriority: 1 },
        status: { conditions: [{ type: "Tested", status: "True" }] },
      }),
    ],
    [{ path: wardle }, patch(wardle, { spec: { service: null, caBundle: null } })],
    [
      { path: wardle },
      { path: flunders },
      { path: version },
      { method: "DELETE", path: wardle },
      { path: "/apis/wardle.example.com" },
      { method: "DELETE", path: `${apiServices}/v1.batch` },
    ],
    [
      { path: `${apiServices}/v1.batch` },
      { path: "/apis/batch/v1/jobs" },
      apiService({ group: "batch", version: "v1", groupPriorityMinimum: 1, versionPriority: 1 }, "v1.batch"),
      { method: "DELETE", path: "/api/v1/namespaces/wardle/services/sample-api" },
    ],
  ];
}
