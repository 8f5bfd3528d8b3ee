import type { ResourceInfo, Scheme } from "../../api/scheme.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { RequestContext } from "../request-context.ts";
import { GenericStore, type StoreDependencies } from "./store.ts";
import type { RegistryDependencies, ResourceExtension, Strategy, SubresourceHandler } from "./strategy.ts";

/** A resource in one version, with all that serves it. */
export interface ServedResource {
  readonly info: ResourceInfo;
  /** Absent for resources that are not stored. */
  readonly store: GenericStore | undefined;
  readonly subresources: Readonly<Record<string, SubresourceHandler>>;
  /** For resources that are not stored: the answer to a create. */
  readonly create:
    | ((context: RequestContext, object: UnstructuredObject) => Promise<UnstructuredObject>)
    | undefined;
}

type Extended = ReturnType<ResourceExtension["setup"]>;

/** Every resource of the scheme with its store; versions that share objects share the store. */
export class ServedResources {
  readonly scheme: Scheme;
  readonly #dependencies: StoreDependencies;
  readonly #stores = new Map<string, GenericStore>();
  readonly #served = new Map<string, ServedResource>();
  readonly #strategies = new Map<string, Strategy>();
  readonly #extended = new Map<string, Extended>();
  /** Of the scheme, when what is kept here was made. */
  #generation = 0;

  constructor(dependencies: StoreDependencies) {
    this.scheme = dependencies.scheme;
    this.#dependencies = dependencies;
  }

  /** Sets the extensions up. Call once, before the first request; `registry` may hold references back to this. */
  extend(extensions: readonly ResourceExtension[], registry: RegistryDependencies): void {
    for (const extension of extensions) {
      const extended = extension.setup(registry);
      const key = `${extension.group}/${extension.resource}`;
      this.#extended.set(key, extended);
      if (extended.strategy !== undefined) this.#strategies.set(key, extended.strategy);
    }
  }

  /** Undefined when the version does not have such a resource. */
  find(group: string, version: string, resource: string): ServedResource | undefined {
    const key = `${group}/${version}/${resource}`;
    const known = this.#served.get(key);
    // What is built in stays what it is, and whoever asks for it needs no definition to be read.
    if (known !== undefined && known.info.custom === undefined) return known;
    const info = this.scheme.resource({ group, version, resource });
    if (info === undefined) return undefined;
    if (info.custom !== undefined && this.scheme.generation !== this.#generation) this.#forgetCustom();
    const current = this.#served.get(key);
    if (current !== undefined) return current;
    const served = this.#serve(info);
    this.#served.set(key, served);
    return served;
  }

  /** The resource in the group's preferred version. */
  findPreferred(group: string, resource: string): ServedResource | undefined {
    const { scheme } = this;
    const builtIn = scheme.base === undefined ? undefined : this.#findIn(scheme.base, group, resource);
    return builtIn ?? this.#findIn(scheme, group, resource);
  }

  #findIn(scheme: Scheme, group: string, resource: string): ServedResource | undefined {
    for (const groupVersion of scheme.groupVersions()) {
      if (groupVersion.group !== group) continue;
      const served = this.find(group, groupVersion.version, resource);
      if (served !== undefined) return served;
    }
    return undefined;
  }

  /** Custom resources may be other ones now; built-in ones are what they were. */
  #forgetCustom(): void {
    this.#generation = this.scheme.generation;
    for (const [key, { info }] of this.#served) {
      if (info.custom === undefined) continue;
      this.#served.delete(key);
      this.#stores.delete(storeKey(info));
    }
  }

  #serve(info: ResourceInfo): ServedResource {
    const extended = this.#extended.get(`${info.group}/${info.resource}`);
    const isStored = info.verbs.includes("get") && extended?.create === undefined;
    return {
      info,
      store: isStored ? this.#store(info) : undefined,
      subresources: extended?.subresources ?? {},
      create: extended?.create,
    };
  }

  #store(info: ResourceInfo): GenericStore {
    const key = storeKey(info);
    let store = this.#stores.get(key);
    if (store === undefined) {
      const [own = "", shared = ""] = key.split(" ");
      const strategy = this.#strategies.get(own) ?? this.#strategies.get(shared) ?? {};
      store = new GenericStore(info, strategy, this.#dependencies);
      this.#stores.set(key, store);
    }
    return store;
  }
}

/** Groups that share objects may still differ in strategy, so a store belongs to both. */
const storeKey = ({ group, resource, storage }: ResourceInfo): string =>
  `${group}/${resource} ${storage.group}/${storage.resource}`;
