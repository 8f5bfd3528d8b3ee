import type { GroupVersion, GroupVersionKind } from "../../apimachinery/gvk.ts";
import type { ResourceInfo, SubresourceInfo } from "../scheme.ts";
import type { ParameterKey } from "./parameters.ts";

/**
 * The paths and operations of resources, in terms that both versions of OpenAPI are written from. Mirrors
 * k8s.io/apiserver/pkg/endpoints/installer.go and the operation ids of pkg/endpoints/openapi.
 */
export type Method = "delete" | "get" | "head" | "options" | "patch" | "post" | "put";

/** What is sent or received: a type by name, `string`, or nothing. */
export type Content = { readonly type: string } | "string" | undefined;

/** Which media types carry the content. */
export type MediaTypes =
  | "object"
  | "watchable"
  | "log"
  | "any"
  | "discovery"
  | "patch"
  | "json"
  | "jwks"
  | "custom"
  | "customPatch";

export interface Operation {
  readonly method: Method;
  readonly id: string;
  readonly description: string;
  readonly tag: string;
  readonly action?: string;
  readonly kind?: GroupVersionKind;
  readonly parameters: readonly ParameterKey[];
  readonly body?: { readonly type: string; readonly isRequired: boolean; readonly mediaTypes: MediaTypes };
  /** Absent where Kubernetes does not say what it accepts. */
  readonly consumes?: MediaTypes;
  readonly produces: MediaTypes;
  /** Status code → content. 401 is always there. */
  readonly responses: Readonly<Record<number, Content>>;
}

export interface PathItem {
  readonly path: string;
  readonly operations: readonly Operation[];
}

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

const listParameters: readonly ParameterKey[] = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "shardSelector",
  "timeoutSeconds",
  "watch",
];
const deleteParameters: readonly ParameterKey[] = [
  "dryRun",
  "gracePeriodSeconds",
  "ignoreStoreReadErrorWithClusterBreakingPotential",
  "orphanDependents",
  "propagationPolicy",
];
const deleteCollectionParameters: readonly ParameterKey[] = [
  ...deleteParameters,
  ...listParameters.filter((key) => key !== "allowWatchBookmarks" && key !== "watch"),
];
const writeParameters: readonly ParameterKey[] = ["dryRun", "fieldManager", "fieldValidation"];
const patchParameters: readonly ParameterKey[] = ["dryRun", "patchFieldManager", "fieldValidation", "force"];

/** Parameters of subresources that stream or proxy. */
const streamParameters: Readonly<Record<string, readonly ParameterKey[]>> = {
  "pods/attach": ["attachContainer", "attachStderr", "attachStdin", "attachStdout", "attachTty"],
  "pods/exec": ["command", "execContainer", "execStderr", "execStdin", "execStdout", "execTty"],
  "pods/log": [
    "logContainer",
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "stream",
    "tailLines",
    "timestamps",
  ],
  "pods/portforward": ["ports"],
  "pods/proxy": ["podProxyPath"],
  "services/proxy": ["serviceProxyPath"],
  "nodes/proxy": ["nodeProxyPath"],
};

/** Resources whose deletion answers with the object itself, not with a Status. */
const deletionReturnsObject = new Set([
  "persistentvolumeclaims",
  "persistentvolumes",
  "pods",
  "podtemplates",
  "resourcequotas",
  "serviceaccounts",
  "services",
  "deviceclasses.resource.k8s.io",
  "devicetaintrules.resource.k8s.io",
  "resourceclaims.resource.k8s.io",
  "resourceclaimtemplates.resource.k8s.io",
  "resourceslices.resource.k8s.io",
  "csidrivers.storage.k8s.io",
  "csinodes.storage.k8s.io",
  "storageclasses.storage.k8s.io",
  "volumeattachments.storage.k8s.io",
  "volumeattributesclasses.storage.k8s.io",
]);

