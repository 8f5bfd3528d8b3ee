import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  LocalSubjectAccessReview,
  NonResourceAttributes,
  ResourceAttributes,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from "../../api/types/authorization-v1.ts";
import { type FieldError, forbidden, invalid, path, required } from "../../apimachinery/field-error.ts";
import { parseFieldSelector } from "../../apimachinery/fields.ts";
import { parseLabelSelector } from "../../apimachinery/labels.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { newBadRequest, newInvalid } from "../../apimachinery/status.ts";
import { aggregate } from "../../apiserver/admission/attributes.ts";
import type {
  AuthorizationAttributes,
  Authorizer,
  FieldRequirement,
} from "../../apiserver/authorization/authorizer.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import type { UserInfo } from "../../apiserver/request-context.ts";

const group = "authorization.k8s.io";

interface AccessSpec {
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: NonResourceAttributes | undefined;
}

/** What the authorizer is asked for a review. */
function attributesOf(
  user: UserInfo,
  { resourceAttributes, nonResourceAttributes }: AccessSpec,
): AuthorizationAttributes {
  const none = { namespace: "", group: "", version: "", resource: "", subresource: "", name: "" };
  if (resourceAttributes === undefined) {
    const { verb = "", path = "" } = nonResourceAttributes ?? {};
    return { user, verb, path, isResourceRequest: false, ...none };
  }
  const { fieldSelector, labelSelector: _labels, verb = "", ...resource } = resourceAttributes;
  const requirements = fieldRequirements(fieldSelector);
  return {
    user,
    verb,
    path: "",
    isResourceRequest: true,
    ...none,
    ...Object.fromEntries(Object.entries(resource).filter(([, value]) => value !== undefined)),
    ...(requirements.length === 0 ? {} : { fieldSelector: requirements }),
  };
}

/** Selectors only ever allow more; what cannot be said in our terms, or cannot be read, is left out. */
function fieldRequirements(selector: FieldSelectorAttributes | undefined): FieldRequirement[] {
  const { rawSelector = "", requirements = [] } = selector ?? {};
  if (rawSelector !== "") {
    try {
      return [...parseFieldSelector(rawSelector).requirements];
    } catch {
      return [];
    }
  }
  return requirements.flatMap(({ key, operator, values = [] }): FieldRequirement[] => {
    const [value, ...others] = values;
    if (value === undefined || others.length > 0) return [];
    if (operator === "In") return [{ field: key, operator: "=", value }];
    return operator === "NotIn" ? [{ field: key, operator: "!=", value }] : [];
  });
}

/** A selector that cannot be read does not fail the review: it is told, and the question is asked without it. */
function evaluationError({ resourceAttributes }: AccessSpec): string | undefined {
  const { fieldSelector, labelSelector } = resourceAttributes ?? {};
  const problems = [
    problemOf("fieldSelector", fieldSelector?.rawSelector, parseFieldSelector),
    problemOf("labelSelector", labelSelector?.rawSelector, parseLabelSelector),
  ].filter((problem) => problem !== undefined);
  return problems.length === 0 ? undefined : aggregate(problems);
}

function problemOf(
  field: string,
  selector: string | undefined,
  parse: (text: string) => unknown,
): string | undefined {
  if (selector === undefined || selector === "") return undefined;
  try {
    parse(selector);
    return undefined;
  } catch {
    return `spec.resourceAttributes.${field} ignored due to parse error`;
  }
}

function selectorErrors(
  selector: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  field: string,
): FieldError[] {
  if (selector === undefined) return [];
  const { rawSelector = "", requirements = [] } = selector;
  const where = path("spec.resourceAttributes").child(field);
  if (rawSelector !== "" && requirements.length > 0) {
    const why = "may not specified at the same time as requirements";
    return [invalid(where.child("rawSelector"), rawSelector, why)];
  }
  if (rawSelector === "" && requirements.length === 0) {
    const why = `when ${where} is specified, requirements or rawSelector is required`;
    return [required(where.child("requirements"), why)];
  }
  return requirements.flatMap(({ key, operator, values = [] }, index) => {
    const at = where.child("requirements").index(index);
    const errors = key === "" ? [required(at.child("key"), "must be specified")] : [];
    const needsValues = operator === "In" || operator === "NotIn";
    if (needsValues && values.length === 0) {
      errors.push(required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'"));
    }
    if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
      const why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbidden(at.child("values"), why));
    }
    return errors;
  });
}

async function decide(
  authorizer: Authorizer,
  user: UserInfo,
  spec: AccessSpec,
): Promise<SubjectAccessReviewStatus> {
  const { decision, reason } = await authorizer.authorize(attributesOf(user, spec));
  const problem = evaluationError(spec);
  return {
    allowed: decision === "allow",
    ...(decision === "deny" ? { denied: true } : {}),
    ...(reason === "" ? {} : { reason }),
    ...(problem === undefined ? {} : { evaluationError: problem }),
  };
}

