import { expect, it, vi } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { ApiServer } from "../server.ts";
import { TestApi } from "../testing/api.ts";
import { adminUser, openSecurity, startTestServer } from "../testing/test-server.ts";
import { ExtensibleScheme } from "./extensible-scheme.ts";
import { cronTabs, definitionsPath, established } from "./testing/definitions.ts";

const groups = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].map((name) => `${name}.example.com`);

function definitionOf(group: string): object {
  const definition = cronTabs({ group }) as { metadata: object };
  return { ...definition, metadata: { name: `crontabs.${group}` } };
}

/** A server whose store has more definitions than are read in one go, and another one on the same store. */
async function restarted(): Promise<{ api: TestApi; close: () => Promise<void> }> {
  const first = await startTestServer();
  const api = new TestApi(first.transport);
  for (const group of groups) {
    await api.post(definitionsPath, definitionOf(group));
    await established(api, `crontabs.${group}`);
  }
  const second = new ApiServer({
    storage: first.storage,
    scheme: builtinScheme(),
    clock: first.clock,
    random: new SeededRandom(2),
    security: () => openSecurity(),
  });
  await second.start();
  const close = async (): Promise<void> => {
    await second.close();
    await first.server.close();
  };
  return { api: new TestApi(second.inProcessTransport(adminUser)), close };
}

it("after a restart all definitions are discovered, although they are read a few at a time", async () => {
  const { api, close } = await restarted();
  const found = (await api.get("/apis")) as unknown as { groups: { name: string }[] };
  const custom = found.groups.map(({ name }) => name).filter((name) => name.endsWith(".example.com"));
  expect(custom).toEqual(groups);
  await close();
});

it("after a restart custom resources are served at once, before all definitions are read", async () => {
  const { api, close } = await restarted();
  const path = `/apis/${groups.at(-1)}/v1/namespaces/default/crontabs`;
  expect((await api.list(path)).items).toEqual([]);
  await close();
});

it("after a restart a definition that changes before it was read is read as it is now", async () => {
  const { api, close } = await restarted();
  await api.delete(`${definitionsPath}/crontabs.${groups[0]}`);
  const found = (await api.get("/apis")) as unknown as { groups: { name: string }[] };
  expect(found.groups.map(({ name }) => name)).toContain(groups.at(-1));
  await close();
});

it.each(["/apis", "/openapi/v2"])(
  "after a restart %s waits for what is read a few at a time",
  async (path) => {
    const { api, close } = await restarted();
    const settled = vi.spyOn(ExtensibleScheme.prototype, "settled");
    const groupVersions = vi.spyOn(ExtensibleScheme.prototype, "groupVersions");
    const resources = vi.spyOn(ExtensibleScheme.prototype, "resources");
    await api.get(path);
    const asked = Math.min(...groupVersions.mock.invocationCallOrder, ...resources.mock.invocationCallOrder);
    expect(settled.mock.invocationCallOrder[0]).toBeLessThan(asked);
    vi.restoreAllMocks();
    await close();
  },
);
