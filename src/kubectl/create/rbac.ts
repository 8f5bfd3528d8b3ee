import { resources } from "../../client/resources.ts";
import type { CommandContext } from "../command.ts";
import { KubectlError, PlainError } from "../errors.ts";
import type { FlagSpecs } from "../flags.ts";
import { labelSelectorOf } from "./basics.ts";
import { type Creator, metaOf } from "./creator.ts";

const group = "rbac.authorization.k8s.io";
const apiVersion = `${group}/v1`;

const ruleFlags: FlagSpecs = {
  verb: { type: "list", help: "what is allowed" },
  resource: { type: "list", help: "on which resources: RESOURCE[.GROUP][/SUBRESOURCE]" },
  "resource-name": { type: "array", help: "only on those with this name" },
};

export const roleCreator: Creator = {
  name: "role",
  usage: "NAME --verb=verb --resource=resource.group/subresource [--resource-name=resourcename]",
  summary: "Create a role with single rule",
  flags: ruleFlags,
  resource: resources.roles,
  build: async (context, name) => ({
    kind: "Role",
    apiVersion,
    metadata: metaOf(context, name),
    rules: await resourceRules(context),
  }),
};

export const clusterRoleCreator: Creator = {
  name: "clusterrole",
  usage: "NAME --verb=verb --resource=resource.group [--resource-name=resourcename]",
  summary: "Create a cluster role",
  flags: {
    ...ruleFlags,
    "non-resource-url": { type: "list", help: "on which paths that are no resources" },
    "aggregation-rule": { type: "string", help: "labels of the cluster roles to take rules from" },
  },
  resource: resources.clusterroles,
  build: async (context, name) => {
    const { flags } = context;
    const urls = flags.list("non-resource-url");
    const labels = flags.string("aggregation-rule");
    const metadata = metaOf(context, name, { namespaced: false });
    if (labels !== "") {
      if (flags.list("verb").length + urls.length + flags.list("resource").length > 0) {
        throw new KubectlError(
          "aggregation rule must be specified without verbs, resources or non resource urls",
        );
      }
      const clusterRoleSelectors = [await labelSelectorOf(labels)];
      return {
        kind: "ClusterRole",
        apiVersion,
        metadata,
        rules: null,
        aggregationRule: { clusterRoleSelectors },
      };
    }
    const verbs = verbsOf(context);
    if (urls.length > 0 && flags.list("resource").length === 0) {
      return { kind: "ClusterRole", apiVersion, metadata, rules: [{ verbs, nonResourceURLs: [...urls] }] };
    }
    const rules = await resourceRules(context);
    const urlRules = urls.length === 0 ? [] : [{ verbs, nonResourceURLs: [...urls] }];
    return { kind: "ClusterRole", apiVersion, metadata, rules: [...rules, ...urlRules] };
  },
};

const standardVerbs = new Set([
  "*",
  "approve",
  "attest",
  "bind",
  "create",
  "delete",
  "deletecollection",
  "escalate",
  "get",
  "impersonate",
  "list",
  "patch",
  "proxy",
  "sign",
  "update",
  "use",
  "watch",
]);

function verbsOf({ flags, session }: CommandContext): string[] {
  const verbs = [...new Set(flags.list("verb"))];
  if (verbs.length === 0) throw new KubectlError("at least one verb must be specified");
  for (const verb of verbs) {
    if (!standardVerbs.has(verb)) session.warn(`'${verb}' is not a standard resource verb`);
  }
  return verbs.includes("*") ? ["*"] : verbs;
}

/** One rule for each API group that the resources are in. */
async function resourceRules(context: CommandContext): Promise<Record<string, unknown>[]> {
  const { flags, session } = context;
  const verbs = verbsOf(context);
  const named = flags.list("resource");
  if (named.length === 0) throw new KubectlError("at least one resource must be specified");
  const resourceNames = [...flags.list("resource-name")];
  const groups = new Map<string, string[]>();
  for (const text of named) {
    const [name = "", subresource] = text.split("/");
    if (name === "*") {
      groups.set("*", [...(groups.get("*") ?? []), subresource === undefined ? "*" : `*/${subresource}`]);
      continue;
    }
    const found = await session.mapper.forName(name);
    if (found === undefined)
      throw new PlainError(`the server doesn't have a resource type ${JSON.stringify(name)}`);
    const resource = subresource === undefined ? found.resource : `${found.resource}/${subresource}`;
    const known = groups.get(found.group) ?? [];
    if (!known.includes(resource)) groups.set(found.group, [...known, resource]);
  }
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([apiGroup, list]) => ({
      verbs,
      apiGroups: [apiGroup],
      resources: list,
      ...(resourceNames.length === 0 ? {} : { resourceNames }),
    }));
}

/** Whom a binding is for. */
export const subjectFlags: FlagSpecs = {
  user: { type: "array", help: "a user" },
  group: { type: "array", help: "a group" },
  serviceaccount: { type: "array", help: "a service account: NAMESPACE:NAME" },
};

/** The subjects that the flags name. */
export function subjectsOf({ flags }: CommandContext): Record<string, unknown>[] {
  const accounts = flags.list("serviceaccount").map((text) => {
    const [namespace = "", name, ...rest] = text.split(":");
    if (name === undefined || name === "" || namespace === "" || rest.length > 0) {
      throw new KubectlError("serviceaccount must be <namespace>:<name>");
    }
    return { kind: "ServiceAccount", name, namespace };
  });
  return [
    ...flags.list("user").map((name) => ({ kind: "User", apiGroup: group, name })),
    ...flags.list("group").map((name) => ({ kind: "Group", apiGroup: group, name })),
    ...accounts,
  ];
}

function withSubjects(subjects: readonly unknown[]): { subjects?: readonly unknown[] } {
  return subjects.length === 0 ? {} : { subjects };
}

export const roleBindingCreator: Creator = {
  name: "rolebinding",
  usage:
    "NAME --clusterrole=NAME|--role=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]",
  summary: "Create a role binding for a particular role or cluster role",
  flags: {
    ...subjectFlags,
    role: { type: "string", help: "the role" },
    clusterrole: { type: "string", help: "the cluster role" },
  },
  resource: resources.rolebindings,
  failure: "failed to create rolebinding",
  build: (context, name) => {
    const [role, clusterRole] = [context.flags.string("role"), context.flags.string("clusterrole")];
    if ((role === "") === (clusterRole === ""))
      throw new KubectlError("exactly one of clusterrole or role must be specified");
    return {
      kind: "RoleBinding",
      apiVersion,
      metadata: metaOf(context, name),
      ...withSubjects(subjectsOf(context)),
      roleRef: {
        apiGroup: group,
        kind: role === "" ? "ClusterRole" : "Role",
        name: role === "" ? clusterRole : role,
      },
    };
  },
};

export const clusterRoleBindingCreator: Creator = {
  name: "clusterrolebinding",
  usage:
    "NAME --clusterrole=NAME [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]",
  summary: "Create a cluster role binding for a particular cluster role",
  flags: { ...subjectFlags, clusterrole: { type: "string", help: "the cluster role" } },
  required: ["clusterrole"],
  resource: resources.clusterrolebindings,
  failure: "failed to create clusterrolebinding",
  build: (context, name) => ({
    kind: "ClusterRoleBinding",
    apiVersion,
    metadata: metaOf(context, name, { namespaced: false }),
    ...withSubjects(subjectsOf(context)),
    roleRef: { apiGroup: group, kind: "ClusterRole", name: context.flags.string("clusterrole") },
  }),
};
