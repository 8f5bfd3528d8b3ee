import { managedFieldsFault } from "../../apimachinery/apply/managed-fields-fault.ts";
import type { ManagedFieldsEntry } from "../../apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { AdmissionAttributes } from "./admission.ts";

type ManagedFields = readonly ManagedFieldsEntry[] | undefined;

/** Subresources with bodies of their own have no metadata. */
const metadataOf = ({ object }: AdmissionAttributes): UnstructuredObject["metadata"] | undefined =>
  (object as Partial<UnstructuredObject> | undefined)?.metadata;

export const managedFieldsOf = (attributes: AdmissionAttributes): ManagedFields =>
  metadataOf(attributes)?.managedFields;

/**
 * Puts back who set which fields where a mutating plugin has made something of it that cannot be read, and says so. Mirrors
 * endpoints/handlers/fieldmanager/admission.go.
 */
export function restoreManagedFields(attributes: AdmissionAttributes, before: ManagedFields): undefined {
  const metadata = metadataOf(attributes);
  const after = metadata?.managedFields;
  // Nobody touched them, as nearly always.
  if (metadata === undefined || after === before) return;
  const fault = managedFieldsFault(after);
  if (fault === undefined) return;
  if (before === undefined) delete metadata.managedFields;
  else metadata.managedFields = [...before];
  attributes.addWarning(
    `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${fault}`,
  );
}
