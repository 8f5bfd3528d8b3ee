import { isObject } from "../../apimachinery/json.ts";
import { newBadRequest } from "../../apimachinery/status.ts";

/** Where a list goes on: at which revision (-1: the newest), and after which key. */
export interface Continuation {
  readonly revision: number;
  /** "namespace/name", or "name" for cluster-scoped resources. */
  readonly start: string;
}

/** The opaque token, in the form of k8s.io/apiserver/pkg/storage.EncodeContinue. */
export function encodeContinue({ revision, start }: Continuation): string {
  // The next key is the first one greater than the last that was sent: that key with a zero byte behind it.
  const token = JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: `${start}\0` });
  return Buffer.from(token).toString("base64url");
}

/** Throws 400 for a token that this server did not make, in the words of k8s.io/apiserver/pkg/storage.DecodeContinue. */
export function decodeContinue(token: string): Continuation {
  const value = parse(token);
  const { v = "", rv = 0, start = "" } = isObject(value) ? value : {};
  if (v !== "meta.k8s.io/v1") {
    throw invalidKey(`: server does not recognize this encoded version ${String(v)}`);
  }
  if (typeof rv !== "number" || rv === 0) {
    throw invalidKey(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  }
  if (typeof start !== "string" || start === "") {
    throw invalidKey(": encoded start key empty (version meta.k8s.io/v1)");
  }
  // A key that leads out of its resource's part of the store.
  const parts = start.replace(/^\//, "").split("/");
  if (parts.some((part) => part === "" || part === "." || part === "..")) throw invalidKey(`: ${start}`);
  return { revision: rv, start: parts.join("/").replace(/\0$/, "") };
}

function parse(token: string): unknown {
  const foreign = token.search(/[^A-Za-z0-9_-]/);
  const illegalAt = foreign < 0 && token.length % 4 === 1 ? token.length - 1 : foreign;
  if (illegalAt >= 0) throw invalidKey(`: illegal base64 data at input byte ${illegalAt}`);
  const text = Buffer.from(token, "base64url").toString();
  try {
    return JSON.parse(text);
  } catch {
    const [first] = text;
    throw invalidKey(
      first === undefined
        ? ": unexpected end of JSON input"
        : `: invalid character ${quoted(first)} looking for beginning of value`,
    );
  }
}

/** A character as Go's decoder of JSON names it. */
function quoted(character: string): string {
  if (character === "'") return "'\\''";
  const text = JSON.stringify(character).slice(1, -1);
  return character === '"' ? `'"'` : `'${text}'`;
}

const invalidKey = (why: string): Error =>
  newBadRequest(`invalid continue token: continue key is not valid${why}`);
