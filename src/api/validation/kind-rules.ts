import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { type Errors, nameIsDnsSubdomain, type ObjectNameRule } from "./basics.ts";

/** What is asked of the objects of a kind, and of their changes. They are decoded before, so they have the shape of their type. */
type Create = (object: UnstructuredObject, errors: Errors) => void;
type Update = (object: UnstructuredObject, old: UnstructuredObject, errors: Errors) => void;

export interface KindRules {
  /** Rules of the object but for its metadata. */
  readonly create: Create;
  /** Rules of a change, those of the new object included, but for metadata. */
  readonly update: Update;
  /** By subresource. One that has no entry changes nothing but metadata. */
  readonly subresources: Readonly<Record<string, Update>>;
  /** The rules check metadata themselves, in an order of their own. */
  readonly ownMetadata: boolean;
  /** The name, where it is not a DNS subdomain; undefined where the kind's own rules look at it. */
  readonly name: ObjectNameRule | undefined;
  /** Finalizers without a domain must be known ones. */
  readonly standardFinalizers: boolean;
}

interface Rules<T> {
  readonly create?: (object: T, errors: Errors) => void;
  readonly update?: (object: T, old: T, errors: Errors) => void;
  readonly subresources?: Readonly<Record<string, (object: T, old: T, errors: Errors) => void>>;
  readonly ownMetadata?: boolean;
  readonly name?: ObjectNameRule;
  readonly standardFinalizers?: boolean;
}

export function rules<T>({
  create,
  update,
  subresources,
  ownMetadata,
  name,
  standardFinalizers,
}: Rules<T>): KindRules {
  const known = create as unknown as Create | undefined;
  const onCreate: Create = known ?? (() => {});
  const byDefault: Update = (object, _old, errors) => onCreate(object, errors);
  return {
    create: onCreate,
    update: (update as unknown as Update | undefined) ?? byDefault,
    subresources: (subresources as unknown as Record<string, Update> | undefined) ?? {},
    ownMetadata: ownMetadata ?? false,
    name: name ?? nameIsDnsSubdomain,
    standardFinalizers: standardFinalizers ?? true,
  };
}

export const anyName: ObjectNameRule = () => [];
