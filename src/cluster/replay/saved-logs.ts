import { newBadRequest, newStatusError } from "../../apimachinery/status.ts";
import type { SavedLogs } from "../../cri/simulated/logs.ts";
import type { ContainerTarget, LogOptions, NodeConnection } from "../../streaming/node-connection.ts";

/** Where the logs of a pod's containers lie, whatever the kubelet's folder: one for each time that one was started. */
const folderOf = ({ namespace, pod, podUid, container }: ContainerTarget): string =>
  `/${namespace}_${pod}_${podUid}/${container}/`;

const refused = (): Promise<never> =>
  Promise.reject(
    newStatusError(
      405,
      "MethodNotAllowed",
      "this is a replay: its containers do not run, only their logs are there",
    ),
  );

/** A node that is no more: all that is left of it is what its containers had written by the time that is looked at. */
export function savedLogs(logs: SavedLogs, untilMs: number): NodeConnection {
  return {
    logs: async (target, options) => one(textOf(logs, target, options, untilMs)),
    exec: refused,
    attach: refused,
    portForward: refused,
  };
}

async function* one(text: Uint8Array): AsyncGenerator<Uint8Array> {
  yield text;
}

function textOf(logs: SavedLogs, target: ContainerTarget, options: LogOptions, untilMs: number): Uint8Array {
  const folder = folderOf(target);
  // The newest that had begun by then; one that printed nothing yet is the newest, too, where it is the only one.
  const runs = logs
    .filter(({ path }) => path.includes(folder))
    .map(({ path, chunks }) => ({
      run: Number.parseInt(path.slice(path.lastIndexOf("/") + 1), 10),
      lines: parse(chunks),
    }))
    .toSorted((a, b) => a.run - b.run)
    .filter(({ lines }, index) => index === 0 || (lines[0]?.atMs ?? Infinity) <= untilMs);
  const run = runs.at(options.previous === true ? -2 : -1);
  if (run === undefined) {
    const what = options.previous === true ? "an earlier run of container" : "container";
    throw newBadRequest(
      `the log of ${what} "${target.container}" is not in the replay: logs go with their pods, and this one was written later`,
    );
  }
  const sinceMs = sinceOf(options, untilMs);
  const { tailLines, timestamps, limitBytes = Infinity, stream = "All" } = options;
  const chosen = run.lines.filter(
    (line) =>
      line.atMs <= untilMs &&
      line.atMs >= sinceMs &&
      (stream === "All" || stream.toLowerCase() === line.stream),
  );
  const last = tailLines === undefined ? chosen : chosen.slice(Math.max(0, chosen.length - tailLines));
  const text = last.map(({ time, text: line }) => (timestamps === true ? `${time} ${line}` : line)).join("");
  return Buffer.from(text).subarray(0, limitBytes);
}

function sinceOf({ sinceSeconds, sinceTime }: LogOptions, nowMs: number): number {
  if (sinceTime !== undefined) return new Date(sinceTime).getTime();
  return sinceSeconds === undefined ? 0 : nowMs - sinceSeconds * 1000;
}

interface Line {
  readonly time: string;
  readonly atMs: number;
  readonly stream: string;
  readonly text: string;
}

/** Lines as the CRI writes them: time, stream, whole or part, text. */
function parse(chunks: string): Line[] {
  return chunks.split("\n").flatMap((line) => {
    const [, time, stream, tag, text = ""] = /^(\S+) (stdout|stderr) ([FP]) (.*)$/s.exec(line) ?? [];
    if (time === undefined || stream === undefined) return [];
    return [{ time, atMs: new Date(time).getTime(), stream, text: tag === "F" ? `${text}\n` : text }];
  });
}
