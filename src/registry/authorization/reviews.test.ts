import { beforeAll, expect, test } from "vitest";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import { failure, TestApi } from "../../apiserver/testing/api.ts";
import { openSecurity, startTestServer } from "../../apiserver/testing/test-server.ts";
import { registryExtensions } from "../index.ts";
import { subjectAccessReviewsExtension } from "./reviews.ts";

let api: TestApi;
const asked: unknown[] = [];
const authorizer: Authorizer = {
  authorize: async ({ fieldSelector, resource }) => {
    if (resource === "pods") asked.push(fieldSelector);
    return { decision: "allow", reason: "" };
  },
  rulesFor: async () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
};

beforeAll(async () => {
  const extensions = [...registryExtensions({ serviceCidr: "10.96.0.0/24" }), subjectAccessReviewsExtension];
  const security = () => ({ ...openSecurity(), authorizer });
  api = new TestApi((await startTestServer({ extensions, security })).transport);
});

const review = (selectors: object) => ({
  apiVersion: "authorization.k8s.io/v1",
  kind: "SubjectAccessReview",
  metadata: {},
  spec: { user: "jane", resourceAttributes: { verb: "list", resource: "pods", ...selectors } },
});
const ask = (selectors: object) =>
  api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review(selectors));

test.each<[object, unknown]>([
  [{ rawSelector: "spec.nodeName=n1" }, [{ field: "spec.nodeName", operator: "=", value: "n1" }]],
  [
    { requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] },
    [{ field: "spec.nodeName", operator: "=", value: "n1" }],
  ],
  [
    { requirements: [{ key: "spec.nodeName", operator: "NotIn", values: ["n1"] }] },
    [{ field: "spec.nodeName", operator: "!=", value: "n1" }],
  ],
  [{ requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1", "n2"] }] }, undefined],
  [{ requirements: [{ key: "spec.nodeName", operator: "Later", values: ["n1"] }] }, undefined],
])("authorizers see a field selector %j", async (fieldSelector, seen) => {
  asked.length = 0;
  await ask({ fieldSelector });
  expect(asked).toEqual([seen]);
});

test("a selector that cannot be read is told of, and the question is asked without it", async () => {
  asked.length = 0;
  const { status } = (await ask({
    fieldSelector: { rawSelector: "spec" },
    labelSelector: { rawSelector: "a in" },
  })) as unknown as { status: { allowed: boolean; evaluationError: string } };
  expect(asked).toEqual([undefined]);
  expect(status.allowed).toBe(true);
  expect(status.evaluationError).toMatch(
    /^\[spec.resourceAttributes.fieldSelector ignored due to parse error, spec.resourceAttributes.labelSelector ignored due to parse error\]$/,
  );
});

test.each<[object, RegExp]>([
  [
    { fieldSelector: {} },
    /spec.resourceAttributes.fieldSelector.requirements: Required value: when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required$/,
  ],
  [
    { labelSelector: { rawSelector: "a", requirements: [{ key: "a", operator: "Exists" }] } },
    /spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a": may not specified at the same time as requirements$/,
  ],
  [
    { labelSelector: { requirements: [{ key: "a", operator: "In" }] } },
    /requirements\[0\].values: Required value: must be specified when `operator` is 'In' or 'NotIn'$/,
  ],
  [
    { labelSelector: { requirements: [{ key: "a", operator: "Exists", values: ["b"] }] } },
    /requirements\[0\].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'$/,
  ],
])("selectors %j are refused", async (selectors, why) => {
  const { code, message } = await failure(ask(selectors));
  expect(code).toBe(422);
  expect(message).toMatch(why);
});
