import { type FieldError, invalid } from "../../apimachinery/field-error.ts";
import { deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { mandatoryConfiguration } from "../../apiserver/flowcontrol/bootstrap-configuration.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

/**
 * The levels and schemas that every server needs cannot be changed by anybody, but for what the exempt level lends
 * (mirrors pkg/apis/flowcontrol/validation).
 */
function extension(
  resource: string,
  errorsOf: (object: UnstructuredObject) => FieldError[],
): ResourceExtension {
  const strategy = {
    validateCreate: (_context: unknown, object: UnstructuredObject) => errorsOf(object),
    validateUpdate: (
      _context: unknown,
      object: UnstructuredObject,
      _old: UnstructuredObject,
      subresource: string,
    ) => (subresource === "" ? errorsOf(object) : []),
  };
  return { group: "flowcontrol.apiserver.k8s.io", resource, setup: () => ({ strategy }) };
}

function fixedSpec(
  object: UnstructuredObject,
  fixed: readonly { readonly metadata: { readonly name?: string | undefined }; readonly spec: unknown }[],
): unknown {
  return fixed.find(({ metadata }) => metadata.name === object.metadata.name)?.spec;
}

export const flowSchemasExtension = extension("flowschemas", (object) => {
  const wanted = fixedSpec(object, mandatoryConfiguration.schemas);
  if (wanted === undefined || deepEqual(object["spec"], wanted)) return [];
  const detail = `spec of '${object.metadata.name}' must equal the fixed value`;
  return [invalid("spec", object["spec"], detail)];
});

export const priorityLevelsExtension = extension("prioritylevelconfigurations", (object) => {
  const wanted = fixedSpec(object, mandatoryConfiguration.levels);
  const { spec } = object;
  if (!isObject(wanted) || !isObject(spec)) return [];
  const isExempt = object.metadata.name === "exempt";
  const given = isExempt ? { ...spec, exempt: wanted["exempt"] } : spec;
  if (deepEqual(given, wanted)) return [];
  const but = isExempt ? " except the 'spec.exempt' field" : "";
  return [invalid("spec", spec, `spec of '${object.metadata.name}'${but} must equal the fixed value`)];
});
