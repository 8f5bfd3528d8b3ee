/**
 * Two texts, laid beside each other as `diff -u` does: what both have stands for context, three lines around each change.
 * Which lines belong together is found as Python's difflib finds it, which Go's library for this follows: the longest common
 * block first, then what is left and right of it; lines that are all over a long text tie nothing together.
 */
export function unifiedDiff(before: string, after: string): string {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const changes = changesOf(a, b);
  return groupsOf(changes, a.length)
    .map((group) => showGroup(group, a, b))
    .join("");
}

/** The next `size` lines from `a` on one side and `b` on the other are the same. */
interface Block {
  readonly a: number;
  readonly b: number;
  readonly size: number;
}

/** Lines from..to of one side became those of the other; both are the same where `isSame`. */
interface Change {
  readonly isSame: boolean;
  readonly aFrom: number;
  readonly aTo: number;
  readonly bFrom: number;
  readonly bTo: number;
}

const context = 3;
/** In texts of so many lines, a line that makes up more than a hundredth of them ties nothing together. */
const longText = 200;

function changesOf(a: readonly string[], b: readonly string[]): Change[] {
  const changes: Change[] = [];
  let [i, j] = [0, 0];
  for (const block of [...blocksOf(a, b), { a: a.length, b: b.length, size: 0 }]) {
    if (i < block.a || j < block.b) {
      changes.push({ isSame: false, aFrom: i, aTo: block.a, bFrom: j, bTo: block.b });
    }
    [i, j] = [block.a + block.size, block.b + block.size];
    if (block.size > 0) changes.push({ isSame: true, aFrom: block.a, aTo: i, bFrom: block.b, bTo: j });
  }
  return changes;
}

/** In order; blocks that touch are one. */
function blocksOf(a: readonly string[], b: readonly string[]): Block[] {
  const places = placesOf(b);
  const found: Block[] = [];
  const open = [{ aFrom: 0, aTo: a.length, bFrom: 0, bTo: b.length }];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const block = longestBlock(a, b, places, part);
    if (block.size === 0) continue;
    found.push(block);
    const [aEnd, bEnd] = [block.a + block.size, block.b + block.size];
    if (part.aFrom < block.a && part.bFrom < block.b) open.push({ ...part, aTo: block.a, bTo: block.b });
    if (aEnd < part.aTo && bEnd < part.bTo) open.push({ ...part, aFrom: aEnd, bFrom: bEnd });
  }
  found.sort((one, other) => one.a - other.a);
  const joined: Block[] = [];
  for (const block of found) {
    const last = joined.at(-1);
    if (last !== undefined && last.a + last.size === block.a && last.b + last.size === block.b) {
      joined[joined.length - 1] = { ...last, size: last.size + block.size };
    } else joined.push(block);
  }
  return joined;
}

function placesOf(lines: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, line] of lines.entries()) {
    const known = places.get(line);
    if (known === undefined) places.set(line, [index]);
    else known.push(index);
  }
  if (lines.length >= longText) {
    const most = Math.floor(lines.length / 100) + 1;
    for (const [line, indices] of places) if (indices.length > most) places.delete(line);
  }
  return places;
}

interface Part {
  readonly aFrom: number;
  readonly aTo: number;
  readonly bFrom: number;
  readonly bTo: number;
}

function longestBlock(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  { aFrom, aTo, bFrom, bTo }: Part,
): Block {
  let best: Block = { a: aFrom, b: bFrom, size: 0 };
  // How long the common block is that ends with the line before, by where it ends in b.
  let endings = new Map<number, number>();
  for (let i = aFrom; i < aTo; i++) {
    const next = new Map<number, number>();
    for (const j of places.get(a[i] ?? "") ?? []) {
      if (j < bFrom) continue;
      if (j >= bTo) break;
      const size = (endings.get(j - 1) ?? 0) + 1;
      next.set(j, size);
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size };
    }
    endings = next;
  }
  // Lines that are everywhere belong to the block that they lie at.
  let { a: i, b: j, size } = best;
  while (i > aFrom && j > bFrom && a[i - 1] === b[j - 1]) [i, j, size] = [i - 1, j - 1, size + 1];
  while (i + size < aTo && j + size < bTo && a[i + size] === b[j + size]) size++;
  return { a: i, b: j, size };
}

/** Changes that lie near each other, with their context. */
function groupsOf(changes: readonly Change[], length: number): Change[][] {
  const groups: Change[][] = [];
  let group: Change[] = [];
  for (const [index, change] of changes.entries()) {
    if (!change.isSame) {
      group.push(change);
      continue;
    }
    const isFirst = index === 0;
    const isLast = index === changes.length - 1;
    const size = change.aTo - change.aFrom;
    const head = Math.min(size, isFirst ? 0 : context);
    const tail = Math.min(size, isLast ? 0 : context);
    const withHead = { ...change, aTo: change.aFrom + head, bTo: change.bFrom + head };
    const withTail = { ...change, aFrom: change.aTo - tail, bFrom: change.bTo - tail };
    if (!isFirst && !isLast && size <= 2 * context) {
      group.push(change);
      continue;
    }
    if (!isFirst) groups.push([...group, ...(head > 0 ? [withHead] : [])]);
    group = tail > 0 ? [withTail] : [];
  }
  if (changes.at(-1)?.isSame === false) groups.push(group);
  return length === 0 ? [] : groups.filter((each) => each.some(({ isSame }) => !isSame));
}

function showGroup(group: readonly Change[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [group[0], group.at(-1)];
  if (first === undefined || last === undefined) return "";
  const head = `@@ -${range(first.aFrom, last.aTo)} +${range(first.bFrom, last.bTo)} @@\n`;
  const lines = group.flatMap(({ isSame, aFrom, aTo, bFrom, bTo }) => {
    const [gone, come] = [a.slice(aFrom, aTo), b.slice(bFrom, bTo)];
    if (isSame) return gone.map((line) => ` ${line}\n`);
    return [...gone.map((line) => `-${line}\n`), ...come.map((line) => `+${line}\n`)];
  });
  return head + lines.join("");
}

function range(from: number, to: number): string {
  const length = to - from;
  if (length === 1) return String(from + 1);
  return `${length === 0 ? from : from + 1},${length}`;
}
