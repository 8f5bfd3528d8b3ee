import { isObject } from "../json.ts";
import { jsonSyntaxError } from "../json-text.ts";
import type { ManagedFieldsEntry } from "../meta-v1.ts";
import { managedFieldsError } from "./managers.ts";

/** What is wrong with managedFields, down to the names of the fields; undefined when they can be read. */
export function managedFieldsFault(entries: readonly ManagedFieldsEntry[] | undefined): string | undefined {
  const error = managedFieldsError(entries);
  if (error !== undefined) return error;
  for (const { manager = "", operation = "", apiVersion = "", time, fieldsV1, subresource = "" } of entries ??
    []) {
    const why = fieldsFault(fieldsV1);
    if (why === undefined) continue;
    const shown = [
      manager,
      operation,
      apiVersion,
      time ?? "<nil>",
      "FieldsV1",
      JSON.stringify(fieldsV1),
      subresource,
    ];
    return `error decoding versioned set from {${shown.join(" ")}}: error decoding set: ${why}`;
  }
  return undefined;
}

/** A step has a letter and a colon; items are named by JSON. */
function fieldsFault(fields: unknown): string | undefined {
  if (!isObject(fields)) return fields === undefined ? undefined : "expected a map";
  for (const [step, below] of Object.entries(fields)) {
    const why = step === "." ? undefined : (stepFault(step) ?? fieldsFault(below));
    if (why !== undefined) return why;
  }
  return undefined;
}

function stepFault(step: string): string | undefined {
  const fault = (why: string): string => `parsing key as path element: ${why}`;
  if (step.length < 2) return fault("key must be 2 characters long:");
  if (step[1] !== ":") return fault(`missing colon: ${step}`);
  const rest = step.slice(2);
  if (step[0] === "f") return undefined;
  if (step[0] === "i")
    return /^[+-]?\d+$/.test(rest)
      ? undefined
      : fault(`strconv.ParseInt: parsing ${JSON.stringify(rest)}: invalid syntax`);
  if (step[0] === "v" || step[0] === "k")
    return jsonSyntaxError(rest) === undefined ? undefined : fault(jsonSyntaxError(rest) ?? "");
  // Those of later versions are passed over.
  return undefined;
}
