import type { CustomTraits, ResourceInfo, ScalePaths, SubresourceInfo } from "../../api/scheme.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "../../api/types/apiextensions-v1.ts";
import { bundleText } from "../webhook/ca-bundle.ts";
import { invalidBundleReason, isTrue } from "./definition/definition.ts";
import { compareVersions } from "./kube-versions.ts";

/** Whether objects of the definition are served. Names that were accepted once stay in use. */
export const isServed = (definition: CustomResourceDefinition): boolean =>
  isTrue(definition, "Established") || isTrue(definition, "NamesAccepted");

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const verbsOfTerminating = ["delete", "deletecollection", "get", "list", "watch"];
const subresourceVerbs = ["get", "patch", "update"];
const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };

/** The name of a version's schema: the group backwards, `com.example.stable.v1.CronTab`. */
const schemaNameOf = (group: string, version: string, kind: string): string =>
  `${group.split(".").reverse().join(".")}.${version}.${kind}`;

/** What discovery and routes know of a version of the definition. */
export function resourceInfo(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  traits: Pick<CustomTraits, "reader" | "toStorage" | "admitted">,
): ResourceInfo {
  const { metadata, spec, status } = definition;
  const names = status?.acceptedNames ?? spec.names;
  const isTerminating = isTrue(definition, "Terminating");
  const warning = deprecationOf(definition, version);
  const scale: ScalePaths | undefined = version.subresources?.scale as ScalePaths | undefined;
  const storage = spec.versions.find((each) => each.storage)?.name ?? version.name;
  return {
    group: spec.group,
    version: version.name,
    kind: names.kind,
    resource: names.plural,
    singular: names.singular ?? "",
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === "Namespaced",
    verbs: isTerminating ? verbsOfTerminating : verbs,
    subresources: subresourcesOf(version),
    schemaName: schemaNameOf(spec.group, version.name, names.kind),
    storage: { group: spec.group, version: storage, resource: names.plural },
    custom: {
      revision: `${metadata.uid}/${metadata.generation}`,
      isTerminating,
      ...(isUnusable(definition) ? { isUnusable: true } : {}),
      ...(scale === undefined ? {} : { scale }),
      ...(warning === undefined ? {} : { deprecationWarning: warning }),
      ...traits,
    },
  };
}

/** Whether there is no way to convert objects. A bundle that says nothing is taken for none then. */
export function isUnusable({ spec, status }: CustomResourceDefinition): boolean {
  const isInvalid = status?.conditions?.some(({ reason }) => reason === invalidBundleReason) === true;
  return isInvalid && bundleText(spec.conversion?.webhook?.clientConfig?.caBundle) !== undefined;
}

function subresourcesOf({ subresources }: CustomResourceDefinitionVersion): SubresourceInfo[] {
  const found: SubresourceInfo[] = [];
  if ((subresources?.status ?? undefined) !== undefined)
    found.push({ name: "status", verbs: subresourceVerbs });
  if (subresources?.scale !== undefined)
    found.push({ name: "scale", verbs: subresourceVerbs, kind: scaleKind });
  return found;
}

/** What requests of a deprecated version are warned with: its own words, or which version to use instead. */
function deprecationOf(
  { spec }: CustomResourceDefinition,
  { name, deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
): string | undefined {
  if (deprecated !== true) return undefined;
  if (deprecationWarning !== undefined) return deprecationWarning;
  const { group, names } = spec;
  const better = spec.versions
    .filter((each) => each.served && each.deprecated !== true && compareVersions(each.name, name) < 0)
    .map((each) => each.name)
    .sort(compareVersions);
  const instead = better[0] === undefined ? "" : `; use ${group}/${better[0]} ${names.kind}`;
  return `${group}/${name} ${names.kind} is deprecated${instead}`;
}
