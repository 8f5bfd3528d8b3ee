import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { CachedObject } from "./cached-object.ts";

/** The part of `apimachinery/labels.ts` that is needed here. */
interface LabelMatcher {
  matches(labels: Readonly<Record<string, string>> | undefined): boolean;
  isEmpty(): boolean;
}

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
  /** Reads the field. Absent for metadata.name and metadata.namespace, which need no decoded object. */
  readonly read?: (object: UnstructuredObject) => string;
  /** The same of the state itself, which may be looked at in another version. */
  readonly readState?: (state: CachedObject) => string;
}

/** Which objects of a resource a list or a watch is about: a namespace ("" for all), labels and fields. */
export class Selection {
  readonly namespace: string;
  readonly #labels: LabelMatcher | undefined;
  readonly #fields: readonly FieldRequirement[];

  constructor(namespace: string, labels?: LabelMatcher, fields: readonly FieldRequirement[] = []) {
    this.namespace = namespace;
    this.#labels = labels === undefined || labels.isEmpty() ? undefined : labels;
    this.#fields = fields;
  }

  /** True when only the namespace narrows it: such lists can tell how many items remain. */
  get isWhole(): boolean {
    return this.#labels === undefined && this.#fields.length === 0;
  }

  matches(object: CachedObject): boolean {
    if (this.namespace !== "" && object.namespace !== this.namespace) return false;
    for (const requirement of this.#fields) {
      if ((fieldValue(requirement, object) === requirement.value) !== (requirement.operator === "="))
        return false;
    }
    return this.#labels === undefined || this.#labels.matches(labelsOf(object));
  }

  /** The requirement by which a watcher is found without asking every watcher: an equality on a field. */
  get index(): FieldRequirement | undefined {
    const equal = this.#fields.find(({ operator }) => operator === "=");
    if (equal !== undefined) return equal;
    if (this.namespace === "") return undefined;
    return { field: "metadata.namespace", operator: "=", value: this.namespace };
  }
}

/** What is not read yet is not read for its labels. */
const labelsOf = (object: CachedObject): Readonly<Record<string, string>> | undefined =>
  (object.deferred === undefined ? object.object : object).metadata.labels;

/** The value of the requirement's field in the object; "" when it is not set. */
export function fieldValue(requirement: FieldRequirement, object: CachedObject): string {
  if (requirement.read !== undefined) return requirement.read(object.object);
  if (requirement.readState !== undefined) return requirement.readState(object);
  return requirement.field === "metadata.name" ? object.name : object.namespace;
}
