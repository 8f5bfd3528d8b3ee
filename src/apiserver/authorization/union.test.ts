import { expect, test } from "vitest";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "./authorizer.ts";
import { AuthorizerUnion, noRules } from "./union.ts";

const about: AuthorizationAttributes = {
  user: { name: "jane", uid: "", groups: [], extra: {} },
  verb: "get",
  isResourceRequest: true,
  namespace: "",
  group: "",
  version: "v1",
  resource: "pods",
  subresource: "",
  name: "",
  path: "",
};

const none = (reason: string): AuthorizationDecision => ({ decision: "noOpinion", reason });
const allow: AuthorizationDecision = { decision: "allow", reason: "yes" };
const deny: AuthorizationDecision = { decision: "deny", reason: "never" };
const late = (decision: AuthorizationDecision) => Promise.resolve(decision);

test.each<[string, (AuthorizationDecision | Promise<AuthorizationDecision>)[], AuthorizationDecision]>([
  ["the first that decides", [none("a"), allow, deny], allow],
  ["the first that decides, though one before it answers later", [late(none("a")), deny, allow], deny],
  ["the first that decides, though it answers later", [none("a"), late(deny), allow], deny],
  ["nobody, for all their reasons", [none("a"), late(none("")), late(none("b")), none("c")], none("a\nb\nc")],
])("%s decides", async (_who, answers, expected) => {
  const authorizers = answers.map(
    (answer): Authorizer => ({ authorize: () => answer, rulesFor: async () => noRules }),
  );
  expect(await new AuthorizerUnion(authorizers).authorize(about)).toEqual(expected);
});

test("where nobody has to wait, neither does who asks", () => {
  const union = new AuthorizerUnion([{ authorize: () => allow, rulesFor: async () => noRules }]);
  expect(union.authorize(about)).toBe(allow);
});
