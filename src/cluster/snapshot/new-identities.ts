import { randomBytes } from "node:crypto";
import type { Random } from "../../apimachinery/random.ts";
import { resourcePrefix } from "../../apiserver/cache/storage-key.ts";
import type { Storage } from "../../storage/storage.ts";
import { changeObject, type RewriteRule, rewriteObjects, type StoredObject } from "./rewrite.ts";

const prefixOf = (group: string, resource: string, namespace = ""): string =>
  resourcePrefix({ group, resource }, namespace);

/**
 * Makes another cluster of the state: a new identity of the cluster itself (the UID of `kube-system`, by which tools tell
 * clusters apart) and of its nodes, new bootstrap tokens, and none of the tokens without an end that the old keys have
 * signed. All else keeps its UID, so that owners stay owners. The keys of the cluster are not of the state: whoever
 * restores it leaves them out.
 */
export async function renewIdentities(storage: Storage, random: Random): Promise<number> {
  const nodes = new Map<string, string>();
  return await rewriteObjects(storage, [
    clusterRule(random),
    nodeRule(nodes, random),
    ...owned.map((prefix) => ownerRule(prefix, nodes)),
    secretRule,
  ]);
}

/** What nodes own: their leases, what they say of their drivers, and pods that they made themselves. */
const owned = [
  prefixOf("coordination.k8s.io", "leases", "kube-node-lease"),
  prefixOf("storage.k8s.io", "csinodes"),
  prefixOf("", "pods"),
];

const withUid = (object: StoredObject, uid: string): StoredObject => ({
  ...object,
  metadata: { ...object.metadata, uid },
});

const clusterRule = (random: Random): RewriteRule =>
  changeObject(`${prefixOf("", "namespaces")}kube-system`, (namespace) =>
    namespace.metadata.name === "kube-system" ? withUid(namespace, random.uuid()) : undefined,
  );

const nodeRule = (renewed: Map<string, string>, random: Random): RewriteRule =>
  changeObject(prefixOf("", "nodes"), (node) => {
    const uid = random.uuid();
    if (node.metadata.uid !== undefined) renewed.set(node.metadata.uid, uid);
    return withUid(node, uid);
  });

const ownerRule = (prefix: string, renewed: ReadonlyMap<string, string>): RewriteRule =>
  changeObject(prefix, (object) => {
    const { ownerReferences = [] } = object.metadata;
    if (!ownerReferences.some(({ uid }) => renewed.has(uid))) return undefined;
    const references = ownerReferences.map((owner) => ({
      ...owner,
      uid: renewed.get(owner.uid) ?? owner.uid,
    }));
    return { ...object, metadata: { ...object.metadata, ownerReferences: references } };
  });

const secretRule: RewriteRule = changeObject(prefixOf("", "secrets"), (secret) => {
  const { data = {} } = secret;
  if (secret.type === "kubernetes.io/service-account-token") {
    // Filled in again by the controller of tokens, with what the new keys sign.
    const { token: _token, "ca.crt": _authority, ...kept } = data;
    return { ...secret, data: kept };
  }
  if (secret.type === "bootstrap.kubernetes.io/token") {
    const fresh = Buffer.from(randomBytes(8).toString("hex")).toString("base64");
    return { ...secret, data: { ...data, "token-secret": fresh } };
  }
  return undefined;
});
