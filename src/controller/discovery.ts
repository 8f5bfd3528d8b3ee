import { formatApiVersion } from "../apimachinery/gvk.ts";
import type { APIGroupList, APIResourceList } from "../apimachinery/meta-v1.ts";
import { StatusError } from "../apimachinery/status.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";

/** A served resource with what may be done to it. */
export interface DiscoveredResource extends ResourceReference {
  readonly verbs: readonly string[];
}

export interface Discovery {
  readonly resources: readonly DiscoveredResource[];
  /** The kinds of all versions, by `kindKey`. */
  readonly kinds: ReadonlyMap<string, DiscoveredResource>;
  /** Why a group's version could not be asked, by `group/version`. The rest is known all the same. */
  readonly failures: ReadonlyMap<string, string>;
}

/**
 * Every resource once, in its group's preferred version if that has it, without subresources: what namespace deletion
 * and garbage collection work over.
 */
export async function discoverResources(transport: Transport): Promise<Discovery> {
  const groups = (await transport.request({ method: "GET", path: "/apis" })).body as APIGroupList;
  const failures = new Map<string, string>();
  const found = new Map<string, DiscoveredResource>();
  const paths = new Map([["v1", "/api/v1"]]);
  for (const { preferredVersion, versions } of groups.groups) {
    const preferred = preferredVersion?.groupVersion ?? versions[0]?.groupVersion;
    const inOrder = versions.toSorted(
      (a, b) => Number(b.groupVersion === preferred) - Number(a.groupVersion === preferred),
    );
    for (const { groupVersion } of inOrder) paths.set(groupVersion, `/apis/${groupVersion}`);
  }
  const lists = await Promise.all(
    [...paths].map(async ([groupVersion, path]) => {
      try {
        return (await transport.request({ method: "GET", path })).body as APIResourceList;
      } catch (error) {
        failures.set(groupVersion, whyOf(groupVersion, error));
        return undefined;
      }
    }),
  );
  const kinds = new Map<string, DiscoveredResource>();
  for (const list of lists) {
    for (const resource of list === undefined ? [] : resourcesOf(list)) {
      const key = `${resource.group}/${resource.resource}`;
      if (!found.has(key)) found.set(key, resource);
      const kind = kindKey(formatApiVersion(resource), resource.kind);
      if (!kinds.has(kind)) kinds.set(kind, resource);
    }
  }
  return { resources: [...found.values()], kinds, failures };
}

/** `apps/v1 Deployment` */
export const kindKey = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`;

const builtIn: ReadonlySet<string> = new Set(Object.values<ResourceReference>(resources).map(fullName));

function fullName({ group, version, resource }: ResourceReference): string {
  return `${group}/${version}/${resource}`;
}

/** Whether the kind may come and go while the cluster lives: as custom resources do, and those of other API servers. */
export const mayGo = (reference: ResourceReference): boolean => !builtIn.has(fullName(reference));

/** What another server serves, and does not say: what was known of it before is no longer to be relied on. */
function whyOf(groupVersion: string, error: unknown): string {
  if (error instanceof StatusError && error.code === 503)
    return `stale GroupVersion discovery: ${groupVersion}`;
  return error instanceof Error ? error.message : String(error);
}

function resourcesOf({ groupVersion, resources }: APIResourceList): DiscoveredResource[] {
  const slash = groupVersion.indexOf("/");
  const group = slash < 0 ? "" : groupVersion.slice(0, slash);
  const version = groupVersion.slice(slash + 1);
  return resources
    .filter(({ name }) => !name.includes("/"))
    .map(({ name, kind, namespaced, verbs }) => ({
      group,
      version,
      resource: name,
      kind,
      namespaced,
      verbs,
    }));
}

/** `/apis/apps/v1/namespaces/default/deployments` */
export function collectionPath(reference: ResourceReference, namespace: string): string {
  const root = reference.group === "" ? "/api" : "/apis";
  return `${root}/${formatApiVersion(reference)}/namespaces/${namespace}/${reference.resource}`;
}
