import { createHmac, randomBytes } from "node:crypto";
import { isObject } from "../apimachinery/json.ts";
import { parseKey } from "../apiserver/cache/storage-key.ts";

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

/** Stands for a state of which only that it was there is known. */
export function hiddenState(key: string): Uint8Array | undefined {
  const parsed = parseKey(key);
  if (parsed === undefined) return undefined;
  const { name, namespace, resource } = parsed;
  const isKnown = resource === "secrets";
  return Buffer.from(
    JSON.stringify({
      apiVersion: "v1",
      kind: isKnown ? "Secret" : resource,
      metadata: { name, ...(namespace !== "" && { namespace }) },
      data: { [hiddenKey]: `${hiddenPrefix}the whole state)` },
    }),
  );
}

/** What the data of a hidden state has in place of its own; no key of data can be called so. */
const hiddenKey = "(hidden)";

/** True for what stands for a state of which nothing more is known. */
export const isHidden = (state: object | undefined): boolean =>
  state !== undefined && "data" in state && isObject(state.data) && hiddenKey in state.data;
