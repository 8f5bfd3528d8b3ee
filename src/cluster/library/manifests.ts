import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Client } from "../../client/client.ts";
import { type MappedResource, RestMapper } from "../../kubectl/rest-mapper.ts";
import { checkNames, checkText, meant } from "./known-names.ts";
import { type Manifests, objectsOf } from "./manifest-objects.ts";

export type { Manifests } from "./manifest-objects.ts";

/** An object of whatever kind, as tests look into it. */
export interface AnyObject extends UnstructuredObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

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

  async apply(manifests: Manifests, options: ApplyOptions): Promise<AnyObject[]> {
    checkNames("apply", options, ["namespace", "fieldManager", "force"]);
    const { namespace = "default", fieldManager = "sampan", force = true } = options;
    checkText("namespace", namespace);
    const applied: AnyObject[] = [];
    const objects = objectsOf(manifests);
    for (const object of objects) {
      const { apiVersion, kind } = object;
      const name = nameOf(object);
      const resource = await this.#find(apiVersion, kind, objects);
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
    checkText("resource", name);
    const found = await this.#retry(() => this.#mapper.forName(name));
    if (found !== undefined) return found;
    const known = (await this.#mapper.all()).flatMap(({ resource, singularName }) => [
      resource,
      singularName,
    ]);
    throw new Error(`the cluster serves no resource ${JSON.stringify(name)}.${meant(name, known)}`);
  }

  /** `among` is what is applied with it. */
  async #find(
    apiVersion: string,
    kind: string,
    among: readonly UnstructuredObject[],
  ): Promise<MappedResource> {
    const found = await this.#retry(() => this.#mapper.forKind(apiVersion, kind));
    if (found !== undefined) return found;
    throw new Error(
      `the cluster serves no kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}.${await this.#advice(kind, among)}`,
    );
  }

  /** What to do about a kind that is not served. */
  async #advice(kind: string, among: readonly UnstructuredObject[]): Promise<string> {
    if (among.some((object) => defines(object, kind)))
      return " Its definition comes after it in the manifests, or does not have the version: put it first.";
    const all = await this.#mapper.all();
    const versions = all.filter((each) => each.kind === kind).map(formatApiVersion);
    if (versions.length > 0) return ` It serves it in ${versions.join(" and ")}.`;
    return meant(
      kind,
      all.map((each) => each.kind),
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

function nameOf({ kind, metadata }: UnstructuredObject): string {
  const { name, generateName } = metadata;
  if (typeof name === "string" && name !== "") return name;
  throw new TypeError(
    generateName === undefined
      ? `a ${kind} without a name: apply needs metadata.name`
      : `a ${kind} cannot be applied with generateName: give it a name, or create it with cluster.client`,
  );
}

/** Whether it is the definition of the kind. */
function defines(object: UnstructuredObject, kind: string): boolean {
  if (object.kind !== "CustomResourceDefinition") return false;
  const spec = object["spec"];
  const names = isObject(spec) ? spec["names"] : undefined;
  return isObject(names) && names["kind"] === kind;
}
