import { expect, test } from "vitest";
import { decodeContinue, encodeContinue } from "./continue-token.ts";

test("a token comes back as what it was made of", () => {
  const continuation = { revision: 12, start: "default/web-1" };
  expect(decodeContinue(encodeContinue(continuation))).toEqual(continuation);
});

test.each([
  ["", "unexpected end of JSON input"],
  ["ab!!", "illegal base64 data at input byte 2"],
  ["c3RyaW5n", "invalid character 's' looking for beginning of value"],
  [token({ v: "x", rv: 1, start: "a" }), "server does not recognize this encoded version x"],
  [token([]), "server does not recognize this encoded version "],
  [
    token({ v: "meta.k8s.io/v1", rv: 0, start: "a" }),
    "incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
  ],
  [token({ v: "meta.k8s.io/v1", rv: 1, start: "" }), "encoded start key empty (version meta.k8s.io/v1)"],
  [token({ v: "meta.k8s.io/v1", rv: 1, start: "../secrets/a" }), "../secrets/a"],
  [token({ v: "meta.k8s.io/v1", rv: 1, start: "a//b" }), "a//b"],
])("a foreign token %j is refused", (text, why) => {
  const message = `invalid continue token: continue key is not valid: ${why}`;
  expect(() => decodeContinue(text)).toThrow(expect.objectContaining({ message }));
});

function token(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
