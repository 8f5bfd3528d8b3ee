import type { Status } from "../../../src/apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";

/** A write, as both sides are asked about it. */
export interface Question {
  readonly op: "create" | "update";
  /** Of an update: "" for the object itself. */
  readonly subresource: string;
  readonly resource: string;
  /** "" for kinds without. */
  readonly namespace: string;
  readonly object: UnstructuredObject;
  /** Of an update: what is stored. */
  readonly old?: UnstructuredObject;
}

/** Either the object as it would be stored, or the refusal. */
export interface Answer {
  readonly object?: UnstructuredObject;
  readonly status?: Status;
  readonly warnings?: readonly string[];
  /** Something broke. */
  readonly fault?: string;
}
