import { createHmac, randomBytes } from "node:crypto";
import { isObject } from "../apimachinery/json.ts";

/** What applying with kubectl leaves behind: the whole object once more, values and all. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * Takes the values out of Secrets before anybody remembers them: each becomes a mark that is the same for the same value,
 * so that a change is seen, and that nobody can guess back, since its key is made anew by every process.
 */
export class Redactor {
  readonly #key = randomBytes(32);

  /** The Secret's JSON with marks for values. */
  redact(value: Uint8Array): Uint8Array {
    const secret: unknown = JSON.parse(Buffer.from(value).toString());
    if (!isObject(secret)) return value;
    const { metadata, data, stringData } = secret;
    const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
    const redacted = {
      ...secret,
      ...(isObject(data) && { data: this.#marks(data) }),
      ...(isObject(stringData) && { stringData: this.#marks(stringData) }),
      ...(isObject(metadata) &&
        isObject(annotations) &&
        lastApplied in annotations && {
          metadata: {
            ...metadata,
            annotations: { ...annotations, [lastApplied]: this.#mark(annotations[lastApplied]) },
          },
        }),
    };
    return Buffer.from(JSON.stringify(redacted));
  }

  #marks(values: Readonly<Record<string, unknown>>): Record<string, string> {
    return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, this.#mark(value)]));
  }

  #mark(value: unknown): string {
    return `${hiddenPrefix}${createHmac("sha256", this.#key).update(String(value)).digest("hex").slice(0, 12)})`;
  }
}

/** How a mark begins, which is no base64: it cannot be taken for a value. */
export const hiddenPrefix = "(not kept: ";
