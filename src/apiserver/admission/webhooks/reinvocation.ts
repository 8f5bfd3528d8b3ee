import { deepCopy, deepEqual } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";

/** Which webhooks of one request are to be asked a second time. Mirrors mutating/reinvocationcontext. */
export class Reinvocation {
  /** A webhook has changed the object, so that all mutating plugins are to see it again. */
  isWanted = false;
  /** Asked before the last change, and wishing to know of changes. */
  readonly #eligible = new Set<string>();
  readonly #chosen = new Set<string>();
  #output: UnstructuredObject | undefined;

  /** A webhook that wants to be asked again has been asked. */
  asked(id: string): void {
    this.#eligible.add(id);
  }

  /** The object is another one than those asked so far have seen. */
  changed(): void {
    this.isWanted = true;
    this.#choose();
  }

  /** The first round ends with this object. */
  end(object: UnstructuredObject | undefined): void {
    if (this.#eligible.size > 0) this.#output = deepCopy(object);
  }

  /** The second round begins; other plugins may have changed the object meanwhile. */
  begin(object: UnstructuredObject | undefined): void {
    if (this.#eligible.size > 0 && !deepEqual(this.#output, object)) this.#choose();
  }

  mayAsk(id: string): boolean {
    return this.#chosen.has(id);
  }

  #choose(): void {
    for (const id of this.#eligible) this.#chosen.add(id);
    this.#eligible.clear();
  }
}
