import { builtinScheme } from "../../../src/api/builtin-scheme.ts";
import type { ResourceInfo } from "../../../src/api/scheme.ts";
import { formatApiVersion } from "../../../src/apimachinery/gvk.ts";
import { deepCopy } from "../../../src/apimachinery/json.ts";
import { resolveSchema, type Schema } from "../../../src/apimachinery/schema.ts";
import { minimalObjects, minimalReviews } from "../../conformance/resources/minimal-objects.ts";
import { admissionFields } from "./admission-body.ts";
import {
  customFields,
  customResources,
  customSchema,
  isCustomGroup,
  passingDefinitions,
} from "./custom-kinds.ts";
import type { Dice } from "./dice.ts";

/** What the requests are about. Everything they make lies in these namespaces or has one of these names. */
export const fuzzNamespaces = ["fz-a", "fz-b"] as const;
const nameCount = 4;

export const scheme = builtinScheme();
const kinds = [...scheme.resources(), ...customResources];

/** The schema of the kind, as far down as names of other schemas go. */
export const schemaOfKind = (info: ResourceInfo): Schema | undefined =>
  customSchema(info.schemaName) ?? resolveSchema(scheme.schemas, scheme.schemas.get(info.schemaName));

/** Kinds whose validation, defaults and subresources are larger than those of others are asked for more often. */
const oftenAsked = new Set([
  "pods",
  "services",
  "configmaps",
  "deployments",
  "statefulsets",
  "jobs",
  "cronjobs",
  "horizontalpodautoscalers",
  "ingresses",
  "nodes",
  "persistentvolumes",
  "serviceaccounts",
  "customresourcedefinitions",
  "widgets",
  "gadgets",
  "validatingadmissionpolicies",
  "mutatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "validatingwebhookconfigurations",
  "mutatingwebhookconfigurations",
]);
const weights = kinds.map((info) => [oftenAsked.has(info.resource) ? 4 : 1, info] as const);

export const anyKind = (dice: Dice): ResourceInfo => dice.weighted(weights);

export const isReview = (info: ResourceInfo): boolean => keyOf(info) in minimalReviews;

/** A signing request that never changes, so that requests are the same in every run. */
const signingRequest =
  "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITk1IVUNBUUF3RXpFUk1BOEdBMVVFQXd3SWMyOXRaV0p2Wkhrd1dUQVRCZ2NxaGtqT1BRSUJCZ2dxaGtqTwpQUU1CQndOQ0FBUWRoL3hRRytOWFg2TEZPMkpQbjAwU0tzWElyOFV4ZkJBTm1RQ2xiWXV0aTlMbHBnSVBBM1hlCk9XekpZd1dvb01UM25IRVdiTG85SHMxaGpFOEFuMk1ob0FBd0NnWUlLb1pJemowRUF3SURTQUF3UlFJaEFPZzQKK1FFeU01WFFHQTljV3ZHWmJmUnUyQlFLNkQwNTRqVHNXSlhRSnJ3YUFpQlNLY28zL0N4REVYa3JnT3hIVWVRNwpaRlhkZUxkN2E2ZlNUamQwNm1vYXFBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUgUkVRVUVTVC0tLS0tCg==";

const keyOf = (info: ResourceInfo): string => `${formatApiVersion(info)}/${info.kind}`;

export function anyName(dice: Dice, info: ResourceInfo): string {
  const n = dice.below(nameCount);
  if (info.resource === "namespaces" && dice.percent(30)) return dice.pick(fuzzNamespaces);
  if (info.resource === "customresourcedefinitions") return dice.pick(passingDefinitions);
  return minimalObjects[keyOf(info)]?.name?.(n + 10) ?? `fz-${n}`;
}

/** A valid object of the kind; its name and its namespace fit the path. */
export function validObject(
  dice: Dice,
  info: ResourceInfo,
  name: string,
  namespace: string,
): Record<string, unknown> {
  const minimal = minimalObjects[keyOf(info)];
  const n = dice.below(nameCount);
  const fields = fieldsOf(dice, info, name, minimal?.fields(n) ?? minimalReviews[keyOf(info)] ?? {});
  const object: Record<string, unknown> = {
    apiVersion: formatApiVersion(info),
    kind: info.kind,
    ...ownLabels(fields, name),
  };
  if (info.kind === "CertificateSigningRequest") {
    object["spec"] = { request: signingRequest, signerName: "example.com/signer", usages: ["client auth"] };
  }
  if (minimal?.status !== undefined && dice.percent(30)) object["status"] = deepCopy(minimal.status);
  if (!isReview(info)) object["metadata"] = metadataOf(dice, info, name, namespace);
  return object;
}

/** What is in force while others ask takes the place of what merely exists. */
function fieldsOf(
  dice: Dice,
  info: ResourceInfo,
  name: string,
  minimal: Record<string, unknown>,
): Record<string, unknown> {
  if (isCustomGroup(info.group)) return customFields(info.kind, dice.below(nameCount));
  return (dice.percent(70) ? admissionFields(dice, info, name) : undefined) ?? minimal;
}

/** Workloads that select each other's pods would take them from each other for ever: that is their users' mistake. */
function ownLabels(fields: Record<string, unknown>, name: string): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(fields).replaceAll('"app":"web"', `"app":${JSON.stringify(name)}`),
  ) as Record<string, unknown>;
}

function metadataOf(
  dice: Dice,
  info: ResourceInfo,
  name: string,
  namespace: string,
): Record<string, unknown> {
  const metadata: Record<string, unknown> = { name, labels: { fuzz: "1", n: String(dice.below(4)) } };
  if (info.namespaced && dice.percent(70)) metadata["namespace"] = namespace;
  if (dice.percent(5)) metadata["finalizers"] = ["example.com/fuzz"];
  if (dice.percent(5)) metadata["annotations"] = { "example.com/a": "b" };
  if (dice.percent(5)) metadata["resourceVersion"] = dice.pick(["1", "0", "", "99999999999", "x"]);
  if (dice.percent(4)) delete metadata["name"];
  if (dice.percent(4)) metadata["generateName"] = "fz-gen-";
  if (dice.percent(4)) {
    metadata["ownerReferences"] = [
      { apiVersion: "v1", kind: "ConfigMap", name: "fz-0", uid: "11111111-1111-4111-8111-111111111111" },
    ];
  }
  return metadata;
}
