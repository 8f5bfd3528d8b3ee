import type { PodTemplateSpec } from "../../api/types/core-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";

/** Whether two templates describe the same pods: the hash is ours and says nothing about them. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { labels, ...metadata } = template?.metadata ?? {};
  const { "pod-template-hash": _, ...own } = labels ?? {};
  return { ...template, metadata: { ...metadata, labels: own } };
}
