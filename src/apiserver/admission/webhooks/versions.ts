import type { ResourceInfo, Scheme } from "../../../api/scheme.ts";
import type { GroupVersionKind, GroupVersionResource } from "../../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newInternalError } from "../../../apimachinery/status.ts";

/** The objects that webhooks and policies see, in the versions that they ask for. */
export class Versions {
  readonly #scheme: Scheme;

  constructor(scheme: Scheme) {
    this.#scheme = scheme;
  }

  /** Other resources under which the same objects are served: other versions, and groups that share them. */
  equivalents(resource: GroupVersionResource): readonly ResourceInfo[] {
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

  /** A value that came from outside, as an object of the kind with its defaults. Throws StatusError for what is none. */
  decode(kind: GroupVersionKind, value: unknown): UnstructuredObject {
    const { object } = this.#scheme.decode(this.#schemaName(kind), value);
    object.metadata ??= {};
    this.#scheme.applyDefaults(kind, object);
    return object;
  }

  /** Bodies of subresources are kinds that no resource has. */
  #schemaName(kind: GroupVersionKind): string {
    const known = this.#scheme.resourceForKind(kind);
    if (known !== undefined) return known.schemaName;
    const group = kind.group === "" ? "core" : (kind.group.split(".")[0] ?? "");
    return `io.k8s.api.${group}.${kind.version}.${kind.kind}`;
  }
}
