import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { FileReader } from "../../storage/sqlite/deferred-values.ts";
import { SqliteStorage } from "../../storage/sqlite/sqlite-storage.ts";
import type { ApiServer } from "../server.ts";
import { TestApi } from "../testing/api.ts";
import { adminUser, startTestServer } from "../testing/test-server.ts";
import { cronTabs, definitionsPath, established } from "./testing/definitions.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-deferred-definitions-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "state.db");
const name = "crontabs.stable.example.com";
const prose = "what the field is for ".repeat(4000);
const collection = "/apis/stable.example.com/v1/namespaces/default/crontabs";

/** As the documentation has it, with a schema of real length. */
function longDefinition(): object {
  const text = JSON.stringify(cronTabs());
  const long = text.replace(
    '"image":{"type":"string"}',
    JSON.stringify({ image: { type: "string", description: prose } }).slice(1, -1),
  );
  return JSON.parse(long) as object;
}

let storage: SqliteStorage;
let server: ApiServer;
let api: TestApi;

async function start(): Promise<void> {
  storage = await SqliteStorage.open({ file, clock: new RealClock() });
  const started = await startTestServer({ storage });
  ({ server } = started);
  api = new TestApi(server.inProcessTransport(adminUser));
}

async function stop(): Promise<void> {
  await server.close();
  await storage.close();
}

beforeAll(async () => {
  await start();
  await api.post(definitionsPath, longDefinition());
  await established(api, name);
  await stop();
});

describe("a large definition after a restart", () => {
  const now = vi.spyOn(FileReader.prototype, "now");
  const later = vi.spyOn(FileReader.prototype, "later");
  const reads = (): readonly number[] => [now.mock.calls.length, later.mock.calls.length];

  beforeEach(async () => {
    now.mockClear();
    later.mockClear();
    await start();
  });
  afterEach(stop);

  it("is discovered and told of without being read", async () => {
    const { groups } = (await api.get("/apis")) as unknown as { groups: { name: string }[] };
    expect(groups.map((group) => group.name)).toContain("stable.example.com");
    const { resources } = (await api.get("/apis/stable.example.com/v1")) as unknown as {
      resources: { name: string }[];
    };
    expect(resources.map((resource) => resource.name)).toContain("crontabs/status");
    const of = async (as: string): Promise<string> => {
      const accept = `application/json;as=${as};g=meta.k8s.io;v=v1`;
      const { body } = await server
        .inProcessTransport(adminUser)
        .request({ method: "GET", path: definitionsPath, accept, query: {} });
      return JSON.stringify(body);
    };
    expect(await of("PartialObjectMetadataList")).toContain(name);
    expect(await of("Table")).toContain(`"cells":["${name}"`);
    expect((await api.list(collection)).items).toEqual([]);
    expect(reads()).toEqual([0, 0]);
  });

  it.each([
    ["a list", async () => (await api.list(definitionsPath)).items[0]],
    ["a get", () => api.get(`${definitionsPath}/${name}`)],
  ])("comes whole in %s, and nobody is held up for it", async (_what, ask) => {
    expect(JSON.stringify(await ask())).toContain(prose);
    expect(reads()).toEqual([0, 1]);
    await ask();
    expect(reads()).toEqual([0, 1]);
  });

  it("is held against objects", async () => {
    const bad = {
      apiVersion: "stable.example.com/v1",
      kind: "CronTab",
      metadata: { name: "a" },
      spec: { cronSpec: "x" },
    };
    await expect(api.post(collection, bad)).rejects.toThrow(/spec.cronSpec: Invalid value: "x"/);
  });

  it("is changed as it is stored", async () => {
    const path = `${definitionsPath}/${name}`;
    await api.patch("merge", path, { metadata: { annotations: { mark: String(Math.max(...reads())) } } });
    expect(JSON.stringify(await api.get(path))).toContain(prose);
  });
});
