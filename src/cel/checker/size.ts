/**
 * Bounds of sizes and costs, as unsigned numbers of 64 bits that stop at the largest. That one is held as 2^64: doubles
 * have no 2^64 - 1, and nobody needs to tell them apart.
 */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const unbounded = 2 ** 64;

export const unknownSize: Bounds = { min: 0, max: unbounded };
export const nothing: Bounds = { min: 0, max: 0 };

export function fixed(value: number): Bounds {
  return { min: value, max: value };
}

const stop = (value: number): number => Math.min(value, unbounded);

export function plus(...terms: readonly Bounds[]): Bounds {
  let min = 0;
  let max = 0;
  for (const term of terms) {
    min = stop(min + term.min);
    max = stop(max + term.max);
  }
  return { min, max };
}

export function times(a: Bounds, b: Bounds): Bounds {
  return { min: stop(a.min * b.min), max: stop(a.max * b.max) };
}

/** Times a factor, rounded up. */
export function scaled(a: Bounds, factor: number): Bounds {
  return { min: stop(Math.ceil(a.min * factor)), max: stop(Math.ceil(a.max * factor)) };
}

export function either(a: Bounds, b: Bounds): Bounds {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
