import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from "../../../api/types/apiextensions-v1.ts";
import { deepEqual } from "../../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";

export const definitions = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" } as const;
export const definitionKind = {
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
} as const;
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

/** Objects of the store and of requests are decoded, so they have the shape of their type. */
export const asDefinition = (object: UnstructuredObject): CustomResourceDefinition =>
  object as unknown as CustomResourceDefinition;

type Condition = "Established" | "NamesAccepted" | "Terminating" | "NonStructuralSchema";

export function isTrue({ status }: CustomResourceDefinition, type: Condition): boolean {
  return (
    status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true
  );
}

/** Groups of the Kubernetes community, whose definitions need its approval. */
export const isProtectedGroup = (group: string): boolean => /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group);

/** What versions may have each for themselves, or, when all say the same, together. */
type Shared = Pick<
  CustomResourceDefinitionVersion,
  "schema" | "subresources" | "additionalPrinterColumns" | "selectableFields"
>;

export interface SpecLayout {
  /** Said once for all versions; errors are then errors of the spec. */
  readonly shared: Shared;
  /** The versions with what is their own. */
  readonly versions: readonly CustomResourceDefinitionVersion[];
}

const sharedFields = ["schema", "subresources", "additionalPrinterColumns", "selectableFields"] as const;

/**
 * The spec as Kubernetes works with it inside: what all versions say alike has moved to the top, which is where errors
 * say that it stands.
 */
export function layoutOf({ versions }: CustomResourceDefinitionSpec): SpecLayout {
  const [first] = versions;
  if (first === undefined) return { shared: {}, versions };
  const common = sharedFields.filter(
    (field) =>
      first[field] !== undefined && versions.every((version) => deepEqual(version[field], first[field])),
  );
  const shared: Partial<Record<keyof Shared, unknown>> = {};
  for (const field of common) shared[field] = first[field];
  return {
    shared: shared as Shared,
    versions: versions.map((version) => {
      const own = { ...version };
      for (const field of common) delete own[field];
      return own;
    }),
  };
}

/** Why a definition is not established although it has its names. */
export const invalidBundleReason = "InvalidCABundle";
