import { join } from "node:path";
import { isNoise, isSecret } from "../history/note.ts";
import type { ArchiveOptions } from "../storage/sqlite/sqlite-archive.ts";

/** More than that of compressed history is forgotten, oldest first. */
const historyBytesMax = 64 * 1024 * 1024;

/** What the cluster in the folder keeps of former states, for `sampan history`; see docs/adr/013. */
export const historyFiles = (directory: string): ArchiveOptions => ({
  directory: join(directory, "history"),
  sizeBytesMax: historyBytesMax,
  isLeftOut: isNoise,
  isSecret,
});
