/** Lists of indexes as text, `1,3-5`: rising, each below the number of completions. */

/** How many indexes the text names, or what is wrong with it. */
export function countIndexes(indexes: string, completions: number): number | string {
  if (indexes === "") return 0;
  let last: number | undefined;
  let total = 0;
  for (const text of indexes.split(",")) {
    const interval = parseInterval(text, completions);
    if (typeof interval === "string") return interval;
    const { first, end } = interval;
    if (last !== undefined && last >= first) return notIncreasing(last, first);
    total += end - first + 1;
    last = end;
  }
  return total;
}

/** The first index that both texts name. Parts that cannot be read are left to others. */
export function firstCommonIndex(a: string, b: string, completions: number): number | undefined {
  const [these, those] = [readable(a, completions), readable(b, completions)];
  for (let i = 0, j = 0; ; ) {
    const [mine, other] = [these[i], those[j]];
    if (mine === undefined || other === undefined) return undefined;
    if (mine.first <= other.end && other.first <= mine.end) return Math.max(mine.first, other.first);
    if (mine.first <= other.first) i++;
    else j++;
  }
}

interface Interval {
  readonly first: number;
  readonly end: number;
}

function readable(indexes: string, completions: number): Interval[] {
  return indexes
    .split(",")
    .map((text) => parseInterval(text, completions))
    .filter((interval) => typeof interval !== "string");
}

function parseInterval(text: string, completions: number): Interval | string {
  const [low = "", high, more] = text.split("-");
  if (more !== undefined) {
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  }
  for (const index of high === undefined ? [low] : [low, high]) {
    if (!/^\+?[0-9]+$/.test(index))
      return `cannot convert string to integer for index: ${JSON.stringify(index)}`;
    if (Number(index) >= completions) return `too large index: ${JSON.stringify(index)}`;
  }
  const [first, end] = [Number(low), Number(high ?? low)];
  return high !== undefined && first >= end ? notIncreasing(first, end) : { first, end };
}

const notIncreasing = (previous: number, current: number): string =>
  `non-increasing order, previous: ${previous}, current: ${current}`;
