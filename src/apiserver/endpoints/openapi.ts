import type { JoinedDocument, OpenApiDocuments, OpenApiSource } from "../../api/openapi/index.ts";
import type { Descriptions } from "../../api/openapi/source.ts";
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
  let prose: Promise<Descriptions | undefined> | undefined;
  let generation = 0;
  const documents = (): Promise<OpenApiDocuments> => {
    if (loading === undefined || core.scheme.generation !== generation) {
      generation = core.scheme.generation;
      prose ??= loadProse(core);
      loading = load(core, prose, loading);
    }
    return loading;
  };
  return async (state, path) => {
    if (path === "/openapi/v2") return secondVersion(state, await documents());
    if (path === "/openapi/v3") return index((await documents()).v3Hashes());
    if (!path.startsWith("/openapi/v3/")) return undefined;
    return thirdVersion(state, path, await documents());
  };
}

async function loadProse({ descriptionsFile }: ServerCore): Promise<Descriptions | undefined> {
  if (descriptionsFile === undefined) return undefined;
  const { loadDescriptions } = await import("../../api/openapi/index.ts");
  return loadDescriptions(descriptionsFile);
}

async function load(
  core: ServerCore,
  prose: Promise<Descriptions | undefined>,
  previous: Promise<OpenApiDocuments> | undefined,
): Promise<OpenApiDocuments> {
  const { scheme } = core;
  const { openApiDocuments } = await import("../../api/openapi/index.ts");
  const descriptions = await prose;
  const resources = scheme.resources();
  const custom = resources.find((resource) => resource.custom !== undefined);
  if (custom !== undefined) await core.loadCustom(custom.group, custom.version, custom.resource);
  const source: OpenApiSource = {
    resources,
    schemas: scheme.schemas,
    custom: (resource, form) => core.documentOf(resource, form, descriptions),
    version: version.gitVersion.split("+")[0] ?? version.gitVersion,
    ...(descriptions === undefined ? {} : { descriptions }),
  };
  return openApiDocuments(source, await previous);
}

async function secondVersion(state: RequestState, documents: OpenApiDocuments): Promise<ApiResponse> {
  const types = acceptedTypes(state);
  for (const type of types) {
    if (type === jsonType || type === "*/*" || type === "application/*")
      return answer(state, await documents.v2("json"), jsonType, varyOfV2);
    if (type === protobufV2 || type === oldProtobufV2)
      return answer(state, await documents.v2("protobuf"), protobufV2, varyOfV2);
  }
  return empty(406, varyOfV2);
}

/** An address with the document's hash may be kept for ever; one with another hash is led to the right one. */
async function thirdVersion(
  state: RequestState,
  path: string,
  documents: OpenApiDocuments,
): Promise<ApiResponse> {
  const name = path.slice("/openapi/v3/".length);
  const current = documents.v3Hashes().get(name);
  if (current === undefined) return empty(404);
  const type = acceptedTypes(state)
    .map(typeOfV3)
    .find((each) => each !== undefined);
  if (type === undefined) return empty(406, "Accept");
  const hash = state.request.query.get("hash");
  if (hash !== null && hash !== current) return moved(`${path}?hash=${current}`, type);
  const document = await documents.v3(name, type === jsonType ? "json" : "protobuf");
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
function index(hashes: ReadonlyMap<string, string>): BytesResponse {
  const paths = Object.fromEntries(
    Array.from(hashes, ([name, hash]) => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }]),
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
