import { expect, it } from "vitest";
import { MemoryStorage } from "../../storage/memory/memory-storage.ts";
import { resourcePrefix } from "../cache/storage-key.ts";
import { TestApi } from "../testing/api.ts";
import { startTestServer } from "../testing/test-server.ts";
import { definitions } from "./definition/definition.ts";
import { machinery } from "./load-machinery.ts";
import { cronTabs, definitionsPath } from "./testing/definitions.ts";

it("to read what was stored of definitions, as controllers do at each start, loads nothing of what schemas need", async () => {
  const storage = new MemoryStorage();
  const definition = cronTabs();
  const key = `${resourcePrefix(definitions)}crontabs.stable.example.com`;
  const value = new TextEncoder().encode(JSON.stringify(definition));
  await storage.txn([], [{ type: "put", key, value }]);
  const { server, transport } = await startTestServer({ storage });
  const api = new TestApi(transport);
  const { items } = await api.list(definitionsPath);
  expect(items.map(({ metadata }) => metadata.name)).toEqual(["crontabs.stable.example.com"]);
  expect(await api.get(`${definitionsPath}/crontabs.stable.example.com`)).toMatchObject(definition);
  expect(() => machinery()).toThrow("not loaded yet");
  // Who writes one needs all of it.
  await api.post(definitionsPath, {
    ...cronTabs({ group: "a.example.com" }),
    metadata: { name: "crontabs.a.example.com" },
  });
  expect(machinery()).toBeDefined();
  await server.close();
});
