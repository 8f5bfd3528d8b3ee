import type { RuleWithOperations } from "../../../api/types/admissionregistration-v1.ts";
import type { Namespace } from "../../../api/types/core-v1.ts";
import type { GroupVersionKind, GroupVersionResource } from "../../../apimachinery/gvk.ts";
import type { Labels, Selector } from "../../../apimachinery/labels.ts";
import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import { newNotFound } from "../../../apimachinery/status.ts";
import type { ObjectReader } from "../../object-reader.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { Hook } from "./hooks.ts";
import { ruleMatches } from "./rules.ts";
import type { Versions } from "./versions.ts";

/** The resource and kind in which a webhook wants to see a request. */
export interface Invocation {
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
}

/**
 * In which version the webhook is to be asked about the request; undefined when it is not concerned. Throws 404 when its
 * selector needs the labels of a namespace that is not there. Mirrors webhook/generic.ShouldCallHook, conditions aside.
 */
export function invocationOf(
  { webhook, namespaceSelector, objectSelector }: Hook,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
  versions: Versions,
): Invocation | undefined {
  const namespaces = namespaceMatches(namespaceSelector, attributes, reader);
  if (namespaces === "no" || !objectMatches(objectSelector, attributes)) return undefined;
  const invocation = ruleInvocation(webhook, attributes, versions);
  if (invocation !== undefined && namespaces === "unknown")
    throw newNotFound({ group: "", resource: "namespaces" }, attributes.namespace);
  return invocation;
}

function ruleInvocation(
  { rules = [], matchPolicy = "Equivalent" }: Hook["webhook"],
  attributes: AdmissionAttributes,
  versions: Versions,
): Invocation | undefined {
  const { resource, kind } = attributes;
  if (rules.some((rule) => ruleMatches(rule, attributes, resource))) return { resource, kind };
  if (matchPolicy !== "Equivalent" || rules.length === 0) return undefined;
  return equivalentInvocation(rules, attributes, versions);
}

/** The first of the rules that is about another version of the resource has the word. */
export function equivalentInvocation(
  rules: readonly RuleWithOperations[],
  attributes: AdmissionAttributes,
  versions: Versions,
): Invocation | undefined {
  const { resource, subresource } = attributes;
  const equivalents = versions.equivalents(resource);
  for (const rule of rules) {
    const found = equivalents.find((info) => ruleMatches(rule, attributes, info));
    if (found === undefined) continue;
    const { group, version, resource: plural } = found;
    // Bodies of subresources of their own kind are the same in each version of the resource.
    const own = subresource === "" || subresource === "status" ? undefined : bodyKind(found, subresource);
    const { group: kindGroup, version: kindVersion, kind: name } = own ?? found;
    return {
      resource: { group, version, resource: plural },
      kind: { group: kindGroup, version: kindVersion, kind: name },
    };
  }
  return undefined;
}

function bodyKind(
  info: ReturnType<Versions["equivalents"]>[number],
  subresource: string,
): GroupVersionKind | undefined {
  return info.subresources.find(({ name }) => name === subresource)?.kind;
}

/** Objects of the cluster, but for namespaces, match whatever the selector says. `unknown`: there is no such namespace. */
export function namespaceMatches(
  selector: Selector,
  attributes: AdmissionAttributes,
  reader: ObjectReader,
): "yes" | "no" | "unknown" {
  const { namespace, resource } = attributes;
  if (selector.isEmpty() || (namespace === "" && resource.resource !== "namespaces")) return "yes";
  const labels = namespaceLabels(attributes, reader);
  if (labels === undefined) return "unknown";
  return selector.matches(labels) ? "yes" : "no";
}

/** Undefined when there is no such namespace. One that is written just now is judged by what it will be. */
function namespaceLabels(attributes: AdmissionAttributes, reader: ObjectReader): Labels | undefined {
  const { resource, subresource, operation, object, namespace } = attributes;
  const isWritten = operation === "CREATE" || operation === "UPDATE";
  if (resource.resource === "namespaces" && subresource === "" && isWritten)
    return object?.metadata.labels ?? {};
  const found = reader.get<Namespace>({ group: "", resource: "namespaces" }, "", namespace);
  return found === undefined ? undefined : (found.metadata.labels ?? {});
}

/** Either the new or the old object: nobody gets out of sight by taking a label off. */
export function objectMatches(selector: Selector, { object, oldObject }: AdmissionAttributes): boolean {
  return selector.isEmpty() || has(object, selector) || has(oldObject, selector);
}

const has = (object: UnstructuredObject | undefined, selector: Selector): boolean =>
  object !== undefined && (object as Partial<UnstructuredObject>).metadata !== undefined
    ? selector.matches(object.metadata.labels)
    : false;
