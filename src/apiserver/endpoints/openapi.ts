import type { OpenApiDocument, OpenApiDocuments, OpenApiSource } from "../../api/openapi/index.ts";
import { newNotAcceptable } from "../../apimachinery/status.ts";
import type { ApiResponse, BytesResponse, RequestState } from "./api-request.ts";
import { unlessKnown } from "./discovery.ts";
import { jsonType } from "./negotiate.ts";
import type { ServerCore } from "./server-core.ts";
import { version } from "./version.ts";

const protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/** The name that clients before Kubernetes 1.12 used; kubectl still asks with it. */
const oldProtobufV2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

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
    if (path === "/openapi/v3") return answer(state, (await documents()).v3Index(), jsonType);
    if (!path.startsWith("/openapi/v3/")) return undefined;
    const name = path.slice("/openapi/v3/".length);
    const document = (await documents()).v3(name);
    return document === undefined ? undefined : thirdVersion(state, path, document);
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
      return answer(state, documents.v2(), jsonType);
    if (type === protobufV2 || type === oldProtobufV2)
      return answer(state, documents.v2Protobuf(), protobufV2);
  }
  throw newNotAcceptable([jsonType, protobufV2]);
}

/** An address with the document's hash may be kept for ever; one with another hash is led to the right one. */
function thirdVersion(state: RequestState, path: string, document: OpenApiDocument): ApiResponse {
  const types = acceptedTypes(state);
  if (!types.some((type) => type === jsonType || type === "*/*" || type === "application/*")) {
    throw newNotAcceptable([jsonType]);
  }
  const hash = state.request.query.get("hash");
  if (hash !== null && hash !== document.hash) {
    const location = `${path}?hash=${document.hash}`;
    return {
      ...answer(state, document, jsonType),
      status: 301,
      bytes: new Uint8Array(),
      headers: { location },
    };
  }
  const response = answer(state, document, jsonType);
  if (hash === null || response.status === 304) return response;
  return {
    ...response,
    headers: { ...response.headers, "cache-control": "public, immutable, max-age=31536000" },
  };
}

function answer(state: RequestState, document: OpenApiDocument, contentType: string): BytesResponse {
  const headers = { etag: `"${document.hash}"`, vary: "Accept" };
  return unlessKnown(state, { type: "bytes", status: 200, contentType, bytes: document.body, headers });
}

/** The types that the client accepts, in its order; without a header any will do. */
function acceptedTypes(state: RequestState): string[] {
  const accept = state.request.header("accept") ?? "";
  if (accept === "") return ["*/*"];
  return accept.split(",").map((clause) => (clause.split(";")[0] ?? "").trim().toLowerCase());
}
