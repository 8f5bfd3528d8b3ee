import { createCluster } from "../../cluster/library/create-cluster.ts";
import type { EmbeddedCluster } from "../../cluster/library/embedded-cluster.ts";
import type { CreateClusterOptions } from "../../cluster/library/options.ts";

/** A cluster in which something is as users meet it, and what is to be told of it. */
export interface Situation {
  readonly when: string;
  readonly options?: CreateClusterOptions;
  readonly manifests?: string;
  /** What happens to the cluster after the manifests were applied. */
  readonly meanwhile?: (cluster: EmbeddedCluster) => Promise<unknown>;
  /** How much time passes before somebody asks. Default one minute. */
  readonly after?: string;
  /** `deployment/web` */
  readonly ask: string;
  readonly namespace?: string;
  /** Every line. Random parts of names and durations that depend on them are written as they are: the seed is fixed. */
  readonly says: string;
}

/** Makes the situation on a simulated cluster and asks. */
export async function told({
  options,
  manifests = "",
  meanwhile,
  after = "1m",
  ask,
  namespace = "default",
}: Situation): Promise<string> {
  await using cluster = await createCluster({ clock: "virtual", seed: 1, nodes: 1, ...options });
  if (manifests !== "") await cluster.apply(manifests);
  await meanwhile?.(cluster);
  await cluster.clock.advance(after);
  const { text } = await cluster.why(ask, namespace);
  return anonymous(text).trim();
}

/** What a test writes down, indented as its code is. */
export const lines = (says: string): string => says.trim().replaceAll(/^ {6}/gm, "");

/** Pods and ReplicaSets end in what the seed and the template's hash make of them: `web-6d4b75cb6d-hwvx7`. */
const anonymous = (text: string): string =>
  text
    .replaceAll(/\b([a-z]+(?:-[a-z]+)*)-[0-9a-f]{6,10}-[a-z0-9]{5}\b/g, "$1-RS-POD")
    .replaceAll(/\b(deployment|replicaset)\/([a-z]+)-[0-9a-f]{6,10}\b/g, "$1/$2-RS")
    .replaceAll(/\b(once|nightly-\d+)-[a-z0-9]{5}\b/g, "$1-POD")
    .replaceAll(/\bpod\/([a-z]+(?:-[a-z]+)*)-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, "pod/$1-POD");

/** A Deployment named web of so many pods; `pod` is the pod's spec beyond its container, `container` that beyond its name. */
export function deployment({
  replicas = 1,
  container = "image: nginx",
  pod = "",
  annotations = "",
  spec = "",
}: {
  readonly replicas?: number;
  readonly container?: string;
  readonly pod?: string;
  readonly annotations?: string;
  readonly spec?: string;
} = {}): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: ${replicas}
  ${spec}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web }, annotations: { ${annotations} } }
    spec:
      ${pod}
      containers: [{ name: web, ${container} }]
---
`;
}

/** A ready-made annotation of what a simulated pod does. */
export const does = (script: Readonly<Record<string, string>>): string =>
  Object.entries(script)
    .map(([name, value]) => `simulated.sampan.dev/${name}: ${JSON.stringify(value)}`)
    .join(", ");

/** A definition of Cats, which have a status and may be anything. */
export const cats = (name = "cats", kind = "Cat"): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${name}.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: ${name}, kind: ${kind} }
  versions:
    - { name: v1, served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }
---
`;
