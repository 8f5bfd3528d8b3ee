import { createHash } from "node:crypto";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { goJson } from "./printers/json.ts";

/** Hexadecimal digits that could make words are replaced. (k8s.io/kubectl/pkg/util/hash.) */
const letters: Readonly<Record<string, string>> = { "0": "g", "1": "h", "3": "k", a: "m", e: "t" };

/**
 * Ten characters that tell one content of a ConfigMap or Secret from another. `create --append-hash` counts the name in,
 * kustomize does not.
 */
export function contentHash({ kind, ...object }: UnstructuredObject, name: string): string {
  const content = {
    kind,
    name,
    data: object["data"] ?? "",
    ...(kind === "Secret" ? { type: object["type"] ?? "" } : {}),
    ...(object["binaryData"] === undefined ? {} : { binaryData: object["binaryData"] }),
    ...(object["stringData"] === undefined ? {} : { stringData: object["stringData"] }),
  };
  const hex = createHash("sha256").update(goJson(content)).digest("hex").slice(0, 10);
  return hex.replaceAll(/[013ae]/g, (digit) => letters[digit] ?? digit);
}
