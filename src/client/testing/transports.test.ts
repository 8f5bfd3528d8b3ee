import { Cluster } from "../../cluster/cluster.ts";
import { HttpsTransport } from "../https-transport.ts";
import { FakeTransport } from "./fake-transport.ts";
import { describeTransport } from "./transport-contract.ts";

async function openCluster(): Promise<Cluster> {
  const cluster = new Cluster({ scheduler: false });
  await cluster.startApi();
  await cluster.bootstrap();
  // Pods need a service account to be admitted.
  const client = cluster.client();
  await client.transport.request({
    method: "POST",
    path: "/api/v1/namespaces/default/serviceaccounts",
    body: { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default" } },
  });
  return cluster;
}

describeTransport("the fake API server", async () => ({
  transport: new FakeTransport(),
  close: async () => undefined,
}));

describeTransport("the API server in-process", async () => {
  const cluster = await openCluster();
  return { transport: cluster.client().transport, close: () => cluster.stop() };
});

describeTransport("the API server over HTTPS", async () => {
  const cluster = await openCluster();
  const port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  const { authority, admin } = cluster.pki;
  const transport = new HttpsTransport({
    server: `https://127.0.0.1:${port}`,
    ca: authority.certificate,
    clientCertificate: admin.certificate,
    clientKey: admin.key,
  });
  return {
    transport,
    close: async () => {
      transport.close();
      await cluster.stop();
    },
  };
});
