/**
 * The parameters of all operations. A key tells apart parameters that share a name; `ref` is the name under which the
 * OpenAPI v2 document keeps the parameter, and absent where Kubernetes writes it out each time.
 */
export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly type: "string" | "boolean" | "integer";
  readonly description: string;
  readonly ref?: string;
}

const path = (name: string, description: string, ref?: string): Parameter => ({
  name,
  in: "path",
  type: "string",
  description,
  ...(ref !== undefined && { ref }),
});
const query =
  (type: Parameter["type"]) =>
  (name: string, description: string, ref?: string): Parameter => ({
    name,
    in: "query",
    type,
    description,
    ...(ref !== undefined && { ref }),
  });
const text = query("string");
const flag = query("boolean");
const count = query("integer");

export const parameters = {
  allowWatchBookmarks: flag(
    "allowWatchBookmarks",
    "Ask a watch for BOOKMARK events, which tell how far it has come.",
    "HC2hJt-J",
  ),
  attachContainer: text(
    "container",
    "The container to attach to. May be left out when there is only one.",
    "_Q-EJ3nR",
  ),
  attachStderr: flag("stderr", "Whether to stream standard error. Defaults to true.", "26jJhFUR"),
  attachStdin: flag("stdin", "Whether to stream standard input. Defaults to false.", "sEFnN3IS"),
  attachStdout: flag("stdout", "Whether to stream standard output. Defaults to true.", "005YMKE6"),
  attachTty: flag("tty", "Whether to attach to a terminal. Defaults to false.", "g7MlET_l"),
  command: text("command", "The command to run and its arguments, without a shell.", "Py3eQybp"),
  continue: text(
    "continue",
    "Where the next page of a list begins: the value that the last page gave.",
    "QfD61s0i",
  ),
  dryRun: text("dryRun", "With the value All, nothing is kept: the request is only checked."),
  execContainer: text(
    "container",
    "The container to run the command in. May be left out when there is only one.",
    "i5dOmRiM",
  ),
  execStderr: flag("stderr", "Whether to stream standard error.", "W_1TNlWc"),
  execStdin: flag("stdin", "Whether to stream standard input. Defaults to false.", "PSzNhyUC"),
  execStdout: flag("stdout", "Whether to stream standard output.", "-EZLRwV1"),
  execTty: flag("tty", "Whether to run the command in a terminal. Defaults to false.", "s0flW37O"),
  fieldManager: text("fieldManager", "The name of who makes the change, at most 128 characters.", "Qy4HdaTW"),
  fieldSelector: text("fieldSelector", "Selects objects by their fields. Defaults to all.", "xIcQKXFG"),
  fieldValidation: text(
    "fieldValidation",
    "What to do about unknown and duplicate fields: Ignore, Warn or Strict. Defaults to Warn.",
  ),
  follow: flag("follow", "Whether to go on with the log as it grows. Defaults to false.", "9OIXh_2R"),
  force: flag("force", "Whether to take over fields that others manage. For apply patches only.", "tOGGb0Yi"),
  gracePeriodSeconds: count(
    "gracePeriodSeconds",
    "How many seconds the object is given to end. Zero ends it at once.",
    "-K5HaBOS",
  ),
  ignoreStoreReadErrorWithClusterBreakingPotential: flag(
    "ignoreStoreReadErrorWithClusterBreakingPotential",
    "Whether to delete an object that can no longer be read.",
    "QbNkfIqj",
  ),
  insecureSkipTLSVerifyBackend: flag(
    "insecureSkipTLSVerifyBackend",
    "Whether to fetch the log from a node whose certificate is not verified.",
    "gM00jVbe",
  ),
  labelSelector: text("labelSelector", "Selects objects by their labels. Defaults to all.", "5Zw57w4C"),
  limit: count("limit", "How many objects a page of the list may hold.", "1NfNmdNH"),
  limitBytes: count("limitBytes", "How many bytes of the log to return at most.", "zwd1RXuc"),
  logContainer: text(
    "container",
    "The container whose log is read. May be left out when there is only one.",
    "1GeXxFDC",
  ),
  name: path("name", "name of the object"),
  namespace: path("namespace", "namespace of the object", "vgWSWtn3"),
  nodeProxyPath: text("path", "The path of the request to the node.", "rFDtV0x9"),
  orphanDependents: flag(
    "orphanDependents",
    "Deprecated in favour of propagationPolicy. Whether dependents stay.",
    "uRB25kX5",
  ),
  patchFieldManager: text(
    "fieldManager",
    "The name of who makes the change, at most 128 characters. Required for apply patches.",
    "7c6nTn1T",
  ),
  podProxyPath: text("path", "The path of the request to the pod.", "oPbzgLUj"),
  ports: count("ports", "The ports to forward. Required over WebSockets.", "91KROJmm"),
  pretty: text("pretty", "Whether the answer is laid out for reading.", "tJGM1-ng"),
  previous: flag(
    "previous",
    "Whether to read the log of the container's last run. Defaults to false.",
    "1jxDPu3y",
  ),
  propagationPolicy: text(
    "propagationPolicy",
    "What becomes of dependents: Orphan, Background or Foreground.",
    "6jk3prlO",
  ),
  proxyPath: path("path", "path to the resource", "z6Ciiujn"),
  resourceVersion: text("resourceVersion", "The version to read at or after, or to watch from.", "5WAnf1kx"),
  resourceVersionMatch: text(
    "resourceVersionMatch",
    "How resourceVersion is meant: Exact or NotOlderThan.",
    "t8XhRHeC",
  ),
  sendInitialEvents: flag(
    "sendInitialEvents",
    "Whether a watch begins with an event for each object that exists.",
    "rLXlEK_k",
  ),
  serviceProxyPath: text("path", "The path of the request to the service.", "QCf0eosM"),
  shardSelector: text("shardSelector", "Selects a part of the objects by an expression.", "Kgyki_3_"),
  sinceSeconds: count("sinceSeconds", "How many seconds back the log begins.", "vE2NLdnP"),
  stream: text("stream", "Which stream to read: All, Stdout or Stderr. Defaults to All.", "l-48cgXv"),
  tailLines: count("tailLines", "How many lines from the end the log begins.", "9xQLWHMV"),
  timeoutSeconds: count("timeoutSeconds", "How long the call may take.", "yvYezaOC"),
  timestamps: flag("timestamps", "Whether each line begins with its time. Defaults to false.", "c17fW1w_"),
  watch: flag("watch", "Whether to go on with a stream of changes.", "XNNPZGbK"),
} as const satisfies Readonly<Record<string, Parameter>>;

export type ParameterKey = keyof typeof parameters;

/** The name of a shared parameter in the OpenAPI v2 document: its own name and a mark of its content. */
export function sharedName(parameter: Parameter): string | undefined {
  return parameter.ref === undefined ? undefined : `${parameter.name}-${parameter.ref}`;
}

/** Documents are full of them: what they are sorted by is made once. */
const places = new Map<string, string>(
  Object.entries(parameters).map(([key, { name, in: place }]) => [key, `${name} ${place}`]),
);

/** In the order of the documents: by name, and a path before a query parameter of the same name. */
export function sortParameters(keys: readonly ParameterKey[]): ParameterKey[] {
  const order = (key: ParameterKey): string => places.get(key) ?? "";
  return keys.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
}
