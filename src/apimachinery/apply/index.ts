import type { ManagedFieldsEntry } from "../meta-v1.ts";
import type { UnstructuredObject } from "../object.ts";
import type { Schema, SchemaSet } from "../schema.ts";

export interface ServerSideApplyOptions {
  readonly live: UnstructuredObject | undefined;
  readonly applied: UnstructuredObject;
  readonly manager: string;
  readonly force: boolean;
  readonly subresource: string;
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
  readonly nowMs: number;
  /** Dotted paths that this writer's requests never own: `["status"]` for the main resource. */
  readonly ignoredPaths?: readonly string[];
}

export interface TrackUpdateOptions {
  readonly old: UnstructuredObject | undefined;
  readonly updated: UnstructuredObject;
  readonly manager: string;
  readonly subresource: string;
  readonly schema: Schema | undefined;
  readonly schemas: SchemaSet;
  readonly nowMs: number;
  readonly ignoredPaths?: readonly string[];
}

export function serverSideApply(options: ServerSideApplyOptions): UnstructuredObject {
  return options.applied;
}

export function trackUpdate(options: TrackUpdateOptions): ManagedFieldsEntry[] {
  return options.updated.metadata.managedFields ?? options.old?.metadata.managedFields ?? [];
}
