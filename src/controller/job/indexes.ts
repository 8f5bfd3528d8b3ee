import type { Pod } from "../../api/types/core-v1.ts";

export const completionIndex = "batch.kubernetes.io/job-completion-index";

/** "0,2-4" → { 0, 2, 3, 4 }. What cannot be read is left out; numbers at or above `end` too. */
export function parseIndexes(text: string | undefined, end: number): Set<number> {
  const indexes = new Set<number>();
  for (const part of (text ?? "").split(",")) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) continue;
    for (let index = Number(first); index <= Number(last ?? first) && index < end; index++)
      indexes.add(index);
  }
  return indexes;
}

/** { 0, 2, 3, 4 } → "0,2-4". */
export function formatIndexes(indexes: Iterable<number>): string {
  const parts: string[] = [];
  const sorted = [...indexes].toSorted((a, b) => a - b);
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (sorted[to + 1] === (sorted[to] ?? 0) + 1) to++;
    // Two neighbours are written apart by a comma, as Kubernetes does.
    if (to - from >= 2) parts.push(`${sorted[from]}-${sorted[to]}`);
    else parts.push(...sorted.slice(from, to + 1).map(String));
    from = to + 1;
  }
  return parts.join(",");
}

/** The index of a pod of an Indexed Job, or undefined. */
export function indexOf(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[completionIndex];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
