import type {
  ForeignPart,
  JoinedDocument,
  OpenApiDocuments,
  OpenApiForm,
  OpenApiSource,
} from "../../api/openapi/index.ts";
import type { RemoteOpenApi, RemoteThird } from "../aggregation/documents/remote-openapi.ts";
import { acceptsGzip } from "./accepts-gzip.ts";
import type { ApiResponse, BytesResponse, RequestState } from "./api-request.ts";
import { unlessKnown } from "./entity-tag.ts";
import { jsonType } from "./negotiate.ts";
import type { ServerCore } from "./server-core.ts";
import { version } from "./version.ts";

const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** The name that clients before Kubernetes 1.12 used; kubectl still asks with it. */
const oldProtobufV2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

const protobufV3 = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";
/** What client-go asks for. */
const oldProtobufV3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";
const varyOfV2 = "Accept-Encoding, Accept";

/** /openapi/v2 and /openapi/v3. The documents and what they are made of are loaded when the first is asked for. */
export function openapi(
  core: ServerCore,
): (state: RequestState, path: string) => Promise<ApiResponse | undefined> {
  let loading: Promise<OpenApiDocuments> | undefined;
  let files: Promise<Files> | undefined;
  let generation = 0;
  const documents = async (): Promise<OpenApiDocuments> => {
    await core.scheme.settled?.();
    if (loading === undefined || core.scheme.generation !== generation) {
      generation = core.scheme.generation;
      files ??= loadFiles(core);
      const next = load(core, files, loading);
      loading = next;
      // What could not be loaded is tried again, and nothing is built on it.
      next.catch(() => {
        if (loading === next) loading = undefined;
      });
    }
    return loading;
  };
  const others = new OthersOpenApi(core);
  return async (state, path) => {
    if (path === "/openapi/v2") return secondVersion(state, await documents(), others);
    if (path === "/openapi/v3") return index((await documents()).v3Hashes(), await others.third());
    if (!path.startsWith("/openapi/v3/")) return undefined;
    return (await thirdVersion(state, path, await documents())) ?? others.answer(state, path);
  };
}

/** What other API servers say of their types; nothing is loaded while there are none. */
class OthersOpenApi {
  readonly #core: ServerCore;
  #remotes: Promise<RemoteOpenApi> | undefined;

  constructor(core: ServerCore) {
    this.#core = core;
  }

