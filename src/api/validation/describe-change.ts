import { deepEqual, isObject } from "../../apimachinery/json.ts";

/**
 * What changed between two values, a line for each: shown to users below an error that names a whole spec. Kubernetes
 * prints a diff of Go values there; ours is of the JSON that users know.
 */
export function describeChange(before: unknown, after: unknown): string {
  const lines: string[] = [];
  describe(before, after, "", lines);
  return `${lines.slice(0, linesMax).join("\n")}\n`;
}

const linesMax = 40;

function describe(before: unknown, after: unknown, path: string, lines: string[]): void {
  if (deepEqual(before, after)) return;
  if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      describe(before[key], after[key], path === "" ? key : `${path}.${key}`, lines);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++) {
      describe(before[index], after[index], `${path}[${index}]`, lines);
    }
    return;
  }
  if (before !== undefined) lines.push(`- ${path}: ${JSON.stringify(before)}`);
  if (after !== undefined) lines.push(`+ ${path}: ${JSON.stringify(after)}`);
}