/** The resources of one group and version, and the path that lists them. */
export function groupVersionPaths(
  groupVersion: GroupVersion,
  resources: readonly ResourceInfo[],
  schemaNameOfKind: (kind: GroupVersionKind) => string | undefined,
): PathItem[] {
  const names = namesOf(groupVersion);
  const discovery: Operation = {
    method: "get",
    id: `get${names.id}APIResources`,
    description: "get available resources",
    tag: names.tag,
    parameters: [],
    consumes: "object",
    produces: "object",
    responses: { 200: { type: `${meta}.APIResourceList` } },
  };
  const writer = new PathWriter(names, schemaNameOfKind);
  for (const resource of resources) writer.addResource(resource);
  // Kubernetes describes how built-in groups are discovered, and not how custom ones are.
  if (resources.every(({ custom }) => custom !== undefined)) return writer.paths();
  return [{ path: `${names.base}/`, operations: [discovery] }, ...writer.paths()];
}

interface GroupVersionNames {
  /** `/apis/apps/v1`. */
  readonly base: string;
  /** `AppsV1`. */
  readonly id: string;
  /** `apps_v1`. */
  readonly tag: string;
}

/** `rbac.authorization.k8s.io` → `rbacAuthorization`; the core group is `core`. */
export function groupTag(group: string): string {
  if (group === "") return "core";
  const words = group
    .replace(/\.k8s\.io$/, "")
    .split(/[.-]/)
    .map((word, index) => (index === 0 ? word : capitalize(word)));
  return words.join("");
}

export const capitalize = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function namesOf({ group, version }: GroupVersion): GroupVersionNames {
  return {
    base: group === "" ? `/api/${version}` : `/apis/${group}/${version}`,
    id: `${capitalize(groupTag(group))}${capitalize(version)}`,
    tag: `${groupTag(group)}_${version}`,
  };
}

const article = (kind: string): string => (/^[AEIOU]/i.test(kind) ? "an" : "a");

class PathWriter {
  readonly #names: GroupVersionNames;
  readonly #schemaNameOfKind: (kind: GroupVersionKind) => string | undefined;
  readonly #operations = new Map<string, Operation[]>();
  /** Whose operations are being added. */
  #isCustom = false;

  constructor(names: GroupVersionNames, schemaNameOfKind: (kind: GroupVersionKind) => string | undefined) {
    this.#names = names;
    this.#schemaNameOfKind = schemaNameOfKind;
  }

  paths(): PathItem[] {
    return [...this.#operations].map(([path, operations]) => ({ path, operations }));
  }

  addResource(resource: ResourceInfo): void {
    this.#isCustom = resource.custom !== undefined;
    const { base } = this.#names;
    const scope = resource.namespaced ? `${base}/namespaces/{namespace}` : base;
    const collection = `${scope}/${resource.resource}`;
    this.#addCollection(collection, resource);
    this.#addItem(`${collection}/{name}`, resource);
    for (const subresource of resource.subresources) {
      this.#addSubresource(`${collection}/{name}/${subresource.name}`, resource, subresource);
    }
    if (resource.namespaced && resource.verbs.includes("list")) {
      this.#add(`${base}/${resource.resource}`, this.#list(resource, "ForAllNamespaces"));
    }
    if (resource.verbs.includes("watch") && !this.#isCustom)
      this.#addWatches(resource, collection.slice(base.length));
  }

  #add(path: string, operation: Operation): void {
    const operations = this.#operations.get(path) ?? [];
    operations.push(this.#isCustom ? asCustom(withCustomTypes(operation)) : operation);
    this.#operations.set(path, operations);
  }

  /** What all operations of a resource share. `place` lists the parameters of the path. */
  #common(
    resource: ResourceInfo,
    place: readonly ParameterKey[],
  ): Pick<Operation, "tag" | "kind" | "parameters"> {
    const { group, version, kind } = resource;
    return {
      tag: this.#names.tag,
      kind: { group, version, kind },
      parameters: [...(resource.namespaced ? (["namespace"] as const) : []), ...place, "pretty"],
    };
  }

  #id(verb: string, resource: ResourceInfo, suffix = ""): string {
    return `${verb}${this.#names.id}${resource.namespaced ? "Namespaced" : ""}${resource.kind}${suffix}`;
  }

