/** What the tests have in common: a cluster with the operator's manifests, and the operator in it, as its own account. */
import { readFileSync } from "node:fs";
import type { Client, EmbeddedCluster } from "sampan";
import { type RunningOperator, startOperator } from "sampan/operator";
import { test as base } from "sampan/vitest";
import type { Dns } from "../src/dns.ts";
import { siteController } from "../src/operator.ts";
import { type Site, sites } from "../src/site.ts";

export const manifest = (name: string): string =>
  readFileSync(new URL(`../manifests/${name}.yaml`, import.meta.url), "utf8");

/** Names in memory. */
export class FakeDns implements Dns {
  readonly names = new Map<string, string>();

  async point(host: string, target: string): Promise<void> {
    this.names.set(host, target);
  }

  async remove(host: string): Promise<void> {
    this.names.delete(host);
  }
}

/** The account that the operator has in production: what its role does not allow fails here too. */
export const account = {
  name: "system:serviceaccount:site-operator:site-operator",
  groups: ["system:serviceaccounts", "system:serviceaccounts:site-operator"],
};

/** `test`, with a cluster in virtual time that has the definition and the operator's role. */
export const testWithoutOperator = base
  .extend({ clusterOptions: { clock: "virtual", nodes: 1, startTime: "2026-03-02T12:00:00Z" } })
  .extend<{ dns: FakeDns; installed: EmbeddedCluster }>({
    dns: async ({}, use) => await use(new FakeDns()),
    installed: async ({ cluster }, use) => {
      await cluster.apply([manifest("crd"), manifest("rbac")]);
      await use(cluster);
    },
  });

/** The same, with the operator at work. */
export const test = testWithoutOperator.extend<{ operator: RunningOperator }>({
  operator: [
    async ({ installed, dns }, use) => {
      const operator = await runOperator(installed, dns);
      await use(operator);
      await operator.stop();
    },
    { auto: true },
  ],
});

export async function runOperator(
  cluster: EmbeddedCluster,
  dns: Dns,
  client: Client = cluster.clientOf(account),
): Promise<RunningOperator> {
  const { clock } = cluster;
  return await startOperator({ name: "site-operator", client, clock, controllers: [siteController(dns)] });
}

/** The Site of manifests/site.yaml, as the cluster has it. */
export const blog = async (cluster: EmbeddedCluster): Promise<Site> =>
  await cluster.client.resource(sites).get("blog", { namespace: "default" });

/** Until the Site says of itself that it is ready. */
export const untilReady = async (cluster: EmbeddedCluster): Promise<Site> =>
  await cluster.until(
    async () => {
      const site = await blog(cluster);
      const ready = site.status?.conditions?.find(({ type }) => type === "Ready");
      return ready?.status === "True" ? site : undefined;
    },
    { what: "the blog to be ready" },
  );
