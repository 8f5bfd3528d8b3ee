import type { OpenApiDocument, OpenApiDocuments, OpenApiSource } from "../../api/openapi/index.ts";
import type { ApiResponse, BytesResponse, RequestState } from "./api-request.ts";
import { unlessKnown } from "./discovery.ts";
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
  let generation = 0;
  const documents = (): Promise<OpenApiDocuments> => {
    if (loading === undefined || core.scheme.generation !== generation) {
      generation = core.scheme.generation;
      loading = load(core, loading);
    }
    return loading;
  };
  return async (state, path) => {
    if (path === "/openapi/v2") return secondVersion(state, await documents());
    if (path === "/openapi/v3") return index((await documents()).v3Index());
    if (!path.startsWith("/openapi/v3/")) return undefined;
    const name = path.slice("/openapi/v3/".length);
    const found = await documents();
    return thirdVersion(state, path, (type) => (type === jsonType ? found.v3(name) : found.v3Protobuf(name)));
  };
}

async function load(
  core: ServerCore,
  previous: Promise<OpenApiDocuments> | undefined,
): Promise<OpenApiDocuments> {
  const { scheme, descriptionsFile } = core;
  const { openApiDocuments, loadDescriptions } = await import("../../api/openapi/index.ts");
  const descriptions = descriptionsFile === undefined ? undefined : await loadDescriptions(descriptionsFile);
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

function secondVersion(state: RequestState, documents: OpenApiDocuments): ApiResponse {
  const types = acceptedTypes(state);
  for (const type of types) {
    if (type === jsonType || type === "*/*" || type === "application/*")
      return answer(state, documents.v2(), jsonType, varyOfV2);
    if (type === protobufV2 || type === oldProtobufV2)
      return answer(state, documents.v2Protobuf(), protobufV2, varyOfV2);
  }
  return empty(406, varyOfV2);
}

/** An address with the document's hash may be kept for ever; one with another hash is led to the right one. */
function thirdVersion(
  state: RequestState,
  path: string,
  documentIn: (type: string) => OpenApiDocument | undefined,
): ApiResponse {
  const type = acceptedTypes(state)
    .map(typeOfV3)
    .find((each) => each !== undefined);
  const document = documentIn(type ?? jsonType);
  if (document === undefined) return empty(404);
  if (type === undefined) return empty(406, "Accept");
  const hash = state.request.query.get("hash");
  if (hash !== null && hash !== document.hash) {
    const location = `${path}?hash=${document.hash}`;
    return {
      ...answer(state, document, type),
      status: 301,
      bytes: new Uint8Array(),
      headers: { location },
    };
  }
  const response = answer(state, document, type);
  if (hash === null || response.status === 304) return response;
  return {
    ...response,
    headers: { ...response.headers, "cache-control": "public, immutable, max-age=31536000" },
  };
}

function typeOfV3(accepted: string): string | undefined {
  if (accepted === jsonType || accepted === "*/*" || accepted === "application/*") return jsonType;
  return accepted === protobufV3 || accepted === oldProtobufV3 ? protobufV3 : undefined;
}

/** Says nothing of itself: neither a type nor a tag. */
const index = ({ body }: OpenApiDocument): BytesResponse => ({
  type: "bytes",
  status: 200,
  contentType: "text/plain; charset=utf-8",
  bytes: body,
});

/** No Status is spoken here. */
const empty = (status: number, vary?: string): BytesResponse => ({
  type: "bytes",
  status,
  contentType: "text/plain; charset=utf-8",
  bytes: new Uint8Array(),
  headers: vary === undefined ? {} : { vary },
});

function answer(
  state: RequestState,
  document: OpenApiDocument,
  contentType: string,
  vary = "Accept",
): BytesResponse {
  const headers = { etag: `"${document.hash}"`, vary };
  return unlessKnown(state, { type: "bytes", status: 200, contentType, bytes: document.body, headers });
}

/** The types that the client accepts, in its order; without a header any will do. */
function acceptedTypes(state: RequestState): string[] {
  const accept = state.request.header("accept") ?? "";
  if (accept === "") return ["*/*"];
  return accept.split(",").map((clause) => (clause.split(";")[0] ?? "").trim().toLowerCase());
}
