import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import type { ChangedObject, RequestNote } from "../entry.ts";
import { historyPath } from "../route.ts";

/** One change of one object. */
export interface Change extends ChangedObject {
  readonly revision: number;
  readonly time: string;
  readonly change: "created" | "changed" | "deleted";
  /** Absent for what the server wrote without a request. */
  readonly request?: RequestNote;
  /** As it was stored; values of Secrets are not kept. */
  readonly before?: UnstructuredObject;
  readonly after?: UnstructuredObject;
}

export interface Changes {
  /** States can be told from this revision on. */
  readonly begin: number;
  /** The newest that is known. */
  readonly revision: number;
  /** Oldest first. */
  readonly items: readonly Change[];
}

/** What is asked for; what is absent is not looked at. */
export interface ChangesQuery {
  readonly group?: string;
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly after?: number;
  readonly upTo?: number;
  readonly sinceMs?: number;
}

/** The cluster does not remember, or not that far back. */
export class NoHistoryError extends Error {
  override readonly name = "NoHistoryError";
}

/** The changes, with the states before and after. Rejects with NoHistoryError where none are remembered. */
export async function readChanges(transport: Transport, query: ChangesQuery): Promise<Changes> {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  try {
    const { body } = await transport.request({
      method: "GET",
      path: historyPath,
      query: { ...Object.fromEntries(given), objects: "true" },
    });
    return body as Changes;
  } catch (error) {
    if (isNotFound(error)) throw new NoHistoryError("this cluster keeps no history", { cause: error });
    throw error;
  }
}

/**
 * What a name with its group means in the history where no such kind is served any more: `sites.example.dev`. Undefined for
 * a name without one.
 */
export function formerResource(
  name: string,
): { readonly group: string; readonly resource: string; readonly namespaced: boolean } | undefined {
  const [resource = "", ...group] = name.split(".");
  return group.length < 2 ? undefined : { group: group.join("."), resource, namespaced: true };
}

/** Throws NoHistoryError when states of the revision cannot be told any more, or not yet. */
export function checkRevision({ begin, revision }: Changes, asked: number): void {
  if (asked > revision)
    throw new NoHistoryError(`revision ${asked} has not been written yet: the newest is ${revision}`);
  if (asked < begin)
    throw new NoHistoryError(`revision ${asked} is forgotten: the history begins at ${begin}`);
}
