import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { ApiServer } from "../server.ts";
import { TestApi } from "../testing/api.ts";
import { adminUser, startTestServer } from "../testing/test-server.ts";
import { CompiledDefinitions } from "./compiled-definitions.ts";
import { DefinitionRecord } from "./definition-record.ts";
import { cronTabs, definitionsPath, established } from "./testing/definitions.ts";

let server: ApiServer;
let api: TestApi;
beforeEach(async () => {
  ({ server } = await startTestServer());
  api = new TestApi(server.inProcessTransport(adminUser));
});
afterEach(() => server.close());

const version = (name: string, about: string): object => ({
  name,
  served: true,
  storage: name === "v1",
  schema: {
    openAPIV3Schema: { type: "object", description: about, properties: { spec: { type: "object" } } },
  },
});

it("documents say what each version says, and nothing is compiled or read twice for them", async () => {
  await api.post(
    definitionsPath,
    cronTabs({ versions: [version("v1", "the first"), version("v2", "the second")] }),
  );
  await established(api, "crontabs.stable.example.com");
  const compiled = vi.spyOn(CompiledDefinitions.prototype, "get");
  const read = vi.spyOn(DefinitionRecord.prototype, "read");
  const { definitions } = (await api.get("/openapi/v2")) as unknown as {
    definitions: Record<string, { description?: string }>;
  };
  expect(definitions["com.example.stable.v1.CronTab"]?.description).toBe("the first");
  expect(definitions["com.example.stable.v2.CronTab"]?.description).toBe("the second");
  expect(JSON.stringify(await api.get("/openapi/v3/apis/stable.example.com/v2"))).toContain("the second");
  expect(compiled).not.toHaveBeenCalled();
  // The collector may take what was read between two documents.
  expect(read.mock.calls.length).toBeLessThanOrEqual(3);
  vi.restoreAllMocks();
});

it("a document says what the definition says now", async () => {
  await api.post(definitionsPath, cronTabs({ versions: [version("v1", "the first")] }));
  await established(api, "crontabs.stable.example.com");
  const path = "/openapi/v3/apis/stable.example.com/v1";
  expect(JSON.stringify(await api.get(path))).toContain("the first");
  const changed = [
    { op: "replace", path: "/spec/versions/0/schema/openAPIV3Schema/description", value: "the new" },
  ];
  await api.patch("json", `${definitionsPath}/crontabs.stable.example.com`, changed);
  expect(JSON.stringify(await api.get(path))).toContain("the new");
  expect(JSON.stringify(await api.get("/openapi/v2"))).toContain("the new");
});
