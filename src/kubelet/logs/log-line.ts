/** One line of a container's log in the CRI format: `2026-01-31T23:59:59.123456789Z stdout F text`. */
export interface LogLine {
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** With its line end, unless the line goes on in the next entry. */
  readonly text: string;
}

/** Reads a line without its end; undefined when it is not in the format. */
export function parseLogLine(line: string): LogLine | undefined {
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  const third = line.indexOf(" ", second + 1);
  if (first < 0 || second < 0) return undefined;
  const end = third < 0 ? line.length : third;
  const stream = line.slice(first + 1, second);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  // Tags are separated by colons; the first says whether the line is full or partial.
  const partial = line.slice(second + 1, end).split(":")[0] === "P";
  return { time: line.slice(0, first), stream, text: `${line.slice(end + 1)}${partial ? "" : "\n"}` };
}
