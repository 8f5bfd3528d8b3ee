import { formatApiVersion } from "../../apimachinery/gvk.ts";
import type { KubernetesList, UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound, StatusError } from "../../apimachinery/status.ts";
import type { Transport } from "../../apimachinery/transport.ts";
import { collectionPath, type DiscoveredResource, discoverResources } from "../discovery.ts";

/** What one pass over the contents of a namespace found and did. */
export interface Contents {
  /** How many objects are left, by `resource.group`. */
  readonly remaining: Map<string, number>;
  /** How many of them wait for a finalizer, by its name. */
  readonly finalizers: Map<string, number>;
  discoveryFailure: string | undefined;
  readonly deletionFailures: string[];
}

/**
 * Deletes all that the namespace holds, whatever kinds are served, and counts what is still there. Pods go first: other
 * objects, such as NetworkPolicies, must protect them to their end. `deletedForMs` tells since when the namespace is
 * being deleted. (Mirrors namespaced_resources_deleter.go.)
 */
export async function emptyNamespace(
  transport: Transport,
  namespace: string,
  deletedForMs: number,
): Promise<Contents> {
  const contents: Contents = {
    remaining: new Map(),
    finalizers: new Map(),
    discoveryFailure: undefined,
    deletionFailures: [],
  };
  const found = await discover(transport, contents);
  const pods = found.filter(({ group, resource }) => group === "" && resource === "pods");
  for (const resource of pods) await empty(transport, namespace, resource, deletedForMs, contents);
  if (contents.remaining.size > 0 || contents.deletionFailures.length > 0) return contents;
  const others = found.filter((resource) => !pods.includes(resource));
  await Promise.all(others.map((resource) => empty(transport, namespace, resource, deletedForMs, contents)));
  return contents;
}

async function discover(transport: Transport, contents: Contents): Promise<DiscoveredResource[]> {
  try {
    const { resources, failures } = await discoverResources(transport);
    if (failures.size > 0) {
      const each = [...failures].map(([groupVersion, why]) => `${groupVersion}: ${why}`).join(", ");
      contents.discoveryFailure =
        `Discovery failed for some groups, ${failures.size} failing: ` +
        `unable to retrieve the complete list of server APIs: ${each}`;
    }
    return resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes("delete"));
  } catch (error) {
    contents.discoveryFailure = messageOf(error);
    return [];
  }
}

async function empty(
  transport: Transport,
  namespace: string,
  resource: DiscoveredResource,
  deletedForMs: number,
  { remaining, finalizers, deletionFailures }: Contents,
): Promise<void> {
  try {
    const path = collectionPath(resource, namespace);
    const before = await list(transport, path, resource);
    if (before.length === 0) return;
    await deleteAll(transport, path, resource, before);
    const left = await list(transport, path, resource);
    if (left.length === 0) return;
    remaining.set(`${resource.resource}.${resource.group}`, left.length);
    const names = left.flatMap(({ metadata }) => metadata.finalizers ?? []);
    for (const name of names) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
    const windsDown = resource.resource === "pods" && deletedForMs < graceMsOf(left);
    if (names.length === 0 && !windsDown) {
      const gvr = `${formatApiVersion(resource)}, Resource=${resource.resource}`;
      const why = `unexpected items still remain in namespace: ${namespace} for gvr: `;
      deletionFailures.push(why + (resource.group === "" ? `/${gvr}` : gvr));
    }
  } catch (error) {
    deletionFailures.push(messageOf(error));
  }
}

async function list(
  transport: Transport,
  path: string,
  { verbs }: DiscoveredResource,
): Promise<UnstructuredObject[]> {
  if (!verbs.includes("list")) return [];
  try {
    const { body } = await transport.request({ method: "GET", path });
    return (body as KubernetesList<UnstructuredObject>).items ?? [];
  } catch (error) {
    if (isNotServed(error)) return [];
    throw error;
  }
}

async function deleteAll(
  transport: Transport,
  path: string,
  { verbs }: DiscoveredResource,
  items: readonly UnstructuredObject[],
): Promise<void> {
  const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" };
  const paths = verbs.includes("deletecollection")
    ? [path]
    : items.map(({ metadata }) => `${path}/${metadata.name}`);
  for (const target of paths) {
    try {
      await transport.request({ method: "DELETE", path: target, body });
    } catch (error) {
      if (!isNotServed(error)) throw error;
    }
  }
}

/** The kind went away meanwhile (its CustomResourceDefinition was deleted), or cannot be listed: nothing to empty. */
const isNotServed = (error: unknown): boolean =>
  isNotFound(error) || (error instanceof StatusError && error.code === 405);

/** The longest that pods still running may take to wind down. */
function graceMsOf(pods: readonly UnstructuredObject[]): number {
  const seconds = pods.map((pod) => {
    const phase = (pod["status"] as { phase?: string } | undefined)?.phase;
    if (phase === "Succeeded" || phase === "Failed") return 0;
    return (pod["spec"] as { terminationGracePeriodSeconds?: number }).terminationGracePeriodSeconds ?? 0;
  });
  return Math.max(0, ...seconds) * 1000;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
