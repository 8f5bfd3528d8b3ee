import { resourcePrefix } from "../../apiserver/cache/storage-key.ts";
import { changeObject, type RewriteRule, replaceText, type StoredObject } from "./rewrite.ts";

/** What a cluster's objects say of where it is. */
export interface Place {
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The cluster's folder. */
  readonly directory: string;
  /** The name of its machine's node. */
  readonly node: string;
}

const prefixOf = (group: string, resource: string): string => resourcePrefix({ group, resource });

/** The rules that make a cluster at one place of what was saved at another; none where nothing differs. */
export function movingRules(from: Place, to: Place): RewriteRule[] {
  return [
    ...rangeRules(from.serviceCidr, to.serviceCidr, ofServices),
    ...rangeRules(from.podCidr, to.podCidr, ofPods),
    ...(from.directory === to.directory ? [] : [folderRule(from.directory, to.directory)]),
    ...(from.node === to.node ? [] : nodeRules(from.node, to.node)),
  ];
}

const endpoints = [prefixOf("", "endpoints"), prefixOf("discovery.k8s.io", "endpointslices")];
const ofServices = [
  prefixOf("", "services"),
  prefixOf("networking.k8s.io", "ipaddresses"),
  prefixOf("networking.k8s.io", "servicecidrs"),
  ...endpoints,
];
const ofPods = [prefixOf("", "pods"), prefixOf("", "nodes"), ...endpoints];

/**
 * Ranges are of sixteen bits, so an address keeps its second half. An address is found as a text of its own, or quoted
 * within one, as managed fields have it; the name of an IPAddress is in its key too.
 */
function rangeRules(from: string, to: string, prefixes: readonly string[]): RewriteRule[] {
  const start = startOf(from);
  const next = startOf(to);
  if (start === next) return [];
  const address = new RegExp(
    `(\\\\?")${start.replaceAll(".", "\\.")}(\\d{1,3}\\.\\d{1,3}(?:/\\d{1,2})?\\\\?")`,
    "g",
  );
  const replace = (text: string): string => text.replace(address, `$1${next}$2`);
  const keyOf = (key: string): string => key.replace(`/ipaddresses/${start}`, `/ipaddresses/${next}`);
  return prefixes.map((prefix) => replaceText(prefix, replace, keyOf));
}

/** `10.96.0.0/16` → `10.96.` */
const startOf = (cidr: string): string => cidr.split(".").slice(0, 2).join(".").concat(".");

/** Local volumes lie in the cluster's folder. */
function folderRule(from: string, to: string): RewriteRule {
  const before = JSON.stringify(`${from}/volumes/`).slice(0, -1);
  const after = JSON.stringify(`${to}/volumes/`).slice(0, -1);
  return replaceText(prefixOf("", "persistentvolumes"), (text) => text.replaceAll(before, after));
}

/** A cluster of one node goes on on a machine of another name. */
function nodeRules(from: string, to: string): RewriteRule[] {
  const renamed = (key: string): string =>
    key.endsWith(`/${from}`) ? `${key.slice(0, -from.length)}${to}` : key;
  const quoted = (text: string): string => text.replaceAll(JSON.stringify(from), JSON.stringify(to));
  return [
    replaceText(prefixOf("", "nodes"), quoted, renamed),
    replaceText(`${prefixOf("coordination.k8s.io", "leases")}kube-node-lease/`, quoted, renamed),
    replaceText(prefixOf("storage.k8s.io", "csinodes"), quoted, renamed),
    ...endpoints.map((prefix) =>
      replaceText(prefix, (text) =>
        text.replaceAll(`"nodeName":${JSON.stringify(from)}`, `"nodeName":${JSON.stringify(to)}`),
      ),
    ),
    changeObject(prefixOf("", "pods"), (pod) => podOn(pod, from, to)),
    changeObject(prefixOf("", "persistentvolumes"), (volume) => withSpec(volume, ["nodeAffinity"], from, to)),
    changeObject(prefixOf("", "persistentvolumeclaims"), (claim) => claimOn(claim, from, to)),
  ];
}

const podOn = (pod: StoredObject, from: string, to: string): StoredObject | undefined =>
  withSpec(pod, ["nodeName", "affinity", "nodeSelector"], from, to);

const selectedNode = "volume.kubernetes.io/selected-node";

function claimOn(claim: StoredObject, from: string, to: string): StoredObject | undefined {
  const annotations = claim.metadata["annotations"] as Readonly<Record<string, string>> | undefined;
  if (annotations?.[selectedNode] !== from) return undefined;
  const metadata = { ...claim.metadata, annotations: { ...annotations, [selectedNode]: to } };
  return { ...claim, metadata };
}

/** Takes one name for the other within some fields of the spec. */
function withSpec(
  object: StoredObject,
  fields: readonly string[],
  from: string,
  to: string,
): StoredObject | undefined {
  const spec = (object["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  const changed = fields.flatMap((field) => {
    const text = JSON.stringify(spec[field]) as string | undefined;
    const next = text?.replaceAll(JSON.stringify(from), JSON.stringify(to));
    return next === undefined || next === text ? [] : [[field, JSON.parse(next) as unknown] as const];
  });
  return changed.length === 0 ? undefined : { ...object, spec: { ...spec, ...Object.fromEntries(changed) } };
}
