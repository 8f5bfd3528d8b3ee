import { createHash } from "node:crypto";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import { schemaNameOfKind } from "../kinds.ts";
import type { ResourceInfo } from "../scheme.ts";
import { encodeOpenApiV3 } from "./gnostic-v3.ts";
import { groupVersionPaths, type PathItem } from "./operations.ts";
import { deflatedPiece, JoinedDocument } from "./pieces.ts";
import { type ForeignPart, type OwnContent, SecondVersion } from "./second-version.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";
import type { V2FormName } from "./v2-forms.ts";
import { builtinV3Paths, writeOpenApiV3 } from "./v3.ts";

export { loadDescriptions } from "./descriptions.ts";
export { type JoinedDocument } from "./pieces.ts";
export { loadPrebuilt, prebuiltBeside, prebuiltName } from "./prebuilt.ts";
export type { ForeignPart, OwnContent } from "./second-version.ts";
export type { OpenApiSource } from "./source.ts";

/**
 * The OpenAPI documents of what is served. Each is written when it is first asked for, and kept compressed; when the
 * resources change, make another.
 *
 *   const documents = await openApiDocuments({ resources: scheme.resources(), schemas: scheme.schemas, version: "v1.36.0" });
 *   await documents.v3("apis/apps/v1", "json")
 */
export interface OpenApiDocuments {
  /** /openapi/v2, as JSON or as `application/com.github.proto-openapi.spec.v2.v1.0+protobuf`. */
  v2(form: OpenApiForm, foreign?: ForeignPart): Promise<JoinedDocument>;
  /** What `foreign` has to fit in with. */
  ownV2(): Promise<OwnContent>;
  /** The names of all documents of version 3, each with a hash that changes with the document. */
  v3Hashes(): ReadonlyMap<string, string>;
  /** /openapi/v3/{name}: `api/v1`, `apis/apps/v1`, `version`. Both forms have the same hash. */
  v3(name: string, form: OpenApiForm): Promise<JoinedDocument | undefined>;
}

export type OpenApiForm = V2FormName;

let factsLoading: Promise<OpenApiFacts> | undefined;

function loadFacts(): Promise<OpenApiFacts> {
  factsLoading ??= import("../generated/openapi-facts.ts").then(
    ({ openApiFactsTable }) => JSON.parse(openApiFactsTable) as OpenApiFacts,
  );
  return factsLoading;
}

/**
 * The documents of the given resources; loads the facts that only OpenAPI needs. `previous`: the documents of other
 * resources, of which those are kept that describe the same.
 */
export async function openApiDocuments(
  source: OpenApiSource,
  previous?: OpenApiDocuments,
): Promise<OpenApiDocuments> {
  return new Documents(source, await loadFacts(), previous instanceof Documents ? previous : undefined);
}

/** The content of the file that `loadPrebuilt` reads. */
export async function prebuildOpenApi(source: OpenApiSource): Promise<Uint8Array> {
  return new SecondVersion(await loadFacts()).pack(source, kindSchemas(source));
}

class Documents implements OpenApiDocuments {
  readonly #source: OpenApiSource;
  readonly #facts: OpenApiFacts;
  readonly #second: SecondVersion;
  /** Documents of version 3 by form and name. */
  readonly #thirds: Map<string, Promise<JoinedDocument>>;
  #builtinPaths: ReadonlyMap<string, readonly PathItem[]> | undefined;
  readonly #customs: ReadonlyMap<string, readonly ResourceInfo[]>;
  readonly #kinds: (kind: GroupVersionKind) => string | undefined;
  readonly #seconds = new Map<
    OpenApiForm,
    { foreign: ForeignPart | undefined; document: Promise<JoinedDocument> }
  >();
  #hashes: ReadonlyMap<string, string> | undefined;

  constructor(source: OpenApiSource, facts: OpenApiFacts, previous: Documents | undefined) {
    this.#source = source;
    this.#facts = facts;
    this.#second = previous === undefined ? new SecondVersion(facts) : previous.#second;
    this.#thirds = new Map(previous === undefined ? [] : previous.#thirds);
    this.#kinds = kindSchemas(source);
    const customs = source.resources.filter(({ custom }) => custom !== undefined);
    this.#builtinPaths = previous === undefined ? undefined : previous.#builtinPaths;
    this.#customs = Map.groupBy(customs, (resource) => `apis/${formatApiVersion(resource)}`);
    if (previous !== undefined) this.#forgetGone(previous.#customs);
  }

