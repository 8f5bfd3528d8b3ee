import { expect, test } from "vitest";
import { decodeContinue, encodeContinue } from "./continue-token.ts";

test("a token comes back as what it was made of", () => {
  const continuation = { revision: 12, start: "default/web-1" };
  expect(decodeContinue(encodeContinue(continuation))).toEqual(continuation);
});

test.each([
  ["", "continue key is not valid: invalid character"],
  ["!!!", "continue key is not valid: invalid character"],
  [
    token({ v: "x", rv: 1, start: "a" }),
    "continue key is not valid: server does not recognize this encoded version",
  ],
  [
    token({ v: "meta.k8s.io/v1", rv: 0, start: "a" }),
    "continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
  ],
  [
    token({ v: "meta.k8s.io/v1", rv: 1, start: "" }),
    "continue key is not valid: encoded start key empty (version meta.k8s.io/v1)",
  ],
])("a foreign token %j is refused", (text, message) => {
  expect(() => decodeContinue(text)).toThrow(message);
});

function token(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
