import { describe, expect, it } from "vitest";
import { requestInfo } from "../filters/request-info.ts";
import type { UserInfo } from "../request-context.ts";
import { AuditPolicy } from "./policy.ts";

const jane: UserInfo = { name: "jane", uid: "", groups: ["dev", "system:authenticated"], extra: {} };

const policy = (rest: string): AuditPolicy =>
  AuditPolicy.parse(`apiVersion: audit.k8s.io/v1\nkind: Policy\n${rest}`);

function levelOf(rule: string, method: string, url: string, user: UserInfo | undefined): string {
  const [path = "", query] = url.split("?");
  const info = requestInfo(method, path, new URLSearchParams(query));
  return policy(`rules:\n- ${rule}`).decide(user, info).level;
}

const pods = "/api/v1/namespaces/a/pods";

describe("a rule", () => {
  it.each([
    ["{level: Metadata}", "GET", pods, "Metadata"],
    ["{level: Metadata}", "GET", "/healthz", "Metadata"],
    ["{level: Request, users: [jane]}", "GET", pods, "Request"],
    ["{level: Request, users: [joe]}", "GET", pods, "None"],
    ["{level: Request, userGroups: [ops, dev]}", "GET", pods, "Request"],
    ["{level: Request, userGroups: [ops]}", "GET", pods, "None"],
    ["{level: Request, verbs: [list]}", "GET", pods, "Request"],
    ["{level: Request, verbs: [watch]}", "GET", `${pods}?watch=true`, "Request"],
    ["{level: Request, verbs: [delete]}", "GET", pods, "None"],
    ["{level: Request, namespaces: [a]}", "GET", pods, "Request"],
    ["{level: Request, namespaces: [b]}", "GET", pods, "None"],
    ['{level: Request, namespaces: [""]}', "GET", "/api/v1/nodes", "Request"],
    ["{level: Request, namespaces: [a]}", "GET", "/healthz", "None"],
    ['{level: Request, resources: [{group: ""}]}', "GET", pods, "Request"],
    ["{level: Request, resources: [{group: apps}]}", "GET", pods, "None"],
    ["{level: Request, resources: [{resources: [pods]}]}", "GET", pods, "Request"],
    ["{level: Request, resources: [{resources: [pods]}]}", "GET", `${pods}/x/log`, "None"],
    ["{level: Request, resources: [{resources: [pods/log]}]}", "GET", `${pods}/x/log`, "Request"],
    ['{level: Request, resources: [{resources: ["pods/*"]}]}', "GET", `${pods}/x/log`, "Request"],
    ['{level: Request, resources: [{resources: ["pods/*"]}]}', "GET", pods, "Request"],
    ['{level: Request, resources: [{resources: ["*/status"]}]}', "PUT", `${pods}/x/status`, "Request"],
    ['{level: Request, resources: [{resources: ["*/status"]}]}', "PUT", `${pods}/x`, "None"],
    ['{level: Request, resources: [{resources: ["*"]}]}', "PUT", `${pods}/x/status`, "Request"],
    ["{level: Request, resources: [{resources: [pods], resourceNames: [x]}]}", "GET", `${pods}/x`, "Request"],
    ["{level: Request, resources: [{resources: [pods], resourceNames: [x]}]}", "GET", `${pods}/y`, "None"],
    ['{level: Request, nonResourceURLs: ["/healthz*"]}', "GET", "/healthz/ping", "Request"],
    ['{level: Request, nonResourceURLs: ["/healthz"]}', "GET", "/healthz/ping", "None"],
    ['{level: Request, nonResourceURLs: ["*"]}', "GET", "/version", "Request"],
    ['{level: Request, nonResourceURLs: ["*"]}', "GET", pods, "None"],
  ])("%s of %s %s says %s", (rule, method, url, level) => {
    expect(levelOf(rule, method, url, jane)).toBe(level);
  });

  it("that names users never matches who is nobody", () => {
    expect(levelOf("{level: Metadata, users: [jane]}", "GET", pods, undefined)).toBe("None");
    expect(levelOf("{level: Metadata, userGroups: [dev]}", "GET", pods, undefined)).toBe("None");
  });
});

describe("AuditPolicy", () => {
  it("takes the first rule that matches, with the stages that it or the policy omits", () => {
    const found = policy(`
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {level: None, users: [joe]}
- {level: Metadata, omitStages: [ResponseStarted], omitManagedFields: false}
- {level: Request}`).decide(jane, requestInfo("GET", pods, new URLSearchParams()));
    expect(found.level).toBe("Metadata");
    expect([...found.omitStages]).toEqual(["RequestReceived", "ResponseStarted"]);
    expect(found.omitManagedFields).toBe(false);
  });

  const head = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
  it.each([
    ["", "the file holds no Policy"],
    ["a: [", "yaml: line 1"],
    ["kind: Policy\nrules: []", "Object 'apiVersion' is missing"],
    ["apiVersion: audit.k8s.io/v1\nrules: []", "Object 'Kind' is missing"],
    [
      "apiVersion: audit.k8s.io/v1beta1\nkind: Policy",
      'no kind "Policy" is registered for version "audit.k8s.io/v1beta1"',
    ],
    [head, "loaded illegal policy with 0 rules"],
    [`${head}rules: [{level: None, user: [a]}]`, 'strict decoding error: unknown field "rules[0].user"'],
    [`${head}rules:\n- level: None\n  level: None`, 'line 5: key "level" already set in map'],
    [`${head}rules: [{users: [a]}]`, "rules[0].level: Required value"],
    [
      `${head}rules: [{level: [a]}]`,
      "json: cannot unmarshal array into Go struct field PolicyRule.rules.level of type string",
    ],
    [
      `${head}rules: [{level: Full}]`,
      'rules[0].level: Unsupported value: "Full": supported values: "None", "Metadata", "Request", "RequestResponse"',
    ],
    [
      `${head}rules: [{level: None}, {level: None, nonResourceURLs: [healthz, "/a*/b"]}]`,
      `[rules[1].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a '/' character, ` +
        `rules[1].nonResourceURLs[1]: Invalid value: "/a*/b": non-resource URL wildcards '*' must be the final character of the rule]`,
    ],
    [
      `${head}rules: [{level: None, resources: [{group: "apps/v1"}]}]`,
      'rules[0].resources.group: Invalid value: "apps/v1": a lowercase RFC 1123 subdomain',
    ],
    [
      `${head}rules: [{level: None, resources: [{resourceNames: [a]}]}]`,
      'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
    ],
    [
      `${head}rules: [{level: None, omitStages: [Never]}]`,
      'rules[0].omitStages[0]: Invalid value: "Never": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
    ],
    [
      `${head}rules: [{level: None, namespaces: [a], nonResourceURLs: [/a]}]`,
      'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
  ])("refuses %j, naming the place", (text, message) => {
    expect(() => AuditPolicy.parse(text)).toThrow(message);
  });
});
