import { invalid } from "../../apimachinery/field-error.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { Namespace } from "../types/core-v1.ts";
import { checkName, type Errors, list, text } from "./basics.ts";
import { checkStandardFinalizer } from "./object-meta.ts";

/** Namespaces, which end in three steps: deletion, finalization, removal. */
export function checkNamespace({ spec }: Namespace, errors: Errors): void {
  for (const finalizer of list(spec.finalizers)) checkFinalizer(finalizer, "spec.finalizers", errors);
}

function checkFinalizer(finalizer: string, path: string, errors: Errors): void {
  checkName(finalizer, qualifiedNameErrors, path, errors);
  checkStandardFinalizer(finalizer, path, errors);
}

export function checkNamespaceStatus({ metadata, status }: Namespace, _old: Namespace, errors: Errors): void {
  const phase = text(status?.phase);
  const isDying = metadata.deletionTimestamp !== undefined;
  if (phase === (isDying ? "Terminating" : "Active")) return;
  const detail = isDying
    ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
    : "may only be 'Active' if `deletionTimestamp` is empty";
  errors.push(invalid("status.Phase", phase, detail));
}

export function checkNamespaceFinalize({ spec }: Namespace, _old: Namespace, errors: Errors): void {
  list(spec.finalizers).forEach((finalizer, index) => {
    checkFinalizer(finalizer, `spec.finalizers[${index}]`, errors);
  });
}
