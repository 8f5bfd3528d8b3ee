import { type FunctionDeclaration, onText, Signatures } from "./declare.ts";

const s = new Signatures();

/** For paths of JSON patches that mutating policies make: a key as a part of a path. */
export const jsonPatchFunctions: readonly FunctionDeclaration[] = [
  s.fn("jsonpatch.escapeKey", {
    "string_jsonpatch_escapeKey_string: (string) -> string": onText((key) =>
      key.replaceAll("~", "~0").replaceAll("/", "~1"),
    ),
  }),
];
