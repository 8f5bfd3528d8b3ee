import { connect, type OutgoingHttpHeaders } from "node:http2";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { APIService } from "../api/types/apiregistration-v1.ts";
import { RealClock } from "../apimachinery/clock.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import type { Credential } from "../pki/index.ts";
import { Cluster } from "./cluster.ts";
import { whoAmI } from "./testing/who-am-i.ts";

let cluster: Cluster;
let client: Client;
let port: number;

beforeEach(async () => {
  cluster = new Cluster({ clock: new RealClock() });
  await cluster.startApi();
  port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  await cluster.bootstrap();
  client = cluster.client();
});

afterEach(() => cluster.stop());

const nowhere: APIService = {
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: "v1.example.com" },
  spec: {
    group: "example.com",
    version: "v1",
    groupPriorityMinimum: 100,
    versionPriority: 10,
    service: { namespace: "default", name: "nowhere" },
  },
};

/** `whoAmI` over HTTP/2, where headers of one name come each by itself too. */
async function whoAmIOverHttp2(credential: Credential, headers: OutgoingHttpHeaders): Promise<unknown> {
  const session = connect(`https://127.0.0.1:${port}`, {
    ca: cluster.pki.authority.certificate,
    cert: credential.certificate,
    key: credential.key,
  });
  const stream = session.request({
    ":method": "POST",
    ":path": "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "content-type": "application/json",
    ...headers,
  });
  stream.end('{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}');
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  session.destroy();
  return (JSON.parse(text) as { status?: { userInfo?: unknown } }).status?.userInfo;
}

it("the proxy of the cluster is believed who asks, and nobody else is", async () => {
  const { frontProxyClient, admin, frontProxyAuthority } = cluster.pki;
  const named = { "x-remote-user": "jane", "x-remote-group": ["dev", "ops"], "x-remote-extra-scopes": "all" };
  expect(await whoAmI({ cluster, port }, frontProxyClient, named)).toEqual({
    username: "jane",
    groups: ["dev", "ops", "system:authenticated"],
    extra: { scopes: ["all"] },
  });
  expect(await whoAmIOverHttp2(frontProxyClient, named)).toEqual(
    await whoAmI({ cluster, port }, frontProxyClient, named),
  );
  expect(await whoAmI({ cluster, port }, admin, named)).toMatchObject({ username: "kubernetes-admin" });
  expect(await whoAmI({ cluster, port }, frontProxyClient, {})).toBe(401);
  const subject = { commonName: "kubernetes-admin", organizations: ["system:masters"] };
  const impostor = frontProxyAuthority.issueClient(subject, cluster.clock.now());
  expect([
    await whoAmI({ cluster, port }, impostor, named),
    await whoAmI({ cluster, port }, impostor, {}),
  ]).toEqual([401, 401]);
});

it("other API servers find whom to believe, and what others have added stays", async () => {
  const configMaps = client.resource(resources.configmaps);
  const name = "extension-apiserver-authentication";
  const get = async () => await configMaps.get(name, { namespace: "kube-system" }).catch(() => undefined);
  await expect.poll(get).toMatchObject({
    data: {
      "client-ca-file": cluster.pki.authority.certificate,
      "requestheader-allowed-names": '["front-proxy-client"]',
      "requestheader-client-ca-file": cluster.pki.frontProxyAuthority.certificate,
      "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
      "requestheader-group-headers": '["X-Remote-Group"]',
      "requestheader-uid-headers": '["X-Remote-Uid"]',
      "requestheader-username-headers": '["X-Remote-User"]',
    },
  });
  const found = await configMaps.get(name, { namespace: "kube-system" });
  const data = { ...found.data, "client-ca-file": "another\n", "requestheader-allowed-names": '["other"]' };
  await configMaps.update({ ...found, data });
  await cluster.bootstrap();
  await expect.poll(get).toMatchObject({
    data: {
      "client-ca-file": `another\n${cluster.pki.authority.certificate}`,
      "requestheader-allowed-names": '["other","front-proxy-client"]',
    },
  });
});

it("an API server that cannot be reached is named in an event about its APIService", async () => {
  await client.resource(resources.apiservices).create(nowhere);
  await expect
    .poll(async () => {
      const { items } = await client.resource(resources.events).list({ namespace: "default" });
      return items.map(({ reason, involvedObject, message }) => [reason, involvedObject.name, message]);
    })
    .toContainEqual([
      "APIServiceUnavailable",
      "v1.example.com",
      'requests for it are not answered (ServiceNotFound): service/nowhere in "default" is not present',
    ]);
});

it("a namespace says that it is not emptied while an API server is away, and goes when that is there no more", async () => {
  await cluster.startControllers();
  const namespaces = client.resource(resources.namespaces);
  await client.resource(resources.apiservices).create(nowhere);
  await namespaces.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "work" }, spec: {} });
  await namespaces.delete("work");
  const failures = async () =>
    ((await namespaces.get("work")).status?.conditions ?? [])
      .filter(({ status }) => status === "True")
      .map(({ type, message }) => [type, message]);
  await expect
    .poll(failures)
    .toEqual([
      [
        "NamespaceDeletionDiscoveryFailure",
        "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: " +
          "example.com/v1: stale GroupVersion discovery: example.com/v1",
      ],
    ]);
  await client.resource(resources.apiservices).delete("v1.example.com");
  await expect.poll(() => namespaces.get("work").catch(isNotFound), { timeout: 20_000 }).toBe(true);
});
