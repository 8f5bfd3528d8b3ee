import type { GroupVersionKind } from "../../../apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { VersionedRequest } from "./admission-review.ts";
import type { Invocation } from "./matching.ts";
import { replaceContent } from "./replace-content.ts";
import type { Versions } from "./versions.ts";

/**
 * The object of a request as it goes from webhook to webhook, in the version that each asks for. It stays in one until somebody
 * asks for another: what one has made of it is what the next one of that version is given, and a webhook that converts is called
 * as seldom as can be. Mirrors apiserver/pkg/admission.VersionedAttributes.
 */
export class ObjectView {
  readonly #attributes: AdmissionAttributes;
  readonly #versions: Versions;
  /** In a version that the request is not in; undefined while nobody has asked for one. */
  #other:
    | {
        readonly kind: GroupVersionKind;
        object: UnstructuredObject | undefined;
        oldObject: UnstructuredObject | undefined;
      }
    | undefined;
  /** What is in the other version is newer than the request's own. */
  #isAhead = false;

  constructor(attributes: AdmissionAttributes, versions: Versions) {
    this.#attributes = attributes;
    this.#versions = versions;
  }

  /** The request, with the object as it is now. */
  get attributes(): AdmissionAttributes {
    const object = this.#other?.object;
    return this.#isAhead && object !== undefined ? { ...this.#attributes, object } : this.#attributes;
  }

  async in({ kind, resource }: Invocation): Promise<VersionedRequest> {
    const { kind: own } = this.#attributes;
    if (this.#other === undefined || !isSame(kind, this.#other.kind)) {
      await this.settle();
      this.#other = isSame(kind, own) ? undefined : await this.#converted(kind);
    }
    const { object, oldObject } = this.#other ?? this.#attributes;
    return { kind, resource, object, oldObject };
  }

  /** The webhook that was asked last has made this of it. */
  become(object: UnstructuredObject): void {
    if (this.#other === undefined) {
      const { object: own } = this.#attributes;
      if (own !== undefined) replaceContent(own, object, this.#attributes);
      return;
    }
    this.#other.object = object;
    this.#isAhead = true;
  }

  /** Brings the request's own object up to date. */
  async settle(): Promise<void> {
    const { object: own, kind } = this.#attributes;
    const newer = this.#isAhead ? this.#other : undefined;
    this.#isAhead = false;
    if (newer?.object === undefined || own === undefined) return;
    replaceContent(own, await this.#versions.inKind(newer.object, newer.kind, kind), this.#attributes);
  }

  async #converted(kind: GroupVersionKind) {
    const { kind: from, object, oldObject } = this.#attributes;
    return {
      kind,
      object: await this.#versions.inKind(object, from, kind),
      oldObject: await this.#versions.inKind(oldObject, from, kind),
    };
  }
}

const isSame = (a: GroupVersionKind, b: GroupVersionKind): boolean =>
  a.group === b.group && a.version === b.version && a.kind === b.kind;
