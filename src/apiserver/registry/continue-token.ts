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

/** Throws 400 for a token that this server did not make. */
export function decodeContinue(token: string): Continuation {
  const value = parse(token);
  if (!isObject(value)) throw invalidKey("invalid character");
  const { v, rv, start } = value;
  if (v !== "meta.k8s.io/v1") throw invalidKey("server does not recognize this encoded version");
  if (typeof rv !== "number" || rv === 0) {
    throw invalidKey("incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
  }
  if (typeof start !== "string" || start === "") {
    throw invalidKey("encoded start key empty (version meta.k8s.io/v1)");
  }
  if (start.includes("..")) throw invalidKey(`invalid path`);
  return { revision: rv, start: start.replace(/\0$/, "") };
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return undefined;
  }
}

const invalidKey = (why: string): Error => newBadRequest(`continue key is not valid: ${why}`);
