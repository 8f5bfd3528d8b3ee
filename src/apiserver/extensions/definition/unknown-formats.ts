import type { CustomResourceDefinitionSpec } from "../../../api/types/apiextensions-v1.ts";
import { isKnownFormat } from "../schema/formats.ts";
import { schemaHas } from "../schema/structural-rules.ts";
import { schemasOf } from "./leniency.ts";

/** Formats that say something to people only, each as often as it stands in the schemas. */
export function unknownFormats(spec: CustomResourceDefinitionSpec): string[] {
  const found: string[] = [];
  for (const schema of schemasOf(spec)) {
    schemaHas(schema, ({ format = "", type = "" }) => {
      if (format !== "" && !isKnownFormat(type, format)) found.push(format);
      return false;
    });
  }
  return found;
}
