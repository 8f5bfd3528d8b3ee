import { CelErr } from "../values.ts";
import { type FunctionDeclaration, noSuchOverload, onText, Signatures } from "./declare.ts";

/** The encoders of cel-go: base64 in both directions. Kubernetes does not have them. */
const s = new Signatures();

export const encoderFunctions: readonly FunctionDeclaration[] = [
  s.fn("base64.encode", {
    "base64_encode_bytes: (bytes) -> string": (bytes) =>
      bytes instanceof Uint8Array ? Buffer.from(bytes).toString("base64") : noSuchOverload,
  }),
  s.fn("base64.decode", {
    "base64_decode_string: (string) -> bytes": onText((text) => {
      // Padding may be left out.
      const valid = /^[A-Za-z0-9+/]*={0,2}$/u.test(text) && text.replace(/=+$/u, "").length % 4 !== 1;
      return valid ? Buffer.from(text, "base64") : new CelErr("illegal base64 data");
    }),
  }),
];
