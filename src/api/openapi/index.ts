import { createHash } from "node:crypto";
import { formatApiVersion, type GroupVersionKind } from "../../apimachinery/gvk.ts";
import { schemaNameOfKind } from "../kinds.ts";
import { encodeOpenApiV2 } from "./gnostic.ts";
import { encodeOpenApiV3 } from "./gnostic-v3.ts";
import type { PathItem } from "./operations.ts";
import type { JsonDocument, OpenApiFacts, OpenApiSource } from "./source.ts";
import { buildOpenApiV2 } from "./v2.ts";
import { buildOpenApiV3, openApiV3Paths } from "./v3.ts";

export { loadDescriptions } from "./descriptions.ts";
export type { OpenApiSource } from "./source.ts";

/**
 * The OpenAPI documents of what is served. Each is built when it is first asked for, and kept; when the resources
 * change, make another.
 *
 *   const documents = await openApiDocuments({ resources: scheme.resources(), schemas: scheme.schemas, version: "v1.36.0" });
 *   documents.v3("apis/apps/v1")
 */
export interface OpenApiDocuments {
  /** /openapi/v2 as JSON. */
  v2(): OpenApiDocument;
  /** /openapi/v2 as `application/com.github.proto-openapi.spec.v2.v1.0+protobuf`. */
  v2Protobuf(): OpenApiDocument;
  /** /openapi/v3: where the documents are, each address with a hash that changes with the document. */
  v3Index(): OpenApiDocument;
  /** /openapi/v3/{name}: `api/v1`, `apis/apps/v1`, `version`. */
  v3(name: string): OpenApiDocument | undefined;
  /** The same as `application/com.github.proto-openapi.spec.v3.v1.0+protobuf`, with the hash of the other. */
  v3Protobuf(name: string): OpenApiDocument | undefined;
}

export interface OpenApiDocument {
  readonly body: Uint8Array;
  /** 128 hexadecimal digits, in upper case: the entity tag, and the hash in addresses. */
  readonly hash: string;
}

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

class Documents implements OpenApiDocuments {
  readonly #source: OpenApiSource;
  readonly #facts: OpenApiFacts;
  readonly #kept = new Map<string, OpenApiDocument>();
  /** Documents of version 3 by name and hash of what they are made from. */
  readonly #thirds: Map<string, OpenApiDocument>;
  readonly #hashes = new Map<string, string>();
  #v3Paths: ReadonlyMap<string, PathItem[]> | undefined;

  constructor(source: OpenApiSource, facts: OpenApiFacts, previous: Documents | undefined) {
    this.#source = source;
    this.#facts = facts;
    this.#thirds = new Map(previous === undefined ? [] : previous.#thirds);
  }

  v2(): OpenApiDocument {
    return this.#keep("v2", () => encodeJson(this.#buildV2()));
  }

  v2Protobuf(): OpenApiDocument {
    return this.#keep("v2 protobuf", () => encodeOpenApiV2(this.#buildV2()));
  }

  v3Index(): OpenApiDocument {
    return this.#keep("v3", () => {
      const entries = [...this.#paths().keys()].toSorted().map((name) => {
        const serverRelativeURL = `/openapi/v3/${name}?hash=${this.#contentHash(name)}`;
        return [name, { serverRelativeURL }] as const;
      });
      return encodeJson({ paths: Object.fromEntries(entries) });
    });
  }

  v3(name: string): OpenApiDocument | undefined {
    const paths = this.#paths().get(name);
    if (paths === undefined) return undefined;
    const hash = this.#contentHash(name);
    const known = this.#thirds.get(name);
    if (known?.hash === hash) return known;
    const document = { body: encodeJson(buildOpenApiV3(this.#source, this.#facts, paths)), hash };
    this.#thirds.set(name, document);
    return document;
  }

  v3Protobuf(name: string): OpenApiDocument | undefined {
    const paths = this.#paths().get(name);
    if (paths === undefined) return undefined;
    const document = this.#keep(`v3 protobuf ${name}`, () =>
      encodeOpenApiV3(buildOpenApiV3(this.#source, this.#facts, paths)),
    );
    return { ...document, hash: this.#contentHash(name) };
  }

  #buildV2(): JsonDocument {
    return buildOpenApiV2(this.#source, this.#facts, kindSchemas(this.#source));
  }

  #paths(): ReadonlyMap<string, PathItem[]> {
    this.#v3Paths ??= openApiV3Paths(this.#source, kindSchemas(this.#source));
    return this.#v3Paths;
  }

  /**
   * A hash of what a document is made from, so that the index need not build them all: built-in schemas change only
   * with the version, custom ones with their definition.
   */
  #contentHash(name: string): string {
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      hash = this.#hashContent(name);
      this.#hashes.set(name, hash);
    }
    return hash;
  }

  #hashContent(name: string): string {
    const resources = this.#source.resources.filter((resource) =>
      name.endsWith(`/${formatApiVersion(resource)}`),
    );
    const schemas = resources
      .filter(({ schemaName, custom }) => custom === undefined && !schemaName.startsWith("io.k8s."))
      .map(({ schemaName }) => this.#source.schemas.get(schemaName));
    const hasProse = this.#source.descriptions !== undefined;
    return hashOf(JSON.stringify([name, this.#source.version, hasProse, resources, schemas]));
  }

  #keep(key: string, build: () => Uint8Array): OpenApiDocument {
    let document = this.#kept.get(key);
    if (document === undefined) {
      const body = build();
      document = { body, hash: hashOf(body) };
      this.#kept.set(key, document);
    }
    return document;
  }
}

/** Kinds of subresource bodies: built-in ones, and those of the resources themselves. */
function kindSchemas({ resources }: OpenApiSource): (kind: GroupVersionKind) => string | undefined {
  return (kind) =>
    schemaNameOfKind(kind) ??
    resources.find(
      (resource) => resource.kind === kind.kind && formatApiVersion(resource) === formatApiVersion(kind),
    )?.schemaName;
}

const encodeJson = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

function hashOf(content: string | Uint8Array): string {
  return createHash("sha512").update(content).digest("hex").toUpperCase();
}