  async second(own: OpenApiDocuments): Promise<ForeignPart | undefined> {
    const { aggregation } = this.#core;
    if (!aggregation.hasRemote) return undefined;
    return (await this.#load()).second(aggregation.versions(), own);
  }

  async third(): Promise<ReadonlyMap<string, RemoteThird>> {
    const { aggregation } = this.#core;
    return aggregation.hasRemote ? (await this.#load()).third(aggregation.versions()) : new Map();
  }

  /** The document itself, from where it is. */
  async answer(state: RequestState, path: string): Promise<ApiResponse> {
    const found = (await this.third()).get(nameOf(path));
    if (found === undefined) return empty(404);
    if ("documents" in found) {
      const { json, protobuf } = found.documents;
      return thirdDocument(state, path, json.hash, async (form) => (form === "json" ? json : protobuf));
    }
    const { group, version: name } = found.remote;
    return (await this.#core.forward(group, name, state)) ?? empty(404);
  }

  #load(): Promise<RemoteOpenApi> {
    this.#remotes ??= import("../aggregation/documents/remote-openapi.ts").then(
      ({ RemoteOpenApi }) => new RemoteOpenApi(this.#core.clock),
    );
    return this.#remotes;
  }
}

/** What lies beside the program: prose, and what was written when it was built. */
type Files = Pick<OpenApiSource, "descriptions" | "prebuilt">;

async function loadFiles({ descriptionsFile }: ServerCore): Promise<Files> {
  if (descriptionsFile === undefined) return {};
  const { loadDescriptions, loadPrebuilt, prebuiltBeside } = await import("../../api/openapi/index.ts");
  const [descriptions, prebuilt] = await Promise.all([
    loadDescriptions(descriptionsFile),
    loadPrebuilt(prebuiltBeside(descriptionsFile)),
  ]);
  return {
    ...(descriptions === undefined ? {} : { descriptions }),
    ...(prebuilt === undefined ? {} : { prebuilt }),
  };
}

/** `info.version` of the documents. */
export const openApiVersion = version.gitVersion.split("+")[0] ?? version.gitVersion;

async function load(
  core: ServerCore,
  loadingFiles: Promise<Files>,
  previous: Promise<OpenApiDocuments> | undefined,
): Promise<OpenApiDocuments> {
  const { scheme } = core;
  const { openApiDocuments } = await import("../../api/openapi/index.ts");
  const files = await loadingFiles;
  const resources = scheme.resources();
  const custom = resources.find((resource) => resource.custom !== undefined);
  if (custom !== undefined) await core.loadCustom(custom.group, custom.version, custom.resource);
  const source: OpenApiSource = {
    resources,
    schemas: scheme.schemas,
    custom: (resource, form) => core.documentOf(resource, form, files.descriptions),
    customReady: (resource) => core.documentReady(resource),
    version: openApiVersion,
    ...files,
  };
  return openApiDocuments(source, await previous);
}

async function secondVersion(
  state: RequestState,
  documents: OpenApiDocuments,
  others: OthersOpenApi,
): Promise<ApiResponse> {
  for (const type of acceptedTypes(state)) {
    const isJson = type === jsonType || type === "*/*" || type === "application/*";
    if (!isJson && type !== protobufV2 && type !== oldProtobufV2) continue;
    const document = await documents.v2(isJson ? "json" : "protobuf", await others.second(documents));
    return answer(state, document, isJson ? jsonType : protobufV2, varyOfV2);
  }
  return empty(406, varyOfV2);
}

/** Undefined for a document that is none of this server's. */
async function thirdVersion(
  state: RequestState,
  path: string,
  documents: OpenApiDocuments,
): Promise<ApiResponse | undefined> {
  const name = nameOf(path);
  const hash = documents.v3Hashes().get(name);
  return hash === undefined
    ? undefined
    : thirdDocument(state, path, hash, (form) => documents.v3(name, form));
}

const addressOf = (name: string, hash: string): string => `/openapi/v3/${name}?hash=${hash}`;
const nameOf = (path: string): string => path.slice("/openapi/v3/".length);

/** An address with the document's hash may be kept for ever; one with another hash is led to the right one. */
async function thirdDocument(
  state: RequestState,
  path: string,
  current: string,
  documentIn: (form: OpenApiForm) => Promise<JoinedDocument | undefined>,
): Promise<ApiResponse> {
  const type = acceptedTypes(state)
    .map(typeOfV3)
    .find((each) => each !== undefined);
  if (type === undefined) return empty(406, "Accept");
  const hash = state.request.query.get("hash");
  if (hash !== null && hash !== current) return moved(`${path}?hash=${current}`, type);
  const document = await documentIn(type === jsonType ? "json" : "protobuf");
  if (document === undefined) return empty(404);
  const response = await answer(state, document, type);
  if (hash === null || response.status === 304) return response;
  return {
    ...response,
    headers: { ...response.headers, "cache-control": "public, immutable, max-age=31536000" },
  };
}

const moved = (location: string, contentType: string): BytesResponse => ({
  type: "bytes",
  status: 301,
  contentType,
  bytes: new Uint8Array(),
  headers: { location },
});

function typeOfV3(accepted: string): string | undefined {
  if (accepted === jsonType || accepted === "*/*" || accepted === "application/*") return jsonType;
  return accepted === protobufV3 || accepted === oldProtobufV3 ? protobufV3 : undefined;
}

/** Says nothing of itself: neither a type nor a tag. */
function index(hashes: ReadonlyMap<string, string>, others: ReadonlyMap<string, RemoteThird>): BytesResponse {
  const addresses = new Map<string, string>();
  for (const [name, found] of others) {
    addresses.set(name, "url" in found ? found.url : addressOf(name, found.documents.json.hash));
  }
  for (const [name, hash] of hashes) addresses.set(name, addressOf(name, hash));
  const paths = Object.fromEntries(
    Array.from(addresses, ([name, serverRelativeURL]) => [name, { serverRelativeURL }]),
  );
  return {
    type: "bytes",
    status: 200,
    contentType: "text/plain; charset=utf-8",
    bytes: Buffer.from(JSON.stringify({ paths })),
  };
}

/** No Status is spoken here. */
const empty = (status: number, vary?: string): BytesResponse => ({
  type: "bytes",
  status,
  contentType: "text/plain; charset=utf-8",
  bytes: new Uint8Array(),
  headers: vary === undefined ? {} : { vary },
});

/** Documents lie compressed: that is how they go to clients that take it. */
async function answer(
  state: RequestState,
  document: JoinedDocument,
  contentType: string,
  vary = "Accept",
): Promise<BytesResponse> {
  const headers = { etag: `"${document.hash}"`, vary };
  const bare = { type: "bytes", status: 200, contentType, bytes: new Uint8Array(), headers } as const;
  const response = unlessKnown(state, bare);
  if (response.status === 304) return response;
  if (!acceptsGzip(state.request)) return { ...response, bytes: await document.plain() };
  return {
    ...response,
    bytes: document.gzip(),
    headers: { ...headers, vary: varyOfV2, "content-encoding": "gzip" },
  };
}

/** The types that the client accepts, in its order; without a header any will do. */
function acceptedTypes(state: RequestState): string[] {
  const accept = state.request.header("accept") ?? "";
  if (accept === "") return ["*/*"];
  return accept.split(",").map((clause) => (clause.split(";")[0] ?? "").trim().toLowerCase());
}
