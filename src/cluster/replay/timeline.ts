import { formatGroupResource } from "../../apimachinery/gvk.ts";
import { parseKey } from "../../apiserver/cache/storage-key.ts";
import type { StorageEvent } from "../../storage/storage.ts";
import type { RecordedWrite } from "../library/recorder.ts";
import type { Artifact } from "./artifact.ts";

/** What happened at one revision. */
export interface Moment {
  readonly revision: number;
  /** On the cluster's clock. */
  readonly atMs: number;
  /** Who: the user where it was recorded, else the field manager that the object names, else "". */
  readonly who: string;
  readonly verb: string;
  /** `pods/web-1 -n default`, as kubectl takes it. */
  readonly object: string;
  /** What a controller was working on, where that is known. */
  readonly cause?: string;
}

/**
 * Every revision with its time, who wrote and what. What was not recorded is read off the objects: who manages their
 * fields, and when they last said so, to the second.
 */
export class Timeline {
  readonly moments: readonly Moment[];

  private constructor(moments: readonly Moment[]) {
    this.moments = moments;
  }

  static async of({ header, storage, writes }: Artifact): Promise<Timeline> {
    const { firstRevision, revision } = header;
    const written = new Writes(writes);
    const moments: Moment[] = [];
    let atMs = 0;
    if (firstRevision < revision) {
      for await (const batch of storage.watch("", firstRevision)) {
        for (const event of batch) {
          if (moments.at(-1)?.revision === event.revision) continue;
          const moment = momentOf(event, written, atMs);
          atMs = moment.atMs;
          moments.push(moment);
        }
        if ((batch.at(-1)?.revision ?? 0) >= revision) break;
      }
    }
    return new Timeline(moments);
  }

  /** When the revision was written, or the last one before it; undefined before the first. */
  timeOf(revision: number): number | undefined {
    return this.#last((moment) => moment.revision <= revision)?.atMs;
  }

  /** The last revision at or before the time; undefined when there is none. */
  revisionAt(timeMs: number): number | undefined {
    return this.#last((moment) => moment.atMs <= timeMs)?.revision;
  }

  /** Revisions and times grow along the list. */
  #last(holds: (moment: Moment) => boolean): Moment | undefined {
    let low = 0;
    let high = this.moments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const moment = this.moments[middle];
      if (moment !== undefined && holds(moment)) low = middle + 1;
      else high = middle;
    }
    return this.moments[low - 1];
  }
}

/** What was recorded, by what it led to. */
class Writes {
  readonly #byRevision = new Map<number, RecordedWrite>();
  /** Answers that named no revision, oldest first: bindings, evictions. */
  readonly #unnamed = new Map<string, RecordedWrite[]>();
  readonly #deletions = new Map<string, RecordedWrite>();

  constructor(writes: readonly RecordedWrite[]) {
    for (const write of writes) {
      const identity = identityOf(write.resource, write.namespace, write.name);
      if (write.verb === "delete") this.#deletions.set(identity, write);
      else if (write.revision === 0)
        this.#unnamed.set(identity, [...(this.#unnamed.get(identity) ?? []), write]);
      // Later ones changed nothing: they were answered with what was there.
      if (write.revision > 0 && !this.#byRevision.has(write.revision))
        this.#byRevision.set(write.revision, write);
    }
  }

  of({ type, revision }: StorageEvent, identity: string): RecordedWrite | undefined {
    const known = this.#byRevision.get(revision);
    if (known !== undefined) return known;
    return type === "delete" ? this.#deletions.get(identity) : this.#unnamed.get(identity)?.shift();
  }
}

function momentOf(event: StorageEvent, writes: Writes, previousMs: number): Moment {
  const { group = "", resource = event.key, namespace = "", name = "" } = parseKey(event.key) ?? {};
  const path = formatGroupResource({ group, resource });
  const object = `${path}/${name}${namespace === "" ? "" : ` -n ${namespace}`}`;
  const write = writes.of(event, identityOf(path, namespace, name));
  if (write !== undefined) {
    const subresource = write.resource.split("/")[1];
    return {
      revision: event.revision,
      atMs: Math.max(previousMs, write.atMs),
      who: write.user,
      verb: event.type === "delete" ? "delete" : write.verb,
      object:
        subresource === undefined
          ? object
          : object.replace(`${path}/${name}`, `${path}/${name}/${subresource}`),
      ...(write.cause !== undefined && { cause: write.cause }),
    };
  }
  const { who, atMs } = told(event.value ?? event.previousValue, event.type === "delete");
  const verb =
    event.type === "delete" ? "delete" : event.createRevision === event.revision ? "create" : "update";
  return { revision: event.revision, atMs: Math.max(previousMs, atMs), who, verb, object };
}

/** Of the object itself, whichever of its subresources was written. */
const identityOf = (resource: string, namespace: string, name: string): string =>
  `${resource.split("/")[0]} ${namespace} ${name}`;

interface ToldObject {
  readonly metadata?: {
    readonly creationTimestamp?: string;
    readonly managedFields?: readonly { readonly manager?: string; readonly time?: string }[];
  };
}

/** What an object says of its last writer. Of a deletion it says nothing. */
function told(value: Uint8Array | undefined, isDeleted: boolean): { who: string; atMs: number } {
  if (value === undefined || isDeleted) return { who: "", atMs: 0 };
  try {
    const { metadata } = JSON.parse(Buffer.from(value).toString("utf8")) as ToldObject;
    const created = { manager: "", time: metadata?.creationTimestamp ?? "" };
    const last = (metadata?.managedFields ?? []).reduce(
      (newest, field) => ((field.time ?? "") >= (newest.time ?? "") ? field : newest),
      created,
    );
    return { who: last.manager ?? "", atMs: new Date(last.time ?? "").getTime() || 0 };
  } catch {
    return { who: "", atMs: 0 };
  }
}