  #list(resource: ResourceInfo, scope: "" | "ForAllNamespaces"): Operation {
    const common = this.#common(resource, []);
    const forAll = scope === "ForAllNamespaces";
    const verb = resource.verbs.includes("watch") ? "list or watch" : "list";
    return {
      ...common,
      method: "get",
      action: "list",
      id: forAll ? `list${this.#names.id}${resource.kind}ForAllNamespaces` : this.#id("list", resource),
      description: `${verb} objects of kind ${resource.kind}`,
      parameters: [...common.parameters.filter((key) => !forAll || key !== "namespace"), ...listParameters],
      consumes: "any",
      produces: "watchable",
      responses: { 200: { type: listSchemaName(resource) } },
    };
  }

  #addCollection(path: string, resource: ResourceInfo): void {
    const common = this.#common(resource, []);
    const { kind, schemaName, verbs } = resource;
    if (verbs.includes("list")) this.#add(path, this.#list(resource, ""));
    if (verbs.includes("create")) {
      this.#add(
        path,
        this.#create(common, this.#id("create", resource), `create ${article(kind)} ${kind}`, schemaName),
      );
    }
    if (!verbs.includes("deletecollection")) return;
    this.#add(path, {
      ...common,
      method: "delete",
      action: "deletecollection",
      id: `delete${this.#names.id}Collection${resource.namespaced ? "Namespaced" : ""}${kind}`,
      description: `delete collection of ${kind}`,
      parameters: [...common.parameters, ...deleteCollectionParameters],
      body: { type: `${meta}.DeleteOptions`, isRequired: false, mediaTypes: "any" },
      consumes: "any",
      produces: "object",
      responses: { 200: { type: `${meta}.Status` } },
    });
  }

  #create(
    common: Pick<Operation, "tag" | "kind" | "parameters">,
    id: string,
    description: string,
    type: string,
  ): Operation {
    return {
      ...common,
      method: "post",
      action: "post",
      id,
      description,
      parameters: [...common.parameters, ...writeParameters],
      body: { type, isRequired: true, mediaTypes: "any" },
      consumes: "any",
      produces: "object",
      responses: { 200: { type }, 201: { type }, 202: { type } },
    };
  }

  #addItem(path: string, resource: ResourceInfo): void {
    const common = this.#common(resource, ["name"]);
    const { kind, schemaName, verbs } = resource;
    const named = {
      suffix: "",
      read: `read the specified ${kind}`,
      patch: `partially update the specified ${kind}`,
      replace: `replace the specified ${kind}`,
    };
    this.#addReadAndWrite(path, resource, common, schemaName, verbs, named);
    if (!verbs.includes("delete")) return;
    const key = resource.group === "" ? resource.resource : `${resource.resource}.${resource.group}`;
    const type = deletionReturnsObject.has(key) ? schemaName : `${meta}.Status`;
    this.#add(path, {
      ...common,
      method: "delete",
      action: "delete",
      id: this.#id("delete", resource),
      description: `delete ${article(kind)} ${kind}`,
      parameters: [...common.parameters, ...deleteParameters],
      body: { type: `${meta}.DeleteOptions`, isRequired: false, mediaTypes: "any" },
      consumes: "any",
      produces: "object",
      responses: { 200: { type }, 202: { type } },
    });
  }

  #addReadAndWrite(
    path: string,
    resource: ResourceInfo,
    common: Pick<Operation, "tag" | "kind" | "parameters">,
    type: string,
    verbs: readonly string[],
    texts: { suffix: string; read: string; patch: string; replace: string },
  ): void {
    if (verbs.includes("get")) {
      this.#add(path, {
        ...common,
        method: "get",
        action: "get",
        id: this.#id("read", resource, texts.suffix),
        description: texts.read,
        consumes: "any",
        produces: "object",
        responses: { 200: { type } },
      });
    }
    if (verbs.includes("patch")) {
      this.#add(path, {
        ...common,
        method: "patch",
        action: "patch",
        id: this.#id("patch", resource, texts.suffix),
        description: texts.patch,
        parameters: [...common.parameters, ...patchParameters],
        body: { type: `${meta}.Patch`, isRequired: true, mediaTypes: "patch" },
        consumes: "patch",
        produces: "object",
        responses: { 200: { type }, 201: { type } },
      });
    }
    if (verbs.includes("update")) {
      this.#add(path, {
        ...common,
        method: "put",
        action: "put",
        id: this.#id("replace", resource, texts.suffix),
        description: texts.replace,
        parameters: [...common.parameters, ...writeParameters],
        body: { type, isRequired: true, mediaTypes: "any" },
        consumes: "any",
        produces: "object",
        responses: { 200: { type }, 201: { type } },
      });
    }
  }

  #addSubresource(path: string, resource: ResourceInfo, subresource: SubresourceInfo): void {
    const { name, kind } = subresource;
    const own: GroupVersionKind = kind ?? resource;
    const common = {
      ...this.#common(resource, ["name"]),
      ...(this.#isCustom ? {} : { kind: { group: own.group, version: own.version, kind: own.kind } }),
    };
    const type = kind === undefined ? resource.schemaName : (this.#schemaNameOfKind(kind) ?? "");
    const suffix = capitalize(name);
    if (own.kind.endsWith("Options")) return this.#addConnect(path, resource, subresource, common);
    if (name === "log") return this.#addLog(path, resource, common);
    if (subresource.verbs.includes("create")) {
      const description = `create ${name} of ${article(resource.kind)} ${resource.kind}`;
      this.#add(path, this.#create(common, this.#id("create", resource, suffix), description, type));
    }
    return this.#addReadAndWrite(path, resource, common, type, subresource.verbs, {
      suffix,
      read: `read ${name} of the specified ${resource.kind}`,
      patch: `partially update ${name} of the specified ${resource.kind}`,
      replace: `replace ${name} of the specified ${resource.kind}`,
    });
  }

  #addLog(
    path: string,
    resource: ResourceInfo,
    common: Pick<Operation, "tag" | "kind" | "parameters">,
  ): void {
    this.#add(path, {
      ...common,
      method: "get",
      action: "get",
      id: this.#id("read", resource, "Log"),
      description: `read log of the specified ${resource.kind}`,
      parameters: [...common.parameters, ...(streamParameters["pods/log"] ?? [])],
      consumes: "any",
      produces: "log",
      responses: { 200: "string" },
    });
  }

  #addConnect(
    path: string,
    resource: ResourceInfo,
    { name }: SubresourceInfo,
    common: Pick<Operation, "tag" | "kind" | "parameters">,
  ): void {
    const isProxy = name === "proxy";
    const methods: readonly Method[] = isProxy
      ? ["delete", "get", "head", "options", "patch", "post", "put"]
      : ["get", "post"];
    const keys: readonly ParameterKey[] = [
      ...common.parameters.filter((key) => key !== "pretty"),
      ...(streamParameters[`${resource.resource}/${name}`] ?? []),
    ];
    for (const withPath of isProxy ? [false, true] : [false]) {
      for (const method of methods) {
        this.#add(withPath ? `${path}/{path}` : path, {
          ...common,
          method,
          action: "connect",
          id: this.#connectId(method, resource, `${capitalize(name)}${withPath ? "WithPath" : ""}`),
          description: `connect ${method.toUpperCase()} requests to ${name} of ${resource.kind}`,
          parameters: withPath ? [...keys, "proxyPath"] : keys,
          consumes: "any",
          produces: "any",
          responses: { 200: "string" },
        });
      }
    }
  }

  #connectId(method: Method, resource: ResourceInfo, suffix: string): string {
    const scope = resource.namespaced ? "Namespaced" : "";
    return `connect${this.#names.id}${capitalize(method)}${scope}${resource.kind}${suffix}`;
  }

  /** The old paths of watches, below /watch. */
  #addWatches(resource: ResourceInfo, collection: string): void {
    const { base, id } = this.#names;
    const { kind } = resource;
    const watch = (
      path: string,
      operationId: string,
      action: "watch" | "watchlist",
      place: readonly ParameterKey[],
    ): void => {
      const common = this.#common(resource, place);
      const what =
        action === "watch"
          ? `changes to an object of kind ${kind}`
          : `individual changes to a list of ${kind}`;
      this.#add(path, {
        ...common,
        method: "get",
        action,
        id: operationId,
        description: `watch ${what}. deprecated: use the 'watch' parameter with a list operation instead${
          action === "watch" ? ", filtered to a single item with the 'fieldSelector' parameter" : ""
        }.`,
        parameters: [
          ...common.parameters.filter((key) => key !== "namespace" || path.includes("{namespace}")),
          ...listParameters,
        ],
        consumes: "any",
        produces: "watchable",
        responses: { 200: { type: `${meta}.WatchEvent` } },
      });
    };
    watch(`${base}/watch${collection}`, this.#id("watch", resource, "List"), "watchlist", []);
    watch(`${base}/watch${collection}/{name}`, this.#id("watch", resource), "watch", ["name"]);
    if (!resource.namespaced) return;
    watch(`${base}/watch/${resource.resource}`, `watch${id}${kind}ListForAllNamespaces`, "watchlist", []);
  }
}

