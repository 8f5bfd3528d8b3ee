import { asInternal, internalPodSpec } from "./internal-layout.ts";
import { unifiedDiff } from "./unified-diff.ts";

/** What changed between two values of a type, as Kubernetes shows it below an error that names a whole spec. */
export function describeChange(type: string, before: unknown, after: unknown): string {
  return unifiedDiff(shown(asInternal(type, before)), shown(asInternal(type, after)));
}

/** As `describeChange`, of the specs of two pods. */
export function describePodChange(before: object, after: object): string {
  return unifiedDiff(shown(internalPodSpec({ ...before })), shown(internalPodSpec({ ...after })));
}

/** As Go indents JSON, and escapes what could be taken for HTML. */
function shown(value: unknown): string {
  return JSON.stringify(value, undefined, 1).replaceAll(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}
