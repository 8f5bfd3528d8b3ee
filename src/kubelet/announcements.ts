import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";

type Listener = () => void;

/**
 * Who waits for changes of which objects, by `ConfigMap default/page`. One is shared by all that share caches: where
 * thousands of nodes live in one process, a change must not be a question to each of them.
 */
export class Announcements {
  static readonly #shared = new WeakMap<InformerFactory, Announcements>();

  /** That of whoever shares these caches; `release` it at the end. */
  static of(informers: InformerFactory): Announcements {
    const found = Announcements.#shared.get(informers) ?? new Announcements(informers);
    Announcements.#shared.set(informers, found);
    found.#users++;
    return found;
  }

  readonly #informers: InformerFactory;
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Whose changes are announced, with what ends it. */
  readonly #sources = new Map<Informer<KubernetesObject>, () => void>();
  #users = 0;

  private constructor(informers: InformerFactory) {
    this.#informers = informers;
  }

  /** The last one out lets go of the caches. */
  release(): void {
    this.#users--;
    if (this.#users > 0) return;
    Announcements.#shared.delete(this.#informers);
    for (const unsubscribe of this.#sources.values()) unsubscribe();
    this.#sources.clear();
  }

  /** Announces the changes of these caches too, each under its own key, or all under one. */
  announce(informer: Informer<KubernetesObject>, shared?: string): void {
    if (this.#sources.has(informer)) return;
    const { kind } = informer.reference;
    const tell = ({ metadata: { namespace = "", name = "" } }: KubernetesObject): void => {
      if (this.#listeners.size === 0) return;
      for (const listener of this.#listeners.get(shared ?? `${kind} ${namespace}/${name}`) ?? []) listener();
    };
    const handler = {
      added: tell,
      updated: (_: unknown, object: KubernetesObject) => tell(object),
      deleted: tell,
    };
    this.#sources.set(informer, informer.addHandler(handler));
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
