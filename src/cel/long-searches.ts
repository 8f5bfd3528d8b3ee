import type { Found, Search } from "../apimachinery/search/search.ts";
import { PartOver } from "./eval/resumption.ts";
import type { LongSearch } from "./eval/work.ts";

/** Found for the part that follows; what an evaluation has read is kept with its value. */
const keptMax = 4;

/** Searches of one evaluation that another thread makes: each ends a part, and the next part finds its answer. */
export class LongSearches {
  readonly #found: { readonly search: Search; readonly found: Found }[] = [];

  /** Gives what was found, or throws PartOver. */
  readonly ask: LongSearch = (search) => {
    const known = this.#found.find((each) => isSame(each.search, search));
    if (known !== undefined) return known.found;
    throw new PartOver(this.#elsewhere(search));
  };

  async #elsewhere(search: Search): Promise<void> {
    // Loaded on first use: hardly any expression searches so long a text.
    const { searchElsewhere } = await import("../apimachinery/search/search-threads.ts");
    const found = await searchElsewhere(search);
    this.#found.push({ search, found });
    if (this.#found.length > keptMax) this.#found.shift();
  }
}

const isSame = (a: Search, b: Search): boolean =>
  a.pattern === b.pattern && a.limit === b.limit && a.text === b.text;
