/** Medians, and figures printed beside their bounds. */

/** The value below which the given part lies; 0 without values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Further words: what it is compared with. */
  readonly note?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** `430 ms`, `2.35`, `12,345 pods/s`: as many digits as mean something. */
function shown(value: number): string {
  const digits = value !== 0 && Math.abs(value) < 10 ? 2 : value < 100 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

function bound({ atMost, atLeast }: Figure): string {
  if (atMost !== undefined) return `≤ ${shown(atMost)}`;
  return atLeast === undefined ? "" : `≥ ${shown(atLeast)}`;
}

/** Prints one line per figure; a bound that is not kept makes the process end with 1. */
export function report(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  for (const figure of figures) {
    const { name, value, unit, note = "", atMost, atLeast } = figure;
    const bounded = atMost !== undefined || atLeast !== undefined;
    const kept =
      value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
    if (!kept) process.exitCode = 1;
    const verdict = bounded ? (kept ? "pass" : "FAIL") : "";
    const measured = `${shown(value).padStart(9)} ${unit}`.padEnd(19);
    console.log(
      `  ${name.padEnd(44)} ${measured} ${bound(figure).padEnd(9)} ${verdict.padEnd(5)} ${note}`.trimEnd(),
    );
  }
}
