import type { Authorizer } from "./authorizer.ts";
import { noRules } from "./union.ts";

/** Answers everybody the same. */
export const always = (decision: "allow" | "noOpinion"): Authorizer => ({
  authorize: () => ({
    decision,
    reason: decision === "allow" ? "" : "Everything is forbidden.",
  }),
  rulesFor: async () =>
    decision === "allow"
      ? {
          resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
          nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
          incomplete: false,
        }
      : noRules,
});
