import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";

type Listener = () => void;

/**
 * Who waits for changes of which objects, by `ConfigMap default/page`. One is shared by all that share caches: where
 * thousands of nodes live in one process, a change must not be a question to each of them.
 */
export class Announcements {
  static readonly #shared = new WeakMap<InformerFactory, Announcements>();

  /** That of whoever shares these caches. */
  static of(informers: InformerFactory): Announcements {
    const found = Announcements.#shared.get(informers) ?? new Announcements();
    Announcements.#shared.set(informers, found);
    return found;
  }

  readonly #listeners = new Map<string, Set<Listener>>();
  /** Whose changes are announced, for as long as there are such caches. */
  readonly #sources = new WeakSet<Informer<KubernetesObject>>();

  /** Announces the changes of these caches too, each under its own key, or all under one. */
  announce(informer: Informer<KubernetesObject>, shared?: string): void {
    if (this.#sources.has(informer)) return;
    const { kind } = informer.reference;
    const tell = ({ metadata: { namespace = "", name = "" } }: KubernetesObject): void => {
      if (this.#listeners.size === 0) return;
      for (const listener of this.#listeners.get(shared ?? `${kind} ${namespace}/${name}`) ?? []) listener();
    };
    this.#sources.add(informer);
    informer.addHandler({ added: tell, updated: (_, object) => tell(object), deleted: tell });
  }

  /** Calls back at each change under the key; returns what ends it. */
  listen(key: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) this.#listeners.delete(key);
    };
  }
}
