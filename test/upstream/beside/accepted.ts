interface Accepted {
  /** Matched against what is compared and where it differs. */
  readonly group: RegExp;
  readonly reason: string;
}

/**
 * Differences that stay, and why. Beside them `normalise.ts` overlooks what cannot be equal or says the same: ids, revisions,
 * times and addresses, the order of JSON's members, empty fields that Go writes in protobuf and every reader takes for absent,
 * and the descriptions of columns, which are our own words.
 */
const accepted: readonly Accepted[] = [
  {
    group: /^apps\/v1\/DaemonSet (?:protobuf|json .*metadata\.annotations)/,
    reason:
      "metadata alone shows the count of a DaemonSet's templates, which Kubernetes adds to whole objects only",
  },
  {
    group: /^networking\.k8s\.io\/v1(?:beta1)?\/IPAddress json .*rows\[\]\.cells/,
    reason:
      "rows have a cell for each column; Kubernetes sends the age of an IPAddress without a column for it",
  },
  {
    group: /\/FlowSchema (?:protobuf|json .*(?:managedFields|cells))/,
    reason:
      "the condition of a FlowSchema is written as an update, where Kubernetes applies it; whose is first is chance",
  },
  {
    group: /\/ValidatingAdmissionPolicy (?:protobuf|json .*managedFields)/,
    reason: "policies are type-checked by the API server, which in Kubernetes is a controller's part",
  },
  {
    group: /\/IPAddress json .*cells\.length$/,
    reason: "Kubernetes' rows of addresses end with an age that no column names",
  },
  {
    group: /\/PodCertificateRequest json .*f:status$/,
    reason: "Kubernetes notes a status as owned that the creation has thrown away",
  },
];

/** The same of requests that are refused or odd; matched against the group and the request. */
const acceptedRefusals: readonly Accepted[] = [
  {
    group: /^paths: GET \/ |^rights: GET \/version|manager$|openapi\/v3 accept.* json|GET \/api accept/,
    reason:
      "what is said of the server itself: its version, its name, its address, its checks, hashes of its own documents",
  },
  {
    group: /^rights: GET (?:\/api|\/metrics|\S+\/configmaps\/a) (?:code|headers)$/,
    reason:
      "who does not say who they are may see whether the server is healthy, and nothing else (401 for 403)",
  },
  {
    group: /\/\/|^paths: GET \/version\/nope/,
    reason: "empty parts of a path are left out; below a document there is none",
  },
  {
    group: /^paths: GET \/api\/v1\/watch |pods\/p\/binding|setElementOrder":1/,
    reason:
      "what a client has done wrong is no fault of the server's: 404, 422 or 400 where Kubernetes answers 500",
  },
  { group: /^methods: NOPE/, reason: "Node's own parser of HTTP refuses methods that it does not know" },
  {
    group: /pods\/p\/proxy/,
    reason: "pods are reached through their node; before they have one there is no address to be judged",
  },
  {
    group: /^media: .*as=Table.* json|accept=application\/vnd\.kubernetes\.protobuf (?:code|protobuf)/,
    reason: "the order of members in YAML, and empty fields in protobuf, are told apart by nobody",
  },
  {
    group: /openapi.*headers$/,
    reason:
      "documents have an entity tag; of times and ranges of bytes, and of the type of nothing, they say nothing",
  },
  {
    group: /selfsubjectrulesreviews/,
    reason: "rules come in the order of the bindings that they are found by, which is chance",
  },
  {
    group: /^patches: .*(?:json-patch|merge-patch)/,
    reason:
      "a patched object that cannot be read is shown with its members in the order in which they are stored",
  },
  {
    group: /apply-patch.*"replicas":"x"/,
    reason: "all that is wrong with the types of an applied object is told, not the first alone",
  },
];

/** Undefined for a difference that is to be mended. */
export function acceptedReason(group: string): string | undefined {
  const isRefusal = /^[a-z]+: [A-Z]+ /.test(group);
  return (isRefusal ? acceptedRefusals : accepted).find((entry) => entry.group.test(group))?.reason;
}
