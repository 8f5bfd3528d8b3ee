import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { CrashTest } from "../testing/crash.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

/** CRASH_KILLS=2000 runs longer, CRASH_SEED=n repeats the choices of a run (not its timing). */
const kills = Number(process.env["CRASH_KILLS"] ?? 300);
const seed = Number(process.env["CRASH_SEED"] ?? randomInt(2 ** 30));
/** Independent stores that are killed side by side. */
const lanes = 2;

const folder = mkdtempSync(join(tmpdir(), "sampan-crash-"));
// The writing process runs bundled, as it ships: it starts in a third of the time.
const script = join(folder, "crash-writer.ts.mjs");
const writer = join(folder, "sqlite-writer.worker.js");

beforeAll(async () => {
  const shared = { bundle: true, platform: "node", format: "esm", logLevel: "error" } as const;
  await build({
    ...shared,
    entryPoints: [join(import.meta.dirname, "../testing/crash-writer.ts")],
    outfile: script,
  });
  await build({
    ...shared,
    entryPoints: [join(import.meta.dirname, "sqlite-writer.worker.ts")],
    outfile: writer,
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

test(`${kills} kills under concurrent writes lose no acknowledged write and tear no object (seed ${seed})`, {
  timeout: kills * 2000,
}, async () => {
  async function lane(number: number): Promise<number> {
    const random = new SeededRandom(seed + number);
    const file = join(folder, `${number}.db`);
    const crash = new CrashTest({
      script,
      file,
      random,
      writers: 16,
      open: () => SqliteStorage.open({ file, clock: new RealClock(), writerUrl: pathToFileURL(writer) }),
    });
    for (let count = 0; count < kills / lanes; count++) {
      await crash.kill();
      if (random.next() < 0.6 || count + lanes >= kills / lanes) await crash.check();
    }
    return crash.checked;
  }
  const checked = await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  console.log(`seed ${seed}: ${checked.reduce((sum, count) => sum + count, 0)} acknowledged writes checked`);
  expect(Math.min(...checked)).toBeGreaterThan(kills);
});