  /** Groups come and go with their definitions; documents of those that are gone are nobody's. */
  #forgetGone(before: ReadonlyMap<string, unknown>): void {
    for (const key of this.#thirds.keys()) {
      const name = key.slice(key.indexOf(" ") + 1);
      if (before.has(name) && !this.#customs.has(name)) this.#thirds.delete(key);
    }
  }

  v2(form: OpenApiForm, foreign?: ForeignPart): Promise<JoinedDocument> {
    const known = this.#seconds.get(form);
    if (known !== undefined && known.foreign === foreign) return known.document;
    const document = this.#second.document(this.#source, form, this.#kinds, foreign);
    this.#seconds.set(form, { foreign, document });
    // What failed is tried again.
    document.catch(() => this.#seconds.delete(form));
    return document;
  }

  ownV2(): Promise<OwnContent> {
    return this.#second.content(this.#source, this.#kinds);
  }

  v3Hashes(): ReadonlyMap<string, string> {
    if (this.#hashes === undefined) {
      const names = new Set([...this.#ownPaths().keys(), ...this.#customs.keys()]);
      const members = Map.groupBy(this.#source.resources, pathOf);
      this.#hashes = new Map(
        [...names].toSorted().map((name) => [name, this.#hashContent(name, members.get(name) ?? [])]),
      );
    }
    return this.#hashes;
  }

  async v3(name: string, form: OpenApiForm): Promise<JoinedDocument | undefined> {
    const hash = this.v3Hashes().get(name);
    if (hash === undefined) return undefined;
    const key = `${form} ${name}`;
    const known = await this.#thirds.get(key)?.catch(() => undefined);
    if (known?.hash === hash) return known;
    const writing = this.#writeThird(name, form, hash);
    this.#thirds.set(key, writing);
    return writing;
  }

  #ownPaths(): ReadonlyMap<string, readonly PathItem[]> {
    const builtin = this.#source.resources.filter(({ custom }) => custom === undefined);
    this.#builtinPaths ??= builtinV3Paths(builtin, this.#kinds);
    return this.#builtinPaths;
  }

  async #writeThird(name: string, form: OpenApiForm, hash: string): Promise<JoinedDocument> {
    const customs = this.#customs.get(name) ?? [];
    const [first] = customs;
    const added = first === undefined ? [] : groupVersionPaths(first, customs, this.#kinds);
    const paths = [...(this.#ownPaths().get(name) ?? []), ...added];
    for (const resource of customs) await this.#source.customReady?.(resource);
    const content = await writeOpenApiV3(this.#source, this.#facts, paths, form);
    return new JoinedDocument([await deflatedPiece(content)], hash);
  }

  /**
   * A hash of what a document is made from, so that the index need not write them all: built-in schemas change only
   * with the version, custom ones with their definition.
   */
  #hashContent(name: string, resources: readonly ResourceInfo[]): string {
    const schemas = resources
      .filter(({ schemaName, custom }) => custom === undefined && !schemaName.startsWith("io.k8s."))
      .map(({ schemaName }) => this.#source.schemas.get(schemaName));
    const hasProse = this.#source.descriptions !== undefined;
    const content = JSON.stringify([name, this.#source.version, hasProse, resources, schemas]);
    return createHash("sha512").update(content).digest("hex").toUpperCase();
  }
}

/** The name of the document that a resource is described in. */
const pathOf = (resource: ResourceInfo): string =>
  resource.group === "" ? `api/${resource.version}` : `apis/${formatApiVersion(resource)}`;

/** A document of version 3 that somebody else wrote, in all forms. */
export async function foreignThird(document: JsonDocument): Promise<Record<OpenApiForm, JoinedDocument>> {
  const json = new JoinedDocument([await deflatedPiece(JSON.stringify(document))]);
  const protobuf = new JoinedDocument([await deflatedPiece(encodeOpenApiV3(document))], json.hash);
  return { json, protobuf };
}

/** Kinds of subresource bodies: built-in ones, and those of the resources themselves. */
function kindSchemas({ resources }: OpenApiSource): (kind: GroupVersionKind) => string | undefined {
  return (kind) =>
    schemaNameOfKind(kind) ??
    resources.find(
      (resource) => resource.kind === kind.kind && formatApiVersion(resource) === formatApiVersion(kind),
    )?.schemaName;
}
