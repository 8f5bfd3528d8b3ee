import type { AuthorizationAttributes } from "../authorizer.ts";

/** The spec of a SubjectAccessReview, with every text there, also where it is empty: conditions read them. */
export interface ReviewSpec {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
  readonly resourceAttributes?: {
    readonly namespace: string;
    readonly verb: string;
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly subresource: string;
    readonly name: string;
    readonly fieldSelector?: { readonly requirements: readonly Requirement[] };
  };
  readonly nonResourceAttributes?: { readonly path: string; readonly verb: string };
}

interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn";
  readonly values: readonly string[];
}

/** What a webhook is asked about a request. */
export function reviewSpecOf(attributes: AuthorizationAttributes): ReviewSpec {
  const { user, verb, path, isResourceRequest } = attributes;
  const who = { user: user.name, uid: user.uid, groups: user.groups, extra: user.extra };
  if (!isResourceRequest) return { ...who, nonResourceAttributes: { path, verb } };
  const { namespace, group, version, resource, subresource, name, fieldSelector = [] } = attributes;
  const requirements = fieldSelector.map(({ field, operator, value }): Requirement => {
    return { key: field, operator: operator === "=" ? "In" : "NotIn", values: [value] };
  });
  return {
    ...who,
    resourceAttributes: {
      namespace,
      verb,
      group,
      version,
      resource,
      subresource,
      name,
      ...(requirements.length === 0 ? {} : { fieldSelector: { requirements } }),
    },
  };
}

/** As it is sent: without what is empty, and with `group` where the older version has `groups`. */
export function reviewBody(spec: ReviewSpec, version: "v1" | "v1beta1"): object {
  const { groups, ...others } = spec;
  return {
    apiVersion: `authorization.k8s.io/${version}`,
    kind: "SubjectAccessReview",
    metadata: {},
    spec: withoutEmpty({ ...others, [version === "v1" ? "groups" : "group"]: groups }),
    status: { allowed: false },
  };
}

function withoutEmpty(value: object): object {
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]: [string, unknown]) => [
        key,
        typeof member === "object" && member !== null && !Array.isArray(member) && key !== "extra"
          ? withoutEmpty(member)
          : member,
      ])
      .filter(([key, member]) => {
        if (key === "extra") return Object.keys(member as object).length > 0;
        return member !== "" && !(Array.isArray(member) && member.length === 0);
      }),
  );
}
