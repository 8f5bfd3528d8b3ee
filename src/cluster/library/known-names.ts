/** Throws TypeError for a controller that there is not; with the name that was probably meant. */
export function checkController(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new TypeError(
    `no controller is named ${JSON.stringify(name)}; there are ${known.join(", ")}.${meant(name, known)}`,
  );
}

/** Throws TypeError for a property that nobody reads: a slip of the pen would be taken for a wish. */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `${JSON.stringify(unknown)} is nothing that ${what} may say; there are ${known.join(", ")}.${meant(unknown, known)}`,
  );
}

/** ` Did you mean "clock"?`, or nothing where no name is like the one that was given. */
export function meant(given: string, known: readonly string[]): string {
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(plain(given), plain(name)) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (best === undefined || best.distance > Math.max(2, best.name.length / 3)) return "";
  return ` Did you mean ${JSON.stringify(best.name)}?`;
}

/** What is written together, with hyphens or in other cases is the same to who remembers a name. */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** How many letters have to be added, taken away or changed to get from one to the other (Levenshtein). */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of from.split("").entries()) {
    const next = [index + 1];
    for (const [column, other] of to.split("").entries()) {
      const change = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(change, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
