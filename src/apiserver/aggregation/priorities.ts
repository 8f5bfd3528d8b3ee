import type { GroupVersion } from "../../apimachinery/gvk.ts";
import { apiServiceName } from "./api-service.ts";

/** Where a version stands among all others: greater ones come first. */
export interface Priority {
  readonly group: number;
  readonly version: number;
}

/** A group, its priority, and each version with its own: what Kubernetes gives to what it serves itself (pkg/controlplane/instance.go). */
const table = `core 18000 v1 1
apiregistration.k8s.io 20000 v1 18
apps 17800 v1 15
events.k8s.io 17750 v1 15
authentication.k8s.io 17700 v1 15
authorization.k8s.io 17600 v1 15
autoscaling 17500 v1 15 v2 30
batch 17400 v1 15
certificates.k8s.io 17300 v1 15 v1beta1 9
networking.k8s.io 17200 v1 15 v1beta1 9
policy 17100 v1 15
rbac.authorization.k8s.io 17000 v1 15
storage.k8s.io 16800 v1 15 v1beta1 9
admissionregistration.k8s.io 16700 v1 15 v1beta1 12
apiextensions.k8s.io 16700 v1 15
scheduling.k8s.io 16600 v1 15
coordination.k8s.io 16500 v1 15 v1beta1 13
node.k8s.io 16300 v1 15
discovery.k8s.io 16200 v1 15
resource.k8s.io 16200 v1 21 v1beta2 15 v1beta1 9
flowcontrol.apiserver.k8s.io 16100 v1 21
storagemigration.k8s.io 15800 v1beta1 9`;

/** Versions of custom resources: behind all that is built in, and among themselves as versions are ordered. */
export const customPriority: Priority = { group: 1000, version: 100 };

let parsed: ReadonlyMap<string, Priority> | undefined;

/** Undefined for what Kubernetes does not serve itself. */
export function builtinPriority(groupVersion: GroupVersion): Priority | undefined {
  parsed ??= new Map(table.split("\n").flatMap(parseLine));
  return parsed.get(apiServiceName(groupVersion));
}

function parseLine(line: string): [string, Priority][] {
  const [name = "", groupPriority = "", ...versions] = line.split(" ");
  const group = name === "core" ? "" : name;
  return versions.flatMap((version, index): [string, Priority][] => {
    if (index % 2 === 1) return [];
    const priority = { group: Number(groupPriority), version: Number(versions[index + 1]) };
    return [[apiServiceName({ group, version }), priority]];
  });
}
