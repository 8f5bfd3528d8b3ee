import { builtinScheme } from "../../src/api/builtin-scheme.ts";
import { prebuildOpenApi } from "../../src/api/openapi/index.ts";
import type { Descriptions } from "../../src/api/openapi/source.ts";
import { openApiVersion } from "../../src/apiserver/endpoints/openapi.ts";

/** What OpenAPI says of the kinds that a cluster serves unless it is told otherwise; see src/api/openapi/prebuilt.ts. */
export async function prebuiltOpenApi(descriptions: string): Promise<Uint8Array> {
  const scheme = builtinScheme({ betas: true });
  return prebuildOpenApi({
    resources: scheme.resources(),
    schemas: scheme.schemas,
    version: openApiVersion,
    descriptions: JSON.parse(descriptions) as Descriptions,
  });
}
