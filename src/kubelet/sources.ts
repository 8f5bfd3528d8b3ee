import type { ClusterTrustBundle } from "../api/types/certificates-v1beta1.ts";
import type {
  ConfigMap,
  PersistentVolume,
  PersistentVolumeClaim,
  Secret,
  Service,
} from "../api/types/core-v1.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceReference } from "../client/client.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";
import { Announcements } from "./announcements.ts";

/** The key of all trust bundles: labels say which are wanted, so each change may concern who wants any. */
export const anyTrustBundle = "ClusterTrustBundle ";

/** They are a beta resource. */
export const trustBundles: ResourceReference<ClusterTrustBundle> = {
  group: "certificates.k8s.io",
  version: "v1beta1",
  resource: "clustertrustbundles",
  kind: "ClusterTrustBundle",
  namespaced: false,
};

/**
 * The objects that pods refer to. Answers come from the shared caches; what a cache does not have is asked for once at
 * the API server, because a pod may be seen before the ConfigMap that was made just ahead of it.
 */
export class ObjectSources {
  readonly #client: Client;
  readonly #configMaps: Informer<ConfigMap>;
  readonly #secrets: Informer<Secret>;
  readonly #services: Informer<Service>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #informers: InformerFactory;
  readonly #announcements: Announcements;
  /** From the first pod on that wants one: few do. */
  #trustBundles: Informer<ClusterTrustBundle> | undefined;
  /** What ends each of those that this node listens to. */
  readonly #listening = new Set<() => void>();

  constructor(client: Client, informers: InformerFactory) {
    this.#client = client;
    this.#informers = informers;
    this.#configMaps = informers.informer(resources.configmaps);
    this.#secrets = informers.informer(resources.secrets);
    this.#services = informers.informer(resources.services);
    this.#claims = informers.informer(resources.persistentvolumeclaims);
    this.#volumes = informers.informer(resources.persistentvolumes);
    this.#announcements = Announcements.of(informers);
    for (const informer of [this.#configMaps, this.#secrets, this.#claims, this.#volumes])
      this.#announcements.announce(informer);
  }

  /** Resolves when Services are known: containers must not start without their environment. */
  async synced(): Promise<void> {
    await this.#services.synced();
  }

  /**
   * Calls back when the ConfigMap, Secret, claim or volume has changed that the key names: `ConfigMap default/page`;
   * `anyTrustBundle` stands for all of those. Returns what ends it.
   */
  listen(key: string, listener: () => void): () => void {
    const unlisten = this.#announcements.listen(key, listener);
    const end = (): void => {
      this.#listening.delete(end);
      unlisten();
    };
    this.#listening.add(end);
    return end;
  }

  /** Listens to nothing any more; others go on using the caches. */
  close(): void {
    for (const end of this.#listening) end();
    this.#announcements.release();
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#find(this.#configMaps, resources.configmaps, namespace, name);
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#find(this.#secrets, resources.secrets, namespace, name);
  }

  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined> {
    return this.#find(this.#claims, resources.persistentvolumeclaims, namespace, name);
  }

  volume(name: string): Promise<PersistentVolume | undefined> {
    return this.#find(this.#volumes, resources.persistentvolumes, undefined, name);
  }

  /** All of them. */
  async trustBundles(): Promise<ClusterTrustBundle[]> {
    if (this.#trustBundles === undefined) {
      const informer = this.#informers.informer(trustBundles);
      this.#trustBundles = informer;
      this.#announcements.announce(informer, anyTrustBundle);
    }
    if (this.#trustBundles.hasSynced()) return this.#trustBundles.list();
    // Asked for at once: a cluster that does not serve them says so, and the cache would wait.
    return (await this.#client.resource(trustBundles).list()).items;
  }

  /** The Services of a namespace, by name. */
  services(namespace: string): Service[] {
    const found = this.#services.list(namespace);
    return found.sort((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  }

  async #find<T extends KubernetesObject>(
    informer: Informer<T>,
    reference: ResourceReference<T>,
    namespace: string | undefined,
    name: string,
  ): Promise<T | undefined> {
    const cached = informer.get(name, namespace);
    if (cached !== undefined) return cached;
    try {
      return await this.#client.resource(reference).get(name, { namespace });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}
