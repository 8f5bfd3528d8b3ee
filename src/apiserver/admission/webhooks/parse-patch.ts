import { isObject } from "../../../apimachinery/json.ts";
import { jsonSyntaxError } from "../../../apimachinery/json-text.ts";
import { HookFailure } from "./call-hook.ts";

/**
 * The operations of a patch that a webhook sent. Rejects what is no list of them; fields of the wrong type are as good as none
 * here, where the API server is stricter with its own clients.
 */
export function parsePatch(hook: string, text: string): Record<string, unknown>[] {
  const undecodable = (why: string): HookFailure =>
    new HookFailure(hook, `received undecodable patch in webhook response: ${why}`, 503);
  const fault = jsonSyntaxError(text);
  if (fault !== undefined) throw undecodable(fault);
  const patch: unknown = JSON.parse(text);
  if (patch === null) return [];
  const mismatch = (value: unknown, type: string): HookFailure =>
    undecodable(`json: cannot unmarshal ${describe(value)} into Go value of type jsonpatch.${type}`);
  if (!Array.isArray(patch)) throw mismatch(patch, "Patch");
  return (patch as unknown[]).map((operation) => {
    if (operation !== null && !isObject(operation)) throw mismatch(operation, "Operation");
    return withTexts(operation ?? {});
  });
}

const describe = (value: unknown): string =>
  typeof value === "boolean" ? "bool" : Array.isArray(value) ? "array" : typeof value;

function withTexts(operation: Record<string, unknown>): Record<string, unknown> {
  const read = { ...operation };
  for (const field of ["op", "path", "from"]) if (typeof read[field] !== "string") delete read[field];
  return read;
}
