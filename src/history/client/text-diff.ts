/** Lines around a change that are shown with it. */
const context = 3;

interface Edit {
  readonly sign: " " | "-" | "+";
  readonly line: string;
}

/** A unified diff of two texts, as `diff -u` prints it; empty when they are equal. */
export function unifiedDiff(
  before: string,
  after: string,
  names: { readonly before: string; readonly after: string },
): string {
  if (before === after) return "";
  const edits = editsOf(linesOf(before), linesOf(after));
  return [`--- ${names.before}`, `+++ ${names.after}`, ...hunksOf(edits)].join("\n").concat("\n");
}

const linesOf = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** The longest common subsequence stays; beginnings and ends that are equal cost nothing. */
function editsOf(before: readonly string[], after: readonly string[]): Edit[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  while (
    end < before.length - start &&
    end < after.length - start &&
    before.at(-1 - end) === after.at(-1 - end)
  )
    end++;
  const same = (lines: readonly string[]): Edit[] => lines.map((line) => ({ sign: " ", line }));
  return [
    ...same(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...same(before.slice(before.length - end)),
  ];
}

/** Beyond this the table of common lengths would take too much: all of it counts as changed. */
const maxCells = 4_000_000;

function middle(before: readonly string[], after: readonly string[]): Edit[] {
  const removed = (line: string): Edit => ({ sign: "-", line });
  const added = (line: string): Edit => ({ sign: "+", line });
  if (before.length * after.length > maxCells) return [...before.map(removed), ...after.map(added)];
  const width = after.length + 1;
  // At (i, j): how much the rest of both has in common.
  const common = new Uint32Array((before.length + 1) * width);
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const below = common[(i + 1) * width + j] ?? 0;
      const right = common[i * width + j + 1] ?? 0;
      common[i * width + j] =
        before[i] === after[j] ? (common[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(below, right);
    }
  }
  const edits: Edit[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, now] = [before[i], after[j]];
    if (old !== undefined && old === now) {
      edits.push({ sign: " ", line: old });
      i++;
      j++;
    } else if (
      old !== undefined &&
      (now === undefined || (common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0))
    ) {
      edits.push(removed(old));
      i++;
    } else if (now !== undefined) {
      edits.push(added(now));
      j++;
    }
  }
  return edits;
}

function* hunksOf(edits: readonly Edit[]): Generator<string> {
  const changed = edits.flatMap(({ sign }, index) => (sign === " " ? [] : [index]));
  let [oldLine, newLine, at] = [1, 1, 0];
  while (changed.length > 0) {
    const first = Math.max(at, (changed.shift() ?? 0) - context);
    let last = first + context;
    while (changed.length > 0 && (changed[0] ?? 0) <= last + 2 * context + 1) last = changed.shift() ?? last;
    const skipped = edits.slice(at, first);
    oldLine += skipped.filter(({ sign }) => sign !== "+").length;
    newLine += skipped.filter(({ sign }) => sign !== "-").length;
    at = Math.min(edits.length, Math.max(last, first) + context + 1);
    const hunk = edits.slice(first, at);
    const olds = hunk.filter(({ sign }) => sign !== "+").length;
    const news = hunk.filter(({ sign }) => sign !== "-").length;
    yield `@@ -${olds === 0 ? oldLine - 1 : oldLine},${olds} +${news === 0 ? newLine - 1 : newLine},${news} @@`;
    for (const { sign, line } of hunk) yield sign + line;
    oldLine += olds;
    newLine += news;
  }
}
