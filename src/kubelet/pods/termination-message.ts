import { readFile } from "node:fs/promises";
import type { Container } from "../../api/types/core-v1.ts";
import type { ContainerStatus as RuntimeContainer } from "../../cri/runtime.ts";
import { parseLogLine } from "../logs/log-line.ts";
import type { LogFiles } from "../options.ts";

/** The API takes no more than this of a container's last words. */
const messageBytesMax = 4096;
/** From a log, less is taken: its last lines. */
const logLinesMax = 80;
const logBytesMax = 2048;

/** What an ended container left behind: its message file, or the end of its log when the policy says so. */
export async function terminationMessage(
  container: Container | undefined,
  ended: RuntimeContainer,
  file: string | undefined,
  logs: LogFiles,
): Promise<string> {
  const written = file === undefined ? "" : await readHead(file);
  if (
    written !== "" ||
    container?.terminationMessagePolicy !== "FallbackToLogsOnError" ||
    ended.exitCode === 0
  ) {
    return written;
  }
  return readLogEnd(ended.logPath, logs);
}

async function readHead(file: string): Promise<string> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  return bytes.subarray(0, messageBytesMax).toString();
}

async function readLogEnd(path: string, logs: LogFiles): Promise<string> {
  const stat = await logs.stat(path);
  if (stat === undefined) return "";
  const length = Math.min(stat.sizeBytes, 4 * logBytesMax);
  const lines = (await logs.read(path, stat.sizeBytes - length, length)).toString().split("\n");
  // The first line is likely cut.
  const whole = length < stat.sizeBytes ? lines.slice(1) : lines;
  const texts = whole.flatMap((line) => parseLogLine(line)?.text ?? []);
  return Buffer.from(texts.slice(-logLinesMax).join("")).subarray(-logBytesMax).toString();
}
