import { goValue } from "../../apimachinery/go-value.ts";
import { isObject } from "../../apimachinery/json.ts";
import { type Describer, describeEvents } from "./context.ts";
import type { Description } from "./description.ts";

const skipped = new Set([
  ".metadata.managedFields",
  ".metadata.name",
  ".metadata.namespace",
  ".metadata.labels",
  ".metadata.annotations",
]);

/** Any object: its metadata, then all of its fields in order. */
export const describeAnything: Describer = async (d, object, context) => {
  const events = await context.eventsAbout(object);
  const { metadata } = object;
  d.field("Name", metadata.name).field("Namespace", metadata.namespace);
  d.labels("Labels", metadata.labels).annotations("Annotations", metadata.annotations);
  describeFields(d, 0, object, "");
  describeEvents(d, events);
};

function describeFields(
  d: Description,
  level: number,
  content: Readonly<Record<string, unknown>>,
  path: string,
): void {
  for (const field of Object.keys(content).sort()) {
    const value = content[field];
    const own = `${path}.${field}`;
    if (skipped.has(own) || value === undefined) continue;
    if (isObject(value)) {
      d.line(level, `${smartLabel(field)}:`);
      describeFields(d, level + 1, value, own);
    } else if (Array.isArray(value)) {
      d.line(level, `${smartLabel(field)}:`);
      for (const item of value) {
        if (isObject(item)) describeFields(d, level + 1, item, own);
        else d.line(level + 1, goValue(item));
      }
    } else d.field(smartLabel(field), goValue(value), level);
  }
}

const acronyms = new Set(["API", "URL", "UID", "GUID"]);

/** `creationTimestamp` → `Creation Timestamp`, `apiVersion` → `API Version`; names with other signs stay as they are. */
export function smartLabel(field: string): string {
  if (/[^\p{L}-]/u.test(field)) return field;
  return splitCamelCase(field)
    .map((part) =>
      acronyms.has(part.toUpperCase()) ? part.toUpperCase() : part.charAt(0).toUpperCase() + part.slice(1),
    )
    .join(" ");
}

/** Words begin with capitals; the last capital of several belongs to the small letters after it. */
function splitCamelCase(text: string): string[] {
  return text.match(/\p{Lu}+(?=\p{Lu}\p{Ll})|\p{Lu}\p{Ll}+|\p{Lu}+|\p{Ll}+|[^\p{L}]+/gu) ?? [text];
}
