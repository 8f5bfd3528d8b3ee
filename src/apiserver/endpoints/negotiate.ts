import { newNotAcceptable } from "../../apimachinery/status.ts";

export const jsonType = "application/json";
export const yamlType = "application/yaml";
export const protobufType = "application/vnd.kubernetes.protobuf";

/** What the server can write, in the order of messages. */
const mediaTypes = [jsonType, yamlType, protobufType] as const;
export type MediaType = (typeof mediaTypes)[number];

export interface Negotiated {
  readonly mediaType: MediaType;
  /** Another form than the object's own: `Table`, `PartialObjectMetadata`, `APIGroupDiscoveryList`. */
  readonly as: string | undefined;
  readonly group: string;
  readonly version: string;
}

export interface Acceptable {
  /** The forms, `Kind.group/version`, that the answer can be given in. */
  readonly forms: readonly string[];
  readonly isWatch?: boolean;
  readonly withoutProtobuf?: boolean;
}

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Clients send the same few headers over and over. */
const parsed = new Map<string, readonly Clause[]>();
const maxParsed = 200;

/** The first clause of the Accept header that can be served; 406 when there is none. */
export function negotiate(accept: string | undefined, acceptable: Acceptable): Negotiated {
  if (accept === undefined || accept === "") return plain(jsonType);
  for (const { type, parameters } of clausesOf(accept)) {
    const mediaType = matching(type);
    if (mediaType === undefined || (mediaType === protobufType && acceptable.withoutProtobuf === true))
      continue;
    const as = parameters.get("as");
    if (as === undefined) return plain(mediaType);
    const group = parameters.get("g") ?? "";
    const version = parameters.get("v") ?? "";
    // Tables hold values of any type, for which there is no binary form.
    if (as === "Table" && mediaType === protobufType) continue;
    if (acceptable.forms.includes(`${as}.${group}/${version}`)) return { mediaType, as, group, version };
  }
  const suffix = acceptable.isWatch === true ? ";stream=watch" : "";
  throw newNotAcceptable(
    mediaTypes
      .filter((type) => acceptable.withoutProtobuf !== true || type !== protobufType)
      .map((type) => (type === yamlType ? type : type + suffix)),
  );
}

const plain = (mediaType: MediaType): Negotiated => ({ mediaType, as: undefined, group: "", version: "" });

function matching(type: string): MediaType | undefined {
  if (type === "*/*" || type === "application/*") return jsonType;
  if (type === "application/x-yaml" || type === "text/yaml") return yamlType;
  return mediaTypes.find((known) => known === type);
}

function clausesOf(accept: string): readonly Clause[] {
  const known = parsed.get(accept);
  if (known !== undefined) return known;
  const clauses = accept.split(",").map(parseClause);
  // The sort is stable: clauses of equal quality keep the client's order.
  clauses.sort((a, b) => b.quality - a.quality);
  if (parsed.size >= maxParsed) parsed.clear();
  parsed.set(accept, clauses);
  return clauses;
}

function parseClause(text: string): Clause {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals > 0)
      parameters.set(parameter.slice(0, equals), parameter.slice(equals + 1).replace(/^"|"$/g, ""));
  }
  const quality = Number(parameters.get("q") ?? 1);
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

/** The forms of objects and lists of every resource. */
export const tableForms = ["Table.meta.k8s.io/v1", "Table.meta.k8s.io/v1beta1"] as const;
export const objectForms = [
  ...tableForms,
  "PartialObjectMetadata.meta.k8s.io/v1",
  "PartialObjectMetadata.meta.k8s.io/v1beta1",
] as const;
export const listForms = [
  ...tableForms,
  "PartialObjectMetadataList.meta.k8s.io/v1",
  "PartialObjectMetadataList.meta.k8s.io/v1beta1",
] as const;
