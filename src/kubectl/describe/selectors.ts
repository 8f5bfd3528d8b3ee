import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import type { LabelSelector } from "../../apimachinery/meta-v1.ts";

/** A selector in one line; `<none>` for one that selects all. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  const text = selectorFromLabelSelector(selector).toString();
  return text === "" ? "<none>" : text;
}
