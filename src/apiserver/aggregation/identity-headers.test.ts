import { expect, it } from "vitest";
import { identityHeaders, isIdentityHeader } from "./identity-headers.ts";

it.each([
  [
    "name and groups",
    { name: "jane", uid: "", groups: ["dev", "ops"], extra: {} },
    { "x-remote-user": "jane", "x-remote-group": ["dev", "ops"] },
  ],
  [
    "the uid",
    { name: "jane", uid: "7", groups: [], extra: {} },
    { "x-remote-user": "jane", "x-remote-uid": "7" },
  ],
  [
    "extra facts, whose names may hold what no header may",
    { name: "jane", uid: "", groups: [], extra: { "example.com/50%": ["a", "b"], none: [] } },
    { "x-remote-user": "jane", "x-remote-extra-example.com%2F50%25": ["a", "b"] },
  ],
  [
    "names beyond Latin, as the bytes of their UTF-8",
    { name: "Łukasz", uid: "", groups: [], extra: {} },
    { "x-remote-user": Buffer.from("Łukasz").toString("latin1") },
  ],
])("%s", (_what, user, headers) => {
  expect(identityHeaders(user)).toEqual(headers);
});

it("all that could say who asks is recognised", () => {
  const names = ["x-remote-user", "x-remote-uid", "x-remote-group", "x-remote-extra-scopes", "x-request-id"];
  expect(names.filter(isIdentityHeader)).toEqual(names.slice(0, 4));
});
