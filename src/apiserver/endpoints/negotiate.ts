import type { GroupKind } from "../../apimachinery/gvk.ts";
import { KeptByText } from "../../apimachinery/kept-by-text.ts";
import { newNotAcceptable, newStatusError, type StatusError } from "../../apimachinery/status.ts";

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
  /** `;pretty=1`. */
  readonly pretty?: boolean;
}

export interface Acceptable {
  /** The forms, `Kind.group/version`, that the answer can be given in. */
  readonly forms: readonly string[];
  readonly isWatch?: boolean;
  readonly withoutProtobuf?: boolean;
  /** Custom resources have no binary form, but their metadata has. */
  readonly isCustom?: boolean;
}

interface Clause {
  readonly type: string;
  // A type (0) comes before a range of types (1), and that before any type at all (2).
  readonly range: 0 | 1 | 2;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Clients send the same few headers over and over. */
const parsed = new KeptByText<readonly Clause[]>({ entriesMax: 200, lengthMax: 50_000 });

/**
 * The first clause of the Accept header that can be served; 406 when there is none. Watches have no YAML: a client that
 * would rather have it is told so (mirrors k8s.io/apiserver/pkg/endpoints/handlers/negotiation).
 */
export function negotiate(accept: string | undefined, acceptable: Acceptable): Negotiated {
  if (accept === undefined || accept === "") return plain(jsonType);
  // Of a type that is served, but not as it is asked for.
  let isUnfit = false;
  for (const { type, parameters } of clausesOf(accept)) {
    const mediaType = matching(type);
    if (mediaType === undefined || (mediaType === protobufType && acceptable.withoutProtobuf === true))
      continue;
    const as = parameters.get("as");
    if (acceptable.isWatch === true && mediaType === yamlType) break;
    isUnfit = true;
    if ((parameters.get("stream") ?? "watch") !== "watch") continue;
    const pretty = parameters.get("pretty") === "1" ? { pretty: true } : {};
    if (as === undefined && acceptable.isCustom === true && mediaType === protobufType) continue;
    if (as === undefined) return { ...plain(mediaType), ...pretty };
    const group = parameters.get("g") ?? "";
    const version = parameters.get("v") ?? "";
    // Tables hold values of any type, for which there is no binary form.
    if (as === "Table" && mediaType === protobufType) continue;
    if (acceptable.forms.includes(`${as}.${group}/${version}`))
      return { mediaType, as, group, version, ...pretty };
  }
  const types = mediaTypes.filter((type) => acceptable.withoutProtobuf !== true || type !== protobufType);
  if (acceptable.isWatch !== true || acceptable.isCustom === true || isUnfit) throw newNotAcceptable(types);
  throw newNotAcceptable(types.filter((type) => type !== yamlType).map((type) => `${type};stream=watch`));
}

const plain = (mediaType: MediaType): Negotiated => ({ mediaType, as: undefined, group: "", version: "" });

function matching(type: string): MediaType | undefined {
  if (type === "*/*" || type === "application/*") return jsonType;
  return mediaTypes.find((known) => known === type);
}

function clausesOf(accept: string): readonly Clause[] {
  const known = parsed.get(accept);
  if (known !== undefined) return known;
  const clauses = accept.split(",").map(parseClause);
  // The sort is stable: clauses that are as good keep the client's order.
  clauses.sort((a, b) => b.quality - a.quality || a.range - b.range);
  parsed.set(accept, clauses);
  return clauses;
}

function parseClause(text: string): Clause {
  const [first = "", ...rest] = text.split(";").map((part) => part.trim());
  const type = first === "*" ? "*/*" : first.toLowerCase();
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const equals = parameter.indexOf("=");
    if (equals > 0)
      parameters.set(parameter.slice(0, equals), parameter.slice(equals + 1).replace(/^"|"$/g, ""));
  }
  const quality = Number(parameters.get("q") ?? 1);
  const range = type === "*/*" ? 2 : type.endsWith("/*") ? 1 : 0;
  return { type, range, parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

/** The forms of objects of every resource. */
const tableForms = ["Table.meta.k8s.io/v1", "Table.meta.k8s.io/v1beta1"] as const;
export const objectForms = [
  ...tableForms,
  "PartialObjectMetadata.meta.k8s.io/v1",
  "PartialObjectMetadata.meta.k8s.io/v1beta1",
] as const;
/** The forms that a client may ask for of any answer; whether this one has the form is known when it is there. */
export const anyForms = [
  ...objectForms,
  "PartialObjectMetadataList.meta.k8s.io/v1",
  "PartialObjectMetadataList.meta.k8s.io/v1beta1",
] as const;

/** The same of what has no columns. */
export const formsOfMetadata = anyForms.filter((form) => !form.startsWith("Table."));

/** Of what an answer is, as far as it decides the forms of it. */
export interface Negotiable extends GroupKind {
  /** Present in custom resources. */
  readonly custom?: unknown;
  /** False for what has no columns. Default: true. */
  readonly hasTable?: boolean;
  /** The type in messages, where it does not follow from group and kind. */
  readonly typeName?: string;
}

/** As `negotiate`, of an object; 406 for a client that asks for the metadata of a list. */
export function negotiateObject(accept: string | undefined, served: Negotiable): Negotiated {
  const forms = served.hasTable === false ? formsOfMetadata : anyForms;
  const negotiated = negotiate(accept, { forms, isCustom: served.custom !== undefined });
  if (negotiated.as !== "PartialObjectMetadataList") return negotiated;
  const { group, kind, typeName } = served;
  throw newUnfitForm("PartialObjectMetadataList", "not a list", group, kind, typeName);
}

/** As `negotiate`, of a Status that is no failure: it is what it is, whatever form was asked for. */
export const negotiateStatus = (accept: string | undefined): Negotiated => ({
  ...negotiate(accept, { forms: anyForms }),
  as: undefined,
});

/** As `negotiate`, of a list; 406 for a client that asks for the metadata of an object. */
export function negotiateList(
  accept: string | undefined,
  served: { readonly group: string; readonly listKind: string; readonly custom?: unknown },
): Negotiated {
  const negotiated = negotiate(accept, { forms: anyForms, isCustom: served.custom !== undefined });
  if (negotiated.as !== "PartialObjectMetadata") return negotiated;
  throw newUnfitForm("PartialObjectMetadata", "a list", served.group, served.listKind);
}

/** Says the type as Go names it: `*core.PodList`. */
function newUnfitForm(
  asked: string,
  what: string,
  group: string,
  kind: string,
  typeName?: string,
): StatusError {
  const [first = ""] = group.split(".");
  // Events of both groups are one type.
  const room =
    first === "" || first === "events" ? "core" : first === "internal" ? "apiserverinternal" : first;
  const message = `you requested ${asked}, but the requested object is ${what} (*${typeName ?? `${room}.${kind}`})`;
  return newStatusError(406, "NotAcceptable", message);
}
