import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { RealClock } from "../../apimachinery/clock.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { SqliteStorage } from "../../storage/sqlite/sqlite-storage.ts";
import type { KeyValue } from "../../storage/storage.ts";
import { type Instance, InstanceError, runningServer, type ServerRecord, writePrivate } from "../instance.ts";
import { answerFile, refusalFile, requestFile } from "./answer-request.ts";
import { readBundleFile } from "./bundle-file.ts";
import { keyValueOf, readRows } from "./rows.ts";

/** A cluster's state at one revision, values as they are stored: what is encrypted stays so. */
export interface StoredState {
  readonly revision: number;
  readonly values: readonly KeyValue[];
}

const pollMs = 5;

/** Whoever was killed in the middle of a snapshot left what it had asked for, or what it had written of the answer. */
function sweep(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (/^snapshot-[-0-9a-f]+\.(?:state|refusal)/.test(name)) rmSync(join(directory, name), { force: true });
  }
}

/** The state of a cluster, from its server while one runs, else from its file. The caller holds the instance's lock. */
export async function readState(instance: Instance): Promise<StoredState> {
  const server = runningServer(instance);
  return server === undefined ? await readFile(instance) : await askServer(instance, server);
}

async function readFile({ name, directory }: Instance): Promise<StoredState> {
  const file = join(directory, "state.db");
  if (!existsSync(file)) {
    throw new InstanceError(
      `cluster "${name}" has no state yet: it was never started`,
      `start it with: sampan up --name ${name}`,
    );
  }
  const storage = await SqliteStorage.open({ file, clock: new RealClock() });
  try {
    const { revision, items } = await storage.list("");
    return { revision, values: items };
  } finally {
    await storage.close();
  }
}

async function askServer(instance: Instance, server: ServerRecord): Promise<StoredState> {
  const { name, directory } = instance;
  if (server.takesSnapshots !== true) {
    const isStarting = !server.ready;
    throw new InstanceError(
      isStarting
        ? `cluster "${name}" is just starting`
        : `cluster "${name}" is run by a version of Sampan that takes no snapshots`,
      isStarting ? "try again when it is ready" : `start it anew: sampan down --name ${name}, then sampan up`,
    );
  }
  const id = new SystemRandom().uuid();
  const answer = answerFile(directory, id);
  const refusal = refusalFile(directory, id);
  sweep(directory);
  try {
    writePrivate(requestFile(directory), JSON.stringify({ id }));
    process.kill(server.pid, "SIGUSR2");
    while (!existsSync(answer)) {
      if (existsSync(refusal)) {
        throw new InstanceError(
          `cluster "${name}" could not write its state: ${readFileSync(refusal, "utf8")}`,
          `see its log: sampan logs --name ${name}`,
        );
      }
      if (runningServer(instance)?.pid !== server.pid) {
        throw new InstanceError(`cluster "${name}" ended meanwhile`, "run this again");
      }
      await wait(pollMs);
    }
    return await readBundleFile(answer, "snapshot", (reader) => ({
      revision: Number(reader.header["revision"]),
      values: [...reader.records()].flatMap(({ type, bytes }) =>
        type === "data" ? [...readRows(bytes)].map(keyValueOf) : [],
      ),
    }));
  } finally {
    for (const file of [answer, refusal, requestFile(directory)]) rmSync(file, { force: true });
  }
}
