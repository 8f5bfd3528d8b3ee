import type { Client } from "../../client/client.ts";
import { authored, type Difference, differences } from "../../history/client/diff.ts";
import { type Change, checkRevision, readChanges } from "../../history/client/read.ts";
import { type Rewound, rewind } from "../../history/client/rewind.ts";
import { RestMapper } from "../../kubectl/rest-mapper.ts";

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

/** The changes of one thing, oldest first; also of one that is gone. */
export async function historyOf(client: Client, what: string, namespace: string): Promise<readonly Change[]> {
  return (await readChanges(client.transport, await scopeOf(client, { what, namespace }))).items;
}

export async function diff(
  client: Client,
  { from, to, withStatus = false, ...scope }: DiffOptions,
): Promise<Difference[]> {
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
  { to, dryRun, deleteNew, ...scope }: RewindToOptions,
): Promise<Rewound[]> {
  const changes = await readChanges(client.transport, { ...(await scopeOf(client, scope)), after: to });
  checkRevision(changes, to);
  const finder = new RestMapper(client.transport);
  return await rewind(changes, {
    client,
    finder,
    ...(dryRun !== undefined && { dryRun }),
    ...(deleteNew !== undefined && { deleteNew }),
  });
}

async function scopeOf(client: Client, { what, namespace }: HistoryScope) {
  if (what === undefined) return namespace === undefined ? {} : { namespace };
  const [kind = "", name = ""] = what.split("/");
  if (kind === "" || name === "") throw new TypeError(`${JSON.stringify(what)} is not RESOURCE/NAME`);
  const found = await new RestMapper(client.transport).forName(kind);
  if (found === undefined) throw new TypeError(`the cluster serves no resource ${JSON.stringify(kind)}`);
  const { group, resource, namespaced } = found;
  return { group, resource, name, namespace: namespaced ? (namespace ?? "default") : "" };
}
