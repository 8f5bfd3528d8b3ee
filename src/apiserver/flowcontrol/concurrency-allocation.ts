/** One of those among whom seats are shared. */
export interface AllocationItem {
  readonly target: number;
  readonly lowerBound: number;
  readonly upperBound: number;
}

/** A target of nothing still gets a share of what nobody wants. */
const minTarget = 0.001;

/**
 * Shares `sum` in proportion to the targets, each kept between its bounds: every share is the same fraction of its
 * target unless a bound stops it. Solves for that fraction (flowcontrol/conc_alloc.go states the same problem). Bounds
 * that cannot be met together are met as nearly as they can.
 */
export function allocate(
  sum: number,
  items: readonly AllocationItem[],
): { shares: number[]; fraction: number } {
  const targets = items.map(({ target }) => Math.max(minTarget, target));
  const at = (fraction: number): number[] =>
    items.map(({ lowerBound, upperBound }, index) =>
      Math.max(lowerBound, Math.min(upperBound, fraction * (targets[index] ?? 0))),
    );
  const total = (fraction: number): number => at(fraction).reduce((all, share) => all + share, 0);
  // The total grows with the fraction and bends only where a bound begins or ends to hold: the answer lies between two
  // neighbouring bends, where the total is a straight line.
  const bends = items
    .flatMap(({ lowerBound, upperBound }, index) => {
      const target = targets[index] ?? minTarget;
      return [lowerBound / target, upperBound / target];
    })
    .toSorted((a, b) => a - b);
  let low = 0;
  for (const bend of bends) {
    if (total(bend) >= sum) {
      const [below, above] = [total(low), total(bend)];
      const fraction = above === below ? bend : low + ((sum - below) / (above - below)) * (bend - low);
      return { shares: at(fraction), fraction };
    }
    low = bend;
  }
  return { shares: at(low), fraction: low };
}