function specErrors({ resourceAttributes, nonResourceAttributes }: AccessSpec): FieldError[] {
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const why = "cannot be specified in combination with resourceAttributes";
    const { path: asked = "", verb = "" } = nonResourceAttributes;
    return [invalid("spec.nonResourceAttributes", { Path: asked, Verb: verb }, why)];
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    return [invalid("spec.resourceAttributes", null, why)];
  }
  return [
    ...selectorErrors(resourceAttributes?.fieldSelector, "fieldSelector"),
    ...selectorErrors(resourceAttributes?.labelSelector, "labelSelector"),
  ];
}

function subjectErrors({ user = "", groups = [] }: SubjectAccessReview["spec"]): FieldError[] {
  return user === "" && groups.length === 0
    ? [invalid("spec.user", user, "at least one of user or group must be specified")]
    : [];
}

/** A review is asked, not kept: it has no name, no labels, nothing. */
function metadataErrors(
  { metadata }: UnstructuredObject,
  allowed: readonly string[],
  why: string,
): FieldError[] {
  const fields = Object.entries(metadata).filter(
    ([key, value]) =>
      value !== undefined && key !== "managedFields" && key !== "creationTimestamp" && !allowed.includes(key),
  );
  return fields.length === 0 ? [] : [invalid("metadata", metadata, why)];
}

function check(errors: readonly FieldError[]): void {
  // By then Kubernetes has forgotten of what kind a review is.
  if (errors.length > 0) throw newInvalid({ group, kind: "" }, "", errors);
}

const reviewedUser = ({
  user = "",
  uid = "",
  groups = [],
  extra = {},
}: SubjectAccessReview["spec"]): UserInfo => ({
  name: user,
  uid,
  groups,
  extra,
});

/** POST subjectaccessreviews: may somebody do this? */
export const subjectAccessReviewsExtension: ResourceExtension = {
  group,
  resource: "subjectaccessreviews",
  setup: ({ authorizer }) => ({
    async create(_context, object) {
      const { spec } = object as unknown as SubjectAccessReview;
      check([...specErrors(spec), ...subjectErrors(spec), ...metadataErrors(object, [], "must be empty")]);
      return { ...object, status: await decide(authorizer, reviewedUser(spec), spec) };
    },
  }),
};

/** POST selfsubjectaccessreviews: may I do this? (`kubectl auth can-i`) */
export const selfSubjectAccessReviewsExtension: ResourceExtension = {
  group,
  resource: "selfsubjectaccessreviews",
  setup: ({ authorizer }) => ({
    async create({ user }, object) {
      const spec = object["spec"] as AccessSpec;
      check([...specErrors(spec), ...metadataErrors(object, [], "must be empty")]);
      return { ...object, status: await decide(authorizer, user, spec) };
    },
  }),
};

/** POST localsubjectaccessreviews: the same within a namespace, for those who may ask only there. */
export const localSubjectAccessReviewsExtension: ResourceExtension = {
  group,
  resource: "localsubjectaccessreviews",
  setup: ({ authorizer }) => ({
    async create({ info }, object) {
      const { spec, metadata } = object as unknown as LocalSubjectAccessReview;
      const namespace = metadata.namespace ?? "";
      check([
        ...specErrors(spec),
        ...subjectErrors(spec),
        ...metadataErrors(object, ["namespace"], "must be empty except for namespace"),
        ...localErrors(spec, namespace),
      ]);
      if (namespace !== info.namespace) {
        throw newBadRequest(`spec.resourceAttributes.namespace must match namespace: ${info.namespace}`);
      }
      return { ...object, status: await decide(authorizer, reviewedUser(spec), spec) };
    },
  }),
};

function localErrors(
  { resourceAttributes, nonResourceAttributes }: AccessSpec,
  namespace: string,
): FieldError[] {
  if (nonResourceAttributes !== undefined) {
    return [
      invalid("spec.nonResourceAttributes", nonResourceAttributes, "disallowed on this kind of request"),
    ];
  }
  const asked = resourceAttributes?.namespace ?? "";
  return resourceAttributes !== undefined && asked !== namespace
    ? [invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace")]
    : [];
}

/** POST selfsubjectrulesreviews: what may I do in this namespace? (`kubectl auth can-i --list`) */
export const selfSubjectRulesReviewsExtension: ResourceExtension = {
  group,
  resource: "selfsubjectrulesreviews",
  setup: ({ authorizer }) => ({
    async create({ user }, object) {
      const { spec } = object as unknown as SelfSubjectRulesReview;
      const namespace = spec?.namespace ?? "";
      if (namespace === "") throw newBadRequest("no namespace on request");
      const { resourceRules, nonResourceRules, incomplete } = await authorizer.rulesFor(user, namespace);
      // The answer does not repeat what was asked.
      const { apiVersion, kind } = object;
      const status = { resourceRules, nonResourceRules, incomplete };
      return { apiVersion, kind, metadata: {}, spec: {}, status };
    },
  }),
};
