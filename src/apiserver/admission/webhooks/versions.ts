import type { ResourceInfo, Scheme } from "../../../api/scheme.ts";
import { newStrictDecodingError } from "../../../apimachinery/decode.ts";
import { invalid } from "../../../apimachinery/field-error.ts";
import {
  formatApiVersion,
  type GroupVersionKind,
  type GroupVersionResource,
  parseApiVersion,
} from "../../../apimachinery/gvk.ts";
import { isObject } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newInternalError, newInvalid, newStatusError } from "../../../apimachinery/status.ts";
import { schemaNameOf } from "../../registry/kind-schema.ts";

/** The objects that webhooks and policies see, in the versions that they ask for. */
export class Versions {
  readonly #scheme: Scheme;
  readonly #equivalents = new Map<string, readonly ResourceInfo[]>();
  #generation = -1;

  constructor(scheme: Scheme) {
    this.#scheme = scheme;
  }

  /** Other resources under which the same objects are served: other versions, and groups that share them. */
  equivalents(resource: GroupVersionResource): readonly ResourceInfo[] {
    // Asked for each webhook and policy that a write is not about.
    if (this.#generation !== this.#scheme.generation) this.#equivalents.clear();
    this.#generation = this.#scheme.generation;
    const key = `${resource.group}/${resource.version}/${resource.resource}`;
    let found = this.#equivalents.get(key);
    if (found === undefined) {
      found = this.#findEquivalents(resource);
      this.#equivalents.set(key, found);
    }
    return found;
  }

  #findEquivalents(resource: GroupVersionResource): ResourceInfo[] {
    const own = this.#scheme.resource(resource);
    if (own === undefined) return [];
    const { group, resource: plural } = own.storage;
    return this.#scheme
      .resources()
      .filter(
        (info) =>
          info.storage.group === group &&
          info.storage.resource === plural &&
          (info.group !== resource.group || info.version !== resource.version),
      );
  }

  /** The object as the other kind; the object itself when both are the same. */
  async inKind<T extends UnstructuredObject | undefined>(
    object: T,
    from: GroupVersionKind,
    to: GroupVersionKind,
  ): Promise<UnstructuredObject | T> {
    const isSame = from.group === to.group && from.version === to.version && from.kind === to.kind;
    if (object === undefined || isSame) return object;
    const reader = this.#scheme.resourceForKind(to)?.custom?.reader;
    if (reader?.convert === undefined) return this.#scheme.convert(object, to);
    const [converted] = await reader.convert([object]);
    if (converted === undefined) throw newInternalError(new Error(`no object of kind ${to.kind} came back`));
    return converted;
  }

  /**
   * A value that came from outside, as an object of the kind with its defaults. Throws StatusError for what is none; where
   * `isStrict`, also for fields that a built-in kind does not have.
   */
  decode(kind: GroupVersionKind, value: unknown, isStrict = false): UnstructuredObject {
    const custom = this.#scheme.resourceForKind(kind)?.custom;
    if (isObject(value)) {
      if (custom !== undefined) checkCustomKind(kind, value);
      else this.#checkKind(kind, value);
    }
    const object =
      custom !== undefined && isObject(value)
        ? custom.admitted(value as UnstructuredObject)
        : this.#decodeBuiltIn(kind, value, isStrict);
    object.apiVersion = formatApiVersion(kind);
    object.kind = kind.kind;
    object.metadata ??= {};
    this.#scheme.applyDefaults(kind, object);
    return object;
  }

  #decodeBuiltIn(kind: GroupVersionKind, value: unknown, isStrict: boolean): UnstructuredObject {
    const { object, unknownFields } = this.#scheme.decode(schemaNameOf(this.#scheme, kind), value);
    if (isStrict && unknownFields.length > 0) throw newStrictDecodingError(value, unknownFields);
    return object;
  }

  /** Objects of built-in kinds stay what they are. */
  #checkKind(expected: GroupVersionKind, { apiVersion, kind }: Record<string, unknown>): void {
    const found = {
      ...parseApiVersion(textOr(apiVersion, formatApiVersion(expected))),
      kind: textOr(kind, expected.kind),
    };
    const [version, wanted] = [found, expected].map(formatApiVersion);
    if (version === wanted && found.kind === expected.kind) return;
    if (this.#scheme.resourceForKind(found) === undefined)
      throw new Error(
        `no kind ${JSON.stringify(found.kind)} is registered for version ${JSON.stringify(version)} in scheme "pkg/runtime/scheme.go:111"`,
      );
    // Named as Go names the types: by version where it is sent, by group where it is kept.
    const kept = expected.group === "" ? "core" : expected.group.split(".")[0];
    const why = `converting (${found.version}.${found.kind}) to (${kept}.${expected.kind}): unknown conversion`;
    throw newStatusError(500, "", why);
  }
}

const textOr = (value: unknown, otherwise: string): string =>
  typeof value === "string" && value !== "" ? value : otherwise;

/** Custom resources have no types that could be told apart: who changes theirs is told in other words. */
function checkCustomKind(expected: GroupVersionKind, value: Record<string, unknown>): void {
  const kind = textOr(value["kind"], "");
  if (kind === "") throw new Error(`Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  const apiVersion = textOr(value["apiVersion"], "");
  const wanted = formatApiVersion(expected);
  if (apiVersion !== wanted) {
    const { group, version } = parseApiVersion(apiVersion);
    const found = `${group}/${version}, Kind=${kind}`;
    const why = `${found} is unstructured and is not suitable for converting to ${JSON.stringify(wanted)}`;
    throw newStatusError(500, "", why);
  }
  if (kind === expected.kind) return;
  const { metadata } = value;
  const name = isObject(metadata) ? textOr(metadata["name"], "") : "";
  throw newInvalid({ group: expected.group, kind }, name, [
    invalid("kind", kind, `must be ${expected.kind}`),
  ]);
}
