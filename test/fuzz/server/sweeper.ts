import { isDeepStrictEqual } from "node:util";
import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import { formatApiVersion } from "../../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../src/apimachinery/object.ts";
import { isNotFound } from "../../../src/apimachinery/status.ts";
import type { ResourceClient } from "../../../src/client/client.ts";
import type { Cluster } from "../../../src/cluster/cluster.ts";
import { customDefinitions, customResources } from "../generate/custom-kinds.ts";
import { fuzzNamespaces } from "../generate/kinds.ts";

interface Sweepable {
  readonly name: string;
  readonly client: ResourceClient<UnstructuredObject>;
  readonly namespaced: boolean;
}

/** Removes what requests have made: everything that was not there before the first of them. */
export class Sweeper {
  readonly #resources: readonly Sweepable[];
  readonly #kept = new Set<string>();
  /** What the cluster's own parts may do, as it was. */
  readonly #rights: { readonly resource: Sweepable; readonly object: UnstructuredObject }[] = [];

  private constructor(cluster: Cluster) {
    const client = cluster.client();
    // Custom objects first: a definition waits for them.
    this.#resources = [...customResources, ...builtinScheme().resources()]
      .filter(({ verbs }) => verbs.includes("list") && verbs.includes("delete"))
      .map((info) => ({
        name: `${formatApiVersion(info)}/${info.resource}`,
        client: client.resource<UnstructuredObject>(info),
        namespaced: info.namespaced,
      }));
  }

  /** Makes the namespaces of the requests, with bounds to what controllers do in them, and remembers what is there. */
  static async start(cluster: Cluster): Promise<Sweeper> {
    const sweeper = new Sweeper(cluster);
    await sweeper.#furnish();
    // Controllers and the keeper of flow schemas add theirs.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    for (const resource of sweeper.#resources) {
      for (const object of await sweeper.#objects(resource)) {
        sweeper.#kept.add(idOf(resource, object));
        if (resource.name.startsWith("rbac.")) sweeper.#rights.push({ resource, object });
      }
    }
    return sweeper;
  }

  /**
   * Gives the cluster's own parts back the rights that requests have taken from them; an API server does so when it
   * starts. Says whether any was missing.
   */
  async restoreRights(): Promise<boolean> {
    let isAnyMissing = false;
    for (const { resource, object } of this.#rights) {
      const { resourceVersion: _version, uid: _uid, ...metadata } = object.metadata;
      const { name = "", namespace } = metadata;
      const live = await resource.client.get(name, { namespace }).catch(() => undefined);
      if (live !== undefined && isDeepStrictEqual(rightsIn(live), rightsIn(object))) continue;
      isAnyMissing = true;
      if (live !== undefined) await remove(resource, live);
      // A namespace may be gone for the moment.
      await resource.client.create({ ...object, metadata }).catch(() => undefined);
    }
    return isAnyMissing;
  }

  /** Resolves when it is clean, with what could not be removed. */
  async sweep(): Promise<string[]> {
    let left: string[] = [];
    for (let round = 0; round < 60; round++) {
      left = [];
      for (const resource of this.#resources) left.push(...(await this.#sweepResource(resource)));
      // Events and what controllers make of the last changes go on coming for a while.
      const matters = left.filter((id) => !/\/(?:events|endpointslices|endpoints|leases) /.test(id));
      if (matters.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.#furnish();
    return left;
  }

  async #sweepResource(resource: Sweepable): Promise<string[]> {
    const strangers = (await this.#objects(resource)).filter((object) => !this.#isKept(resource, object));
    for (const object of strangers) await remove(resource, object);
    return strangers.map((object) => idOf(resource, object));
  }

  /** What controllers put into each namespace comes back whenever it is removed. */
  #isKept(resource: Sweepable, object: UnstructuredObject): boolean {
    const id = idOf(resource, object);
    // The canary looks after itself.
    if (/(?:canary\/| \/canary$)/.test(id)) return true;
    // Those of the server's own versions come when somebody asks, and come back.
    if (object.metadata.labels?.["kube-aggregator.kubernetes.io/automanaged"] !== undefined) return true;
    return (
      this.#kept.has(id) || /^v1\/(?:configmaps .*\/kube-root-ca.crt|serviceaccounts .*\/default)$/.test(id)
    );
  }

  async #objects({ client }: Sweepable): Promise<readonly UnstructuredObject[]> {
    try {
      return (await client.list()).items;
    } catch (error) {
      // Some definitions come and go.
      if (isNotFound(error)) return [];
      throw error;
    }
  }

  async #furnish(): Promise<void> {
    for (const definition of customDefinitions)
      await this.#ensure("apiextensions.k8s.io/v1/customresourcedefinitions", definition);
    for (const name of fuzzNamespaces) {
      await this.#ensure("v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
      // A million replicas may be asked for; the fuzz is about the API, not about their number.
      const hard = {
        pods: "20",
        "count/replicasets.apps": "60",
        "count/jobs.batch": "40",
        "count/events": "2000",
      };
      await this.#ensure("v1/resourcequotas", {
        apiVersion: "v1",
        kind: "ResourceQuota",
        metadata: { name: "bounds", namespace: name },
        spec: { hard },
      });
    }
  }

  async #ensure(resource: string, object: UnstructuredObject & Record<string, unknown>): Promise<void> {
    const found = this.#resources.find(({ name }) => name === resource);
    let why: unknown;
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        await found?.client.create(object);
        return;
      } catch (error) {
        why = error;
        if (String(error).includes("already exists") && (await this.#isThere(found, object))) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    const { name = "", namespace } = object.metadata;
    const live = await found?.client.get(name, { namespace }).catch(() => undefined);
    throw new Error(`could not make ${resource} ${name}: ${JSON.stringify(live)}`, {
      cause: why,
    });
  }

  /** What is being deleted is helped along: a request may have given it a finalizer that nobody takes off. */
  async #isThere(resource: Sweepable | undefined, { metadata }: UnstructuredObject): Promise<boolean> {
    const { name = "", namespace } = metadata;
    const found = await resource?.client.get(name, { namespace }).catch(() => undefined);
    if (found?.metadata.deletionTimestamp === undefined) return found !== undefined;
    if (resource !== undefined) await remove(resource, found);
    return false;
  }
}

const rightsIn = (object: UnstructuredObject): unknown[] => [
  object["rules"],
  object["roleRef"],
  object["subjects"],
];

/** Default objects of a namespace come with it again, with another uid. */
const idOf = ({ name }: Sweepable, { metadata }: UnstructuredObject): string =>
  `${name} ${metadata.namespace ?? ""}/${metadata.name}`;

async function remove({ client }: Sweepable, { metadata }: UnstructuredObject): Promise<void> {
  const { name = "", namespace, finalizers = [] } = metadata;
  try {
    if (finalizers.length > 0) {
      await client.patch(name, { metadata: { finalizers: null } }, { namespace, type: "merge" });
    }
    await client.delete(name, { namespace, gracePeriodSeconds: 0, propagationPolicy: "Background" });
  } catch (error) {
    if (!isNotFound(error)) await new Promise((resolve) => setImmediate(resolve));
  }
}
