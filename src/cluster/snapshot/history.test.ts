import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { keptHistory } from "../../history/index.ts";
import { SqliteStorage } from "../../storage/sqlite/sqlite-storage.ts";
import { historyFiles } from "../history-files.ts";
import type { Instance } from "../instance.ts";
import { restoreInstance } from "./restore-instance.ts";
import { saveInstance } from "./save-instance.ts";
import { settingsOf } from "./testing/instance-settings.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sampan-snapshot-history-"));
  process.env["SAMPAN_HOME"] = home;
});
afterEach(() => {
  delete process.env["SAMPAN_HOME"];
  rmSync(home, { recursive: true });
});

const settings = await settingsOf("simulated");
const kubeSystem = "/registry/core/namespaces/kube-system";
const key = "/registry/core/configmaps/default/one";

/** Does the work with the store of the cluster in the folder, as its server has it. */
async function withStore<T>(directory: string, work: (storage: SqliteStorage) => Promise<T>): Promise<T> {
  const storage = await SqliteStorage.open({
    file: join(directory, "state.db"),
    clock: new RealClock(),
    archive: historyFiles(directory),
  });
  storage.archive?.protect([], () => false);
  try {
    return await work(storage);
  } finally {
    await storage.close();
  }
}

/** Where the history begins, and the revisions at which the object changed. */
const remembered = (directory: string): Promise<{ begin: number; revisions: number[] }> =>
  withStore(directory, async ({ archive }) => {
    if (archive === undefined) throw new Error("there is no archive");
    const { begin, entries } = await keptHistory(archive, new RealClock()).journal.read({ name: "one" });
    return { begin, revisions: entries.map(({ revision }) => revision) };
  });

it("a snapshot leaves the history out: what is made of it begins there, and what it was made of keeps its own", {
  timeout: 120_000,
}, async () => {
  const directory = join(home, "lab");
  mkdirSync(join(directory, "pki"), { recursive: true });
  writeFileSync(join(directory, "instance.json"), JSON.stringify(settings));
  await withStore(directory, async (storage) => {
    await storage.txn([], [{ type: "put", key: kubeSystem, value: Buffer.from('{"metadata":{"uid":"a"}}') }]);
    for (let index = 0; index < 3; index++)
      await storage.txn([], [{ type: "put", key, value: Buffer.from(JSON.stringify({ index })) }]);
    // The process ends before everything that compaction took is where it belongs.
    await storage.compact(4);
  });
  const instance: Instance = { name: "lab", directory, settings };
  const file = join(home, "x.sampan");
  const quiet = { volumes: true, onStep: () => undefined };
  await saveInstance({ ...quiet, instance, file, createdAt: "2026-01-01T00:00:00Z" });
  await restoreInstance({ ...quiet, file, name: "copy", newIdentities: false, home });
  const copy = join(home, "copy");
  expect(existsSync(join(copy, "history"))).toBe(false);
  expect(await remembered(copy)).toEqual({ begin: 4, revisions: [] });
  expect(await remembered(directory)).toEqual({ begin: 0, revisions: [2, 3, 4] });
});
