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
  /** From the first pod on that wants one: few do. */
  #trustBundles: Informer<ClusterTrustBundle> | undefined;
  readonly #listeners = new Set<(kind: string, key: string) => void>();
  readonly #unsubscribe: (() => void)[] = [];

  constructor(client: Client, informers: InformerFactory) {
    this.#client = client;
    this.#informers = informers;
    this.#configMaps = informers.informer(resources.configmaps);
    this.#secrets = informers.informer(resources.secrets);
    this.#services = informers.informer(resources.services);
    this.#claims = informers.informer(resources.persistentvolumeclaims);
    this.#volumes = informers.informer(resources.persistentvolumes);
    for (const informer of [this.#configMaps, this.#secrets, this.#claims, this.#volumes])
      this.#announce(informer);
  }

  /** Resolves when Services are known: containers must not start without their environment. */
  async synced(): Promise<void> {
    await this.#services.synced();
  }

  /** Calls back with kind and key when a ConfigMap, Secret, claim or volume has changed. Returns what ends it. */
  onChange(listener: (kind: string, key: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of the caches, which others go on using. */
  close(): void {
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
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

  /** All of them; a change of any is told with an empty key. */
  async trustBundles(): Promise<ClusterTrustBundle[]> {
    if (this.#trustBundles === undefined) {
      const informer = this.#informers.informer(trustBundles);
      this.#trustBundles = informer;
      const tell = (): void => {
        for (const listener of this.#listeners) listener(trustBundles.kind, "");
      };
      this.#unsubscribe.push(informer.addHandler({ added: tell, updated: tell, deleted: tell }));
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

  #announce(informer: Informer<KubernetesObject>): void {
    const { kind } = informer.reference;
    const tell = ({ metadata: { namespace = "", name = "" } }: KubernetesObject): void => {
      for (const listener of this.#listeners) listener(kind, `${namespace}/${name}`);
    };
    this.#unsubscribe.push(
      informer.addHandler({ added: tell, updated: (_, object) => tell(object), deleted: tell }),
    );
  }
}
