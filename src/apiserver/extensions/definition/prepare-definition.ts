import type { CustomResourceDefinition, JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import { isObject } from "../../../apimachinery/json.ts";
import { compileAhead } from "../schema/compile-rules.ts";
import { patternError } from "../schema/pattern.ts";
import { SchemaNode } from "../schema/schema-node.ts";

/** A definition with less than this is looked at in one go: most have a dozen. */
const fewParts = 20;
const sliceMs = 8;

/**
 * Compiles the patterns and rules of a definition that is validated next: some have thousands, which take seconds, so they
 * are compiled a little at a time. Undefined where there are few, and nothing to wait for.
 */
export function prepareDefinition(
  { spec }: CustomResourceDefinition,
  nowMs: () => number,
): Promise<void> | undefined {
  const parts: Parts = { patterns: new Set(), ruled: [] };
  for (const { schema } of Array.isArray(spec.versions) ? spec.versions : []) {
    if (isObject(schema?.openAPIV3Schema)) collect(schema.openAPIV3Schema, true, parts);
  }
  return parts.patterns.size + parts.ruled.length < fewParts ? undefined : compileInSlices(parts, nowMs);
}

interface Parts {
  readonly patterns: Set<string>;
  readonly ruled: { readonly schema: JSONSchemaProps; readonly isRoot: boolean }[];
}

function collect(schema: JSONSchemaProps, isRoot: boolean, parts: Parts): void {
  if (typeof schema.pattern === "string" && schema.pattern !== "") parts.patterns.add(schema.pattern);
  if ((schema["x-kubernetes-validations"]?.length ?? 0) > 0) parts.ruled.push({ schema, isRoot });
  for (const name in schema.properties) collect(schema.properties[name] ?? {}, false, parts);
  for (const below of [schema.items, schema.additionalProperties, schema.not]) {
    if (isObject(below)) collect(below, false, parts);
  }
  for (const below of [schema.allOf, schema.anyOf, schema.oneOf]) {
    for (const each of below ?? []) collect(each, false, parts);
  }
}

async function compileInSlices({ patterns, ruled }: Parts, nowMs: () => number): Promise<void> {
  let startedMs = nowMs();
  const rest = async (): Promise<void> => {
    if (nowMs() - startedMs < sliceMs) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    startedMs = nowMs();
  };
  for (const pattern of patterns) {
    patternError(pattern);
    await rest();
  }
  for (const { schema, isRoot } of ruled) {
    for (const _ of compileAhead(new SchemaNode(schema, { isRoot }))) await rest();
  }
}
