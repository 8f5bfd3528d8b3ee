import { newWebhookCertificate, pointWebhooks } from "sampan";
import { isNotFound } from "sampan/operator";
import { beforeAll, describe, expect } from "vitest";
import { serveWebhooks } from "../src/webhook-server.ts";
import { blog, manifest, runOperator, testWithoutOperator as test, untilReady } from "./fixtures.ts";

describe("the webhooks", () => {
  // The very server of production, in this process; and the very configurations, but for the address.
  let configurations: ReturnType<typeof pointWebhooks>;
  beforeAll(async () => {
    const { cert, key, caBundle } = newWebhookCertificate();
    const { server, port } = await serveWebhooks({ cert, key });
    configurations = pointWebhooks(manifest("webhooks"), { url: `https://127.0.0.1:${port}`, caBundle });
    return () => server.close();
  });

  test("fill in what a Site leaves out", async ({ installed: cluster }) => {
    await cluster.apply(configurations);
    await cluster.apply(manifest("site").replace("replicas: 2", ""));
    expect((await blog(cluster)).spec).toMatchObject({ host: "blog.example.com", replicas: 2 });
  });

  test("refuse a host that is none", async ({ installed: cluster }) => {
    await cluster.apply(configurations);
    const site = manifest("site").replace("replicas: 2", "host: not a host");
    await expect(cluster.apply(site)).rejects.toThrow(
      'admission webhook "validate.sites.example.dev" denied the request: spec.host: "not a host" is no host name',
    );
  });

  test("hold the host of a Site fast", async ({ installed: cluster }) => {
    await cluster.apply(configurations);
    await cluster.apply(manifest("site"));
    const moved = manifest("site").replace("replicas: 2", "host: www.example.com");
    await expect(cluster.apply(moved)).rejects.toThrow('cannot be changed from "blog.example.com"');
  });

  test("let a Site go that was there before them", async ({ installed: cluster, dns }) => {
    await using _ = await runOperator(cluster, dns);
    await cluster.apply(manifest("site"));
    await untilReady(cluster);
    await cluster.apply(configurations);
    await cluster.delete("site", "blog");
    await cluster.until(() => blog(cluster).then(() => false, isNotFound));
  });
});
