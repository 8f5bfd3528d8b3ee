import type { Client } from "../../client/client.ts";
import { authored, type Difference, differences } from "../../history/client/diff.ts";
import { type Change, checkRevision, formerResource, readChanges } from "../../history/client/read.ts";
import { type Rewound, rewind } from "../../history/client/rewind.ts";
import { RestMapper } from "../../kubectl/rest-mapper.ts";
import { checkNames } from "./known-names.ts";

export type { Difference } from "../../history/client/diff.ts";
export type { Change } from "../../history/client/read.ts";
export type { Rewound } from "../../history/client/rewind.ts";

/** What is looked at: one thing, a namespace, or everything. */
export interface HistoryScope {
  /** `deployment/web`; needs a namespace unless it is in `default`. */
  readonly what?: string;
  readonly namespace?: string;
}

export interface DiffOptions extends HistoryScope {
  /** The revision to start from. */
  readonly from: number;
  /** Default: now. */
  readonly to?: number;
  /** Also what only says how things stand: the status, and objects that follow others. */
  readonly withStatus?: boolean;
}

export interface RewindToOptions extends HistoryScope {
  readonly to: number;
  readonly dryRun?: boolean;
  /** Deletes what did not exist then. Default: it is kept. */
  readonly deleteNew?: boolean;
}

const scopeNames = ["what", "namespace"];

/** Throws TypeError for what is no revision: nothing would be known of it, or everything. */
function checkNumber(name: string, revision: unknown): void {
  if (Number.isInteger(revision) && Number(revision) >= 0) return;
  throw new TypeError(
    `${name}: ${JSON.stringify(revision) ?? String(revision)} is no revision; cluster.revision() gives one`,
  );
}

/** The changes of one thing, oldest first; also of one that is gone. */
export async function historyOf(client: Client, what: string, namespace: string): Promise<readonly Change[]> {
  return (await readChanges(client.transport, await scopeOf(client, { what, namespace }))).items;
}

export async function diff(client: Client, options: DiffOptions): Promise<Difference[]> {
  checkNames("diff", options, [...scopeNames, "from", "to", "withStatus"]);
  const { from, to, withStatus = false, ...scope } = options;
  checkNumber("from", from);
  if (to !== undefined) checkNumber("to", to);
  const query = await scopeOf(client, scope);
  const changes = await readChanges(client.transport, {
    ...query,
    after: from,
    ...(to !== undefined && { upTo: to }),
  });
  checkRevision(changes, from);
  const items = withStatus || scope.what !== undefined ? changes.items : authored(changes.items);
  return differences({ items }, withStatus);
}

export async function rewindTo(
  client: Client,
  options: RewindToOptions,
  pause: () => Promise<void>,
): Promise<Rewound[]> {
  checkNames("rewind", options, [...scopeNames, "to", "dryRun", "deleteNew"]);
  const { to, dryRun, deleteNew, ...scope } = options;
  checkNumber("to", to);
  const changes = await readChanges(client.transport, { ...(await scopeOf(client, scope)), after: to });
  checkRevision(changes, to);
  const finder = new RestMapper(client.transport);
  return await rewind(changes, {
    client,
    finder,
    pause,
    ...(dryRun !== undefined && { dryRun }),
    ...(deleteNew !== undefined && { deleteNew }),
  });
}

async function scopeOf(client: Client, { what, namespace }: HistoryScope) {
  if (what === undefined) return namespace === undefined ? {} : { namespace };
  const [kind = "", name = ""] = what.split("/");
  if (kind === "" || name === "") throw new TypeError(`${JSON.stringify(what)} is not RESOURCE/NAME`);
  const found = (await new RestMapper(client.transport).forName(kind)) ?? formerResource(kind);
  if (found === undefined) throw new TypeError(`the cluster serves no resource ${JSON.stringify(kind)}`);
  const { group, resource, namespaced } = found;
  return { group, resource, name, namespace: namespaced ? (namespace ?? "default") : "" };
}
