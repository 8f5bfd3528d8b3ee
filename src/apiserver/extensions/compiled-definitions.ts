import type { CustomDefinition } from "./custom-definition.ts";
import type { DefinitionRecord } from "./definition-record.ts";

/**
 * The definitions whose schemas are compiled: those that were used last, as many as there is room for. Compiled, a schema
 * takes about four times its JSON, and to compile it anew takes some milliseconds: who once looks at all of hundreds of
 * kinds should not keep them in memory for that.
 */
export class CompiledDefinitions {
  readonly #maxBytes: number;
  /** Those used last come last. */
  readonly #kept = new Map<DefinitionRecord, CustomDefinition>();
  #bytes = 0;
  /** What was asked for last: a request asks for the same many times. */
  #last: { readonly record: DefinitionRecord; readonly compiled: CustomDefinition } | undefined;

  /** `maxBytes`: of the JSON of all that are kept. The one used last is kept however large it is. */
  constructor(maxBytes = 16 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(record: DefinitionRecord, compile: () => CustomDefinition): CustomDefinition {
    if (this.#last?.record === record) return this.#last.compiled;
    const known = this.#kept.get(record);
    const compiled = known ?? compile();
    if (known === undefined) this.#bytes += record.sizeBytes;
    else this.#kept.delete(record);
    this.#kept.set(record, compiled);
    this.#last = { record, compiled };
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === record) break;
      this.forget(oldest);
    }
    return compiled;
  }

  /** The definition is gone, or is another one now. */
  forget(record: DefinitionRecord): void {
    if (this.#last?.record === record) this.#last = undefined;
    if (this.#kept.delete(record)) this.#bytes -= record.sizeBytes;
  }
}
