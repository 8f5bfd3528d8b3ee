import { afterEach, beforeEach, expect, it } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { resources } from "../client/resources.ts";
import { CertificateAuthority, type Credential } from "../pki/index.ts";
import { Cluster } from "./cluster.ts";
import { whoAmI } from "./testing/who-am-i.ts";

const clock = new RealClock();
const authority = CertificateAuthority.create("portals", clock.now());
const portal = authority.issueClient({ commonName: "portal", organizations: [] }, clock.now());
const stranger = authority.issueClient({ commonName: "stranger", organizations: [] }, clock.now());
const headers = {
  user: ["X-Portal-User", "X-Remote-User"],
  uid: ["X-Remote-Uid"],
  group: ["X-Portal-Group"],
  extraPrefix: ["X-Portal-"],
};

let cluster: Cluster;
let port: number;

beforeEach(async () => {
  cluster = new Cluster({
    clock,
    security: { proxies: { authorities: authority.certificate, allowedNames: ["portal"], headers } },
  });
  await cluster.startApi();
  port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  await cluster.bootstrap();
});

afterEach(() => cluster.stop());

/** The name and groups of who the server takes a client for, or the code of its refusal. */
async function named(credential: Credential, given: Record<string, string>): Promise<unknown> {
  const seen = await whoAmI({ cluster, port }, credential, given);
  return typeof seen === "object" ? [seen.username, seen.groups] : seen;
}

it("proxies of others are believed by the headers that they use, and the cluster's own by the usual ones", async () => {
  const jane = { "x-portal-user": "jane", "x-portal-group": "dev", "x-remote-group": "ops" };
  expect(await named(portal, jane)).toEqual(["jane", ["dev", "system:authenticated"]]);
  expect(await named(portal, { "x-remote-user": "joe" })).toEqual(["joe", ["system:authenticated"]]);
  expect(await named(stranger, jane)).toBe(401);
  expect(await named(portal, {})).toBe(401);
  const { frontProxyClient, admin } = cluster.pki;
  expect(await named(frontProxyClient, jane)).toBe(401);
  const usual = { "x-remote-user": "ann", "x-remote-group": "ops" };
  expect(await named(frontProxyClient, usual)).toEqual(["ann", ["ops", "system:authenticated"]]);
  expect(await named(admin, jane)).toEqual(["kubernetes-admin", ["system:masters", "system:authenticated"]]);
});

it("other API servers are told of them, and of the certificate that is shown to them", async () => {
  const configMaps = cluster.client().resource(resources.configmaps);
  const get = () =>
    configMaps.get("extension-apiserver-authentication", { namespace: "kube-system" }).catch(() => undefined);
  await expect.poll(get, { timeout: 60_000 }).toMatchObject({
    data: {
      "requestheader-allowed-names": '["front-proxy-client","portal"]',
      "requestheader-client-ca-file": `${cluster.pki.frontProxyAuthority.certificate}${authority.certificate}`,
      "requestheader-extra-headers-prefix": '["X-Portal-"]',
      "requestheader-group-headers": '["X-Portal-Group"]',
      "requestheader-uid-headers": '["X-Remote-Uid"]',
      "requestheader-username-headers": '["X-Portal-User","X-Remote-User"]',
    },
  });
});
