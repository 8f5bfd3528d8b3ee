import type { WatchEventType } from "../../apimachinery/transport.ts";
import type { CachedObject } from "./cached-object.ts";
import type { Selection } from "./selection.ts";

/** Turns an event into the bytes of one watch frame. `key` names the form: events keep one frame per form and type. */
export interface FrameEncoder {
  readonly key: string;
  encode(type: WatchEventType, object: CachedObject): Uint8Array;
}

/** What a watcher is told of a change. */
export interface WatchNotice {
  readonly type: WatchEventType;
  readonly object: CachedObject;
  /** Where frames are kept; absent for objects that are sent to one watcher only. */
  readonly event?: CacheEvent;
}

/** What stands around the bytes of an object in memory: buffers, the event, and now and then the object itself, decoded. */
const aroundBytes = 800;

/** One change of one object. Frames are made when the first watcher needs them, then shared by all. */
export class CacheEvent {
  readonly revision: number;
  /** Absent when the object was deleted. */
  readonly current: CachedObject | undefined;
  /** Absent when the object is new. */
  readonly previous: CachedObject | undefined;
  /** Made for the first watcher: most changes have none over a socket. */
  #frames: Map<string, Uint8Array> | undefined;
  #gone: CachedObject | undefined;

  constructor(revision: number, current: CachedObject | undefined, previous: CachedObject | undefined) {
    this.revision = revision;
    this.current = current;
    this.previous = previous;
  }

  /** The last state at the revision of this event: the object of DELETED. */
  get gone(): CachedObject | undefined {
    this.#gone ??= this.previous?.at(this.revision);
    return this.#gone;
  }

  /** What the change means to those who see only what the selection holds. */
  select(selection: Selection): WatchNotice | undefined {
    const isIn = this.current !== undefined && selection.matches(this.current);
    const wasIn = this.previous !== undefined && selection.matches(this.previous);
    if (isIn && this.current !== undefined) {
      return { type: wasIn ? "MODIFIED" : "ADDED", object: this.current, event: this };
    }
    if (wasIn && this.gone !== undefined) return { type: "DELETED", object: this.gone, event: this };
    return undefined;
  }

  frame(type: WatchEventType, object: CachedObject, encoder: FrameEncoder): Uint8Array {
    const key = `${type} ${encoder.key}`;
    this.#frames ??= new Map();
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      frame = encoder.encode(type, object);
      this.#frames.set(key, frame);
    }
    return frame;
  }

  /** They are made anew when somebody asks. */
  forgetFrames(): void {
    this.#frames = undefined;
  }

  /** What it takes of memory, about; the same at any time. */
  get sizeBytes(): number {
    return (this.current?.sizeBytes ?? this.previous?.sizeBytes ?? 0) + aroundBytes;
  }
}
