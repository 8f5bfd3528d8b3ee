import { isObject } from "../../apimachinery/json.ts";
import type { KubernetesObject, UnstructuredObject } from "../../apimachinery/object.ts";
import type { Client } from "../../client/client.ts";
import { parseManifests } from "../../kubectl/manifests.ts";
import { type MappedResource, RestMapper } from "../../kubectl/rest-mapper.ts";

/** An object of whatever kind, as tests look into it. */
export interface AnyObject extends UnstructuredObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/** YAML or JSON text (of several documents, if need be), objects, or lists of both. */
export type Manifests = Manifest | readonly Manifest[];

type Manifest = string | KubernetesObject | UnstructuredObject;

/** Server-side apply of whatever kind, in the order given. */
export class Applier {
  readonly #client: Client;
  readonly #mapper: RestMapper;
  /** Lets a definition that was just applied be taken up. */
  readonly #pause: () => Promise<void>;

  constructor(client: Client, pause: () => Promise<void>) {
    this.#client = client;
    this.#mapper = new RestMapper(client.transport);
    this.#pause = pause;
  }

  async apply(
    manifests: Manifests,
    { namespace = "default", fieldManager = "sampan", force = true }: ApplyOptions,
  ): Promise<AnyObject[]> {
    const applied: AnyObject[] = [];
    for (const object of objectsOf(manifests)) {
      const { apiVersion, kind } = object;
      const { name = "" } = object.metadata;
      const resource = await this.#find(apiVersion, kind);
      const scope = resource.namespaced ? { namespace: object.metadata.namespace ?? namespace } : {};
      const { managedFields: _, ...metadata } = object.metadata;
      applied.push(
        (await this.#client.resource(resource).patch(
          name,
          { ...object, metadata },
          {
            type: "apply",
            fieldManager,
            force,
            ...scope,
          },
        )) as AnyObject,
      );
    }
    return applied;
  }

  /** By plural, singular, short name or kind, with an optional group: `deploy`, `deployments.apps`, `Pod`. */
  async resource(name: string): Promise<MappedResource> {
    const found = await this.#retry(() => this.#mapper.forName(name));
    if (found !== undefined) return found;
    throw new Error(`the cluster serves no resource ${JSON.stringify(name)}`);
  }

  async #find(apiVersion: string, kind: string): Promise<MappedResource> {
    const found = await this.#retry(() => this.#mapper.forKind(apiVersion, kind));
    if (found !== undefined) return found;
    throw new Error(
      `the cluster serves no kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
    );
  }

  /** What is not known may have been defined since discovery was read, or a moment ago. */
  async #retry(find: () => Promise<MappedResource | undefined>): Promise<MappedResource | undefined> {
    for (let attempt = 0; ; attempt++) {
      const found = await find();
      if (found !== undefined || attempt === 20) return found;
      await this.#pause();
      this.#mapper.reset();
    }
  }
}

export interface ApplyOptions {
  /** Of namespaced objects that name none. Default `default`. */
  readonly namespace?: string;
  readonly fieldManager?: string;
  /** Takes over fields that others manage. Default true. */
  readonly force?: boolean;
}

/** Of text and of lists, one after the other. Throws TypeError for what is neither text nor object. */
export function objectsOf(manifests: Manifests): UnstructuredObject[] {
  if (typeof manifests === "string") {
    return parseManifests(manifests, "the manifests").map(({ object }) => object);
  }
  if (isList(manifests)) return manifests.flatMap(objectsOf);
  if (isObject(manifests)) return [{ ...manifests }];
  throw new TypeError(`a manifest is text or an object, not ${typeof manifests}`);
}

const isList = (manifests: Manifests): manifests is readonly Manifest[] => Array.isArray(manifests);
