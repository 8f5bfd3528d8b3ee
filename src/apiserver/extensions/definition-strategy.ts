import type { CustomResourceDefinition } from "../../api/types/apiextensions-v1.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension, Strategy } from "../registry/strategy.ts";
import type { RequestContext } from "../request-context.ts";
import { asDefinition, cleanupFinalizer, definitions } from "./definition/definition.ts";
import { withCondition } from "./definition-conditions.ts";
import { outlineOf } from "./definition-outline.ts";
import { machinery } from "./load-machinery.ts";

/** How definitions are kept (mirrors k8s.io/apiextensions-apiserver/pkg/registry/customresourcedefinition). */
export const definitionExtension: ResourceExtension = {
  ...definitions,
  setup: ({ nowMs }) => ({ strategy: strategy(nowMs) }),
};

const strategy = (nowMs: () => number): Strategy => ({
  prepareForCreate(_context, object) {
    const { spec } = asDefinition(object);
    const storage = spec?.versions?.find((version) => version.storage)?.name;
    object["status"] = {
      conditions: null,
      acceptedNames: { plural: "", kind: "" },
      storedVersions: storage === undefined ? null : [storage],
    };
  },
  prepareForUpdate(_context, object, _old, subresource) {
    if (subresource === "") object["status"] = withStoredVersion(asDefinition(object));
  },
  validateExpressions(_context, object, _old, subresource) {
    if (subresource !== "") return undefined;
    return machinery()
      .prepareDefinition(asDefinition(object), nowMs)
      ?.then(() => []);
  },
  validateCreate(context, object): FieldError[] {
    const definition = asDefinition(object);
    const errors = machinery().definitionErrors(definition);
    if (errors.length === 0) warnOfFormats(context, definition, undefined);
    return errors;
  },
  validateUpdate(context, object, old, subresource): FieldError[] {
    const definition = asDefinition(object);
    if (subresource === "status") {
      return machinery().nameErrors(definition.status?.acceptedNames ?? {}, "status.acceptedNames");
    }
    const errors = machinery().definitionErrors(definition, asDefinition(old));
    if (errors.length === 0) warnOfFormats(context, definition, asDefinition(old));
    return errors;
  },
  // Its objects go first; the finalizer that stands for them comes with the deletion.
  holdsDeletion: ({ metadata }) =>
    metadata.deletionTimestamp === undefined || metadata.finalizers?.includes(cleanupFinalizer) === true,
  // It is marked by a registry of its own, which knows of no grace and counts no generation for that.
  countsDeletion: false,
  prepareForDelete(_context, object) {
    markTerminating(object, nowMs());
  },
  outline: outlineOf,
});

/** Of what is refused nothing else is said. */
function warnOfFormats(
  context: RequestContext,
  { spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): void {
  const known = new Set(old === undefined ? [] : machinery().unknownFormats(old.spec));
  for (const format of machinery().unknownFormats(spec))
    if (!known.has(format)) context.addWarning(`unrecognized format ${JSON.stringify(format)}`);
}

/** A version that objects are about to be stored in is one that they may be stored in. */
function withStoredVersion({ spec, status = {} }: CustomResourceDefinition): object {
  const storage = spec?.versions?.find((version) => version.storage)?.name;
  const stored = status.storedVersions ?? [];
  if (storage === undefined || stored.includes(storage)) return status;
  return { ...status, storedVersions: [...stored, storage] };
}

function markTerminating(object: UnstructuredObject, nowMs: number): void {
  const { metadata } = object;
  delete metadata.deletionGracePeriodSeconds;
  const { status = {} } = asDefinition(object);
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes(cleanupFinalizer)) return;
  metadata.finalizers = [...finalizers, cleanupFinalizer];
  const condition = {
    type: "Terminating",
    status: "True",
    reason: "InstanceDeletionPending",
    message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
  };
  object["status"] = { ...status, conditions: withCondition(status.conditions ?? [], condition, nowMs) };
}
