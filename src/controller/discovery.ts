import type { APIGroupList, APIResourceList } from "../apimachinery/meta-v1.ts";
import type { Transport } from "../apimachinery/transport.ts";
import type { ResourceReference } from "../client/client.ts";

/** A served resource with what may be done to it. */
export interface DiscoveredResource extends ResourceReference {
  readonly verbs: readonly string[];
}

/** Every resource of the preferred version of each group, without subresources: what namespace deletion and garbage collection work over. */
export async function discoverResources(transport: Transport): Promise<DiscoveredResource[]> {
  const groups = (await transport.request({ method: "GET", path: "/apis" })).body as APIGroupList;
  const versions = groups.groups.map(({ preferredVersion, versions }) => preferredVersion ?? versions[0]);
  const roots = ["/api/v1", ...versions.map((version) => `/apis/${version?.groupVersion}`)];
  const lists = await Promise.all(
    roots.map(async (path) => (await transport.request({ method: "GET", path })).body as APIResourceList),
  );
  return lists.flatMap((list) => {
    const slash = list.groupVersion.indexOf("/");
    const group = slash < 0 ? "" : list.groupVersion.slice(0, slash);
    const version = list.groupVersion.slice(slash + 1);
    return list.resources
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, kind, namespaced, verbs }) => ({
        group,
        version,
        resource: name,
        kind,
        namespaced,
        verbs,
      }));
  });
}
