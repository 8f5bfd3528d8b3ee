import { builtinScheme } from "../../api/builtin-scheme.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patch/strategic-merge-patch.ts";
import type { ResourceReference } from "../client.ts";

/** A strategic merge patch by the built-in types; a plain merge for custom resources, which the real server refuses. */
export function applyStrategic(
  document: unknown,
  patch: unknown,
  { group, version, resource }: ResourceReference,
): unknown {
  const scheme = builtinScheme();
  const schema = scheme.schemas.get(scheme.resource({ group, version, resource })?.schemaName ?? "");
  if (schema === undefined) return applyMergePatch(document, patch);
  return applyStrategicMergePatch(document, patch, schema, scheme.schemas);
}