/** Custom resources come and go as text. */
function withCustomTypes(operation: Operation): Operation {
  const { body, consumes } = operation;
  const sent: MediaTypes = consumes === "patch" ? "customPatch" : "custom";
  return {
    ...operation,
    consumes: sent,
    produces: "custom",
    ...(body === undefined ? {} : { body: { ...body, mediaTypes: sent } }),
  };
}

/** Custom resources are read at a version, patched where they are, and deleted by what lists take. */
function asCustom(operation: Operation): Operation {
  const { action, parameters, responses } = operation;
  switch (action) {
    case "get":
      return { ...operation, parameters: [...parameters, "resourceVersion"] };
    case "patch": {
      const { 201: _created, ...others } = responses;
      return { ...operation, responses: others };
    }
    case "deletecollection": {
      const { body: _options, ...others } = operation;
      const ofPlace = parameters.filter((key) => !deleteCollectionParameters.includes(key));
      return { ...others, parameters: [...ofPlace, ...listParameters] };
    }
    default:
      return operation;
  }
}

/** Lists are types beside the kind's own. */
export function listSchemaName(resource: ResourceInfo): string {
  const dot = resource.schemaName.lastIndexOf(".");
  return `${resource.schemaName.slice(0, dot)}.${resource.listKind}`;
}

