import { Cluster } from "../../../src/cluster/cluster.ts";
import { serviceCidr, users } from "./kube-apiserver.ts";

/** Our API server as clusters have it, but for controllers and nodes: nobody changes what was written. */
export async function startOurServer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const staticTokens = new Map(
    users.map(({ token, name, groups }) => [
      token,
      { name, uid: `${name}-uid`, groups: [...groups, "system:authenticated"], extra: {} },
    ]),
  );
  const cluster = new Cluster({
    serviceCidr,
    apiEndpoint: { ip: "10.1.2.3", port: 6443 },
    security: { staticTokens },
  });
  await cluster.startApi();
  const port = await cluster.listen({ address: "127.0.0.1", port: 0 });
  await cluster.bootstrap();
  return { port, stop: () => cluster.stop() };
}
