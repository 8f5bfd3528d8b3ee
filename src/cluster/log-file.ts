import { openSync, write } from "node:fs";

/**
 * Appends lines to a file, in order, without waiting for the disk. What a full disk refuses is lost: a log must not end the
 * process that it tells about, and it goes on when there is space again.
 */
export function logFile(file: string): (line: string) => void {
  const descriptor = openSync(file, "a", 0o600);
  let pending = "";
  let writing = false;
  const flush = (): void => {
    if (writing || pending === "") return;
    const text = pending;
    pending = "";
    writing = true;
    write(descriptor, text, () => {
      writing = false;
      flush();
    });
  };
  return (line) => {
    pending += line;
    flush();
  };
}