/** Paths that belong to no group and version: lists of groups and versions, and what the server says of itself. */
export function otherPaths(groups: readonly string[]): PathItem[] {
  const group = (name: string): PathItem => ({
    path: `/apis/${name}/`,
    operations: [
      discoveryOperation(
        `get${capitalize(groupTag(name))}APIGroup`,
        "get information of a group",
        groupTag(name),
        "APIGroup",
      ),
    ],
  });
  return [
    {
      path: "/.well-known/openid-configuration/",
      operations: [
        {
          ...plain(
            "getServiceAccountIssuerOpenIDConfiguration",
            "get how tokens of service accounts are verified",
            "WellKnown",
          ),
          produces: "json",
        },
      ],
    },
    {
      path: "/api/",
      operations: [
        discoveryOperation("getCoreAPIVersions", "get available API versions", "core", "APIVersions"),
      ],
    },
    {
      path: "/apis/",
      operations: [
        discoveryOperation("getAPIVersions", "get available API versions", "apis", "APIGroupList"),
      ],
    },
    ...groups.filter((name) => name !== "").map(group),
    {
      path: "/openid/v1/jwks/",
      operations: [
        {
          ...plain(
            "getServiceAccountIssuerOpenIDKeyset",
            "get the keys that verify tokens of service accounts",
            "openid",
          ),
          produces: "jwks",
        },
      ],
    },
    {
      path: "/version/",
      operations: [
        {
          ...plain("getCodeVersion", "get the version information for this server", "version"),
          consumes: "json",
          produces: "json",
          responses: { 200: { type: "io.k8s.apimachinery.pkg.version.Info" } },
        },
      ],
    },
  ];
}

function plain(id: string, description: string, tag: string): Omit<Operation, "produces"> {
  return { method: "get", id, description, tag, parameters: [], responses: { 200: "string" } };
}

function discoveryOperation(id: string, description: string, tag: string, kind: string): Operation {
  return {
    ...plain(id, description, tag),
    consumes: "discovery",
    produces: "discovery",
    responses: { 200: { type: `${meta}.${kind}` } },
  };
}

/** The parameters that all operations of a path share, which are written once for the path. */
export function sharedParameters({ operations }: PathItem): ParameterKey[] {
  const [first, ...others] = operations;
  return (first?.parameters ?? []).filter((key) =>
    others.every((operation) => operation.parameters.includes(key)),
  );
}
