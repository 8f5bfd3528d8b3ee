import { fstatSync, openSync, write } from "node:fs";
import { copyFile, rename, truncate } from "node:fs/promises";

export interface LogFileOptions {
  /** The file is begun anew when it has grown to this. */
  readonly maxBytes?: number;
  /** How many older ones are kept beside it: `server.log.1` is the latest. */
  readonly backups?: number;
}

/**
 * Appends lines to a file, in order, without waiting for the disk. What a full disk refuses is lost: a log must not end the
 * process that it tells about, and it goes on when there is space again.
 *
 * A file that is full is copied and emptied, not renamed: the standard error of the process goes to the same file, and who
 * follows the log has it open.
 */
export function logFile(
  file: string,
  { maxBytes = 16 * 1024 * 1024, backups = 3 }: LogFileOptions = {},
): (line: string) => void {
  const descriptor = openSync(file, "a", 0o600);
  let sizeBytes = fstatSync(descriptor).size;
  let pending = "";
  let writing = false;
  const done = (): void => {
    writing = false;
    flush();
  };
  const flush = (): void => {
    if (writing || pending === "") return;
    writing = true;
    if (sizeBytes >= maxBytes) {
      sizeBytes = 0;
      void rotate(file, backups).finally(done);
      return;
    }
    const text = pending;
    pending = "";
    write(descriptor, text, (_error, count) => {
      sizeBytes += count;
      done();
    });
  };
  return (line) => {
    pending += line;
    flush();
  };
}

/** What cannot be kept is given up: the log must not grow for want of a copy. */
async function rotate(file: string, backups: number): Promise<void> {
  for (let number = backups - 1; number >= 1; number--) {
    await rename(`${file}.${number}`, `${file}.${number + 1}`).catch(ignore);
  }
  if (backups > 0) await copyFile(file, `${file}.1`).catch(ignore);
  await truncate(file).catch(ignore);
}

const ignore = (): void => undefined;
