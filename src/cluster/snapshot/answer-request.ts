import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../apimachinery/logger.ts";
import type { Storage } from "../../storage/storage.ts";
import { writePrivate } from "../instance.ts";
import { writeBundleFile } from "./bundle-file.ts";
import { rowOf, writeRows } from "./rows.ts";

/** Where a command asks the server of a cluster for its state, and where it finds the answer; all in the cluster's folder. */
export const requestFile = (directory: string): string => join(directory, "snapshot-request.json");
export const answerFile = (directory: string, id: string): string => join(directory, `snapshot-${id}.state`);
export const refusalFile = (directory: string, id: string): string =>
  join(directory, `snapshot-${id}.refusal`);

/** How many values are written before other work has its turn. */
const stepValues = 500;

/**
 * Writes the state as it lies in the store, at one revision, for the command that asked for it. It is done in steps:
 * requests are served meanwhile. A failure is told to who asked.
 */
export async function answerRequest(directory: string, storage: Storage, logger: Logger): Promise<void> {
  const id = takeRequest(directory);
  if (id === undefined) return;
  try {
    const { revision, items } = await storage.list("");
    const header = { made: "state", revision, objects: items.length };
    await writeBundleFile(answerFile(directory, id), "snapshot", header, async (writer) => {
      writer.entry({ type: "state", revision });
      for (let start = 0; start < items.length; start += stepValues) {
        writeRows(writer, items.slice(start, start + stepValues).map(rowOf));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    logger.info("the state was written for a snapshot", { revision, objects: items.length });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    logger.error("the state could not be written for a snapshot", { error: message });
    writePrivate(refusalFile(directory, id), message);
  }
}

function takeRequest(directory: string): string | undefined {
  try {
    const { id } = JSON.parse(readFileSync(requestFile(directory), "utf8")) as { id?: string };
    rmSync(requestFile(directory), { force: true });
    return id !== undefined && /^[-0-9a-f]+$/.test(id) ? id : undefined;
  } catch {
    // The signal came from somewhere else.
    return undefined;
  }
}
