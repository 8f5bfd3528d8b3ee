import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { storageContract } from "../testing/storage-contract.ts";
import { SqliteStorage } from "./sqlite-storage.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-sqlite-"));
let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);
const clock = new RealClock();

afterAll(() => rmSync(folder, { recursive: true }));

storageContract("sqlite", () => SqliteStorage.open({ file: newFile(), clock }));

storageContract("sqlite with all history in the file", () =>
  SqliteStorage.open({ file: newFile(), clock, historyBytesMax: 0 }),
);
