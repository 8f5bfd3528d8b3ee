/** Throws TypeError for a controller that there is not; with the name that was probably meant. */
export function checkController(name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new TypeError(
    `no controller is named ${JSON.stringify(name)}; there are ${known.join(", ")}.${meant(name, known)}`,
  );
}

/** Throws TypeError for a property that nobody reads: a slip of the pen would be taken for a wish. */
export function checkNames(what: string, given: object, known: readonly string[]): void {
  // In JavaScript anything may be given.
  if (typeof given !== "object" || given === null)
    throw new TypeError(
      `${what}: ${JSON.stringify(given) ?? String(given)} is no object; there are ${known.join(", ")}`,
    );
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `${JSON.stringify(unknown)} is nothing that ${what} may say; there are ${known.join(", ")}.${meant(unknown, known)}`,
  );
}

/** Throws TypeError for what is no text, where a text is the name of something: in JavaScript anything may be given. */
export function checkText(what: string, given: unknown): void {
  if (typeof given === "string") return;
  throw new TypeError(`${what}: ${JSON.stringify(given) ?? String(given)} is no text`);
}

/** ` Did you mean "clock"?`, or nothing where no name is like the one that was given. */
export function meant(given: string, known: readonly string[]): string {
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(plain(given), plain(name)) }))
    .toSorted((a, b) => a.distance - b.distance);
  if (best !== undefined && best.distance <= Math.max(2, best.name.length / 3)) return question(best.name);
  // Some say less than the whole of it: `deployment` for `deployment-controller`.
  const said = plain(given);
  const begun = said.length < 4 ? undefined : known.find((name) => plain(name).startsWith(said));
  return begun === undefined ? "" : question(begun);
}

const question = (name: string): string => ` Did you mean ${JSON.stringify(name)}?`;

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
