import type { Schema, SchemaSet } from "../schema.ts";
import { applyMergePatch, createMergePatch } from "./merge-patch.ts";

/** Applies a strategic merge patch. Pure. Throws StatusError 400. */
export function applyStrategicMergePatch(
  document: unknown,
  patch: unknown,
  schema: Schema,
  schemas: SchemaSet,
): unknown {
  void schema;
  void schemas;
  return applyMergePatch(document, patch);
}

/** The patch that kubectl apply sends. */
export function createThreeWayPatch(
  original: unknown,
  modified: unknown,
  current: unknown,
  schema: Schema,
  schemas: SchemaSet,
): unknown {
  void original;
  void schema;
  void schemas;
  return createMergePatch(current, modified);
}
