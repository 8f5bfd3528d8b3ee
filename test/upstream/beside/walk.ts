/** Lays what both servers answer about every kind side by side: as JSON, protobuf, Table and metadata, read, listed and watched. */
import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { formatApiVersion } from "../../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { type Base, bases } from "../oracle/bases.ts";
import type { BothServers } from "./both-servers.ts";

const protobuf = "application/vnd.kubernetes.protobuf";
const forms: readonly (readonly [string, string])[] = [
  ["json", "application/json"],
  ["protobuf", protobuf],
  ["table", "application/json;as=Table;v=v1;g=meta.k8s.io"],
  ["metadata", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"],
  ["protobuf metadata", `${protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`],
];
const listForms: readonly (readonly [string, string])[] = [
  ["json", "application/json"],
  ["protobuf", protobuf],
  ["table", "application/json;as=Table;v=v1;g=meta.k8s.io"],
  ["metadata", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"],
  ["protobuf metadata", `${protobuf};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`],
];

/** Both have objects of their own from the start, which are not the same. */
const own = "labelSelector=beside%3Dyes";

/** Kinds that match `wanted` only, as `apps/v1/Deployment`. */
export async function walk(both: BothServers, wanted: RegExp): Promise<void> {
  const scheme = builtinScheme({ betas: true });
  const byKind = new Map<ResourceInfo, Base[]>();
  for (const base of bases(scheme)) {
    if (base.depth === 0 || !wanted.test(`${base.object.apiVersion}/${base.object.kind}`)) continue;
    byKind.set(base.info, [...(byKind.get(base.info) ?? []), base]);
  }
  for (const [info, list] of byKind) await walkKind(both, info, list);
}

async function walkKind(both: BothServers, info: ResourceInfo, list: readonly Base[]): Promise<void> {
  const kind = `${formatApiVersion(info)}/${info.kind}`;
  const made: string[] = [];
  for (const { object, label } of list) {
    const path = collectionPath(info, object);
    const labels = { beside: "yes" };
    const metadata = { ...object.metadata, labels: { ...object.metadata.labels, ...labels } };
    const [theirs] = await both.compare(kind, `${label} create`, {
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...object, metadata }),
    });
    if (theirs.code !== 201 || !info.verbs.includes("get")) continue;
    const one = `${path}/${object.metadata.name}`;
    made.push(one);
    if (object["status"] !== undefined && info.subresources.some(({ name }) => name === "status")) {
      await both.compare(kind, `${label} status`, {
        method: "PATCH",
        path: `${one}/status`,
        headers: { "content-type": "application/merge-patch+json" },
        body: JSON.stringify({ status: object["status"] }),
      });
    }
    for (const [form, accept] of forms) {
      await both.compare(kind, `${label} get ${form}`, { path: one, headers: { accept } });
    }
  }
  const [first] = list;
  if (first === undefined || !info.verbs.includes("list")) return;
  const path = collectionPath(info, first.object);
  for (const [form, accept] of listForms) {
    await both.compare(kind, `list ${form}`, { path: `${path}?${own}`, headers: { accept } });
  }
  if (info.verbs.includes("watch")) {
    const watches = forms.map(([form, accept]) =>
      both.compare(kind, `watch ${form}`, {
        path: `${path}?watch=1&resourceVersion=0&timeoutSeconds=1&${own}`,
        headers: { accept: form === "protobuf" ? `${accept};stream=watch` : accept },
      }),
    );
    await Promise.all(watches);
  }
  for (const one of made) {
    await both.compare(kind, "delete", { method: "DELETE", path: `${one}?gracePeriodSeconds=0` });
  }
}

function collectionPath(info: ResourceInfo, { metadata }: UnstructuredObject): string {
  const root = info.group === "" ? `/api/${info.version}` : `/apis/${formatApiVersion(info)}`;
  return `${root}${info.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : ""}/${info.resource}`;
}
