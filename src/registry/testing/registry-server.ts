import { TestApi } from "../../apiserver/testing/api.ts";
import { startTestServer, type TestServer } from "../../apiserver/testing/test-server.ts";
import { registryExtensions } from "../index.ts";

/** A server with the resources of this room, and short forms to speak with it. */
export async function startRegistryServer(
  options: Parameters<typeof startTestServer>[0] = {},
): Promise<TestServer & { readonly api: TestApi }> {
  const extensions = registryExtensions({ serviceCidr: "10.96.0.0/24" });
  const server = await startTestServer({ extensions, ...options });
  const api = new TestApi(server.transport);
  await api.post("/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  return { ...server, api };
}
