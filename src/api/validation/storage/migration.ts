import { invalid, required } from "../../../apimachinery/field-error.ts";
import { dns1035LabelErrors, dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type { StorageVersionMigration } from "../../types/storagemigration-v1beta1.ts";
import { type Errors, immutableMessage, isEmpty, list, same, text } from "../basics.ts";
import { checkConditions } from "../conditions.ts";

/** Migrations of what is stored to another version (mirrors pkg/apis/storagemigration/validation). */
export function checkMigration({ spec }: StorageVersionMigration, errors: Errors): void {
  const { resource, group } = spec?.resource ?? {};
  if (isEmpty(resource)) {
    errors.push(required("spec.resource.resource", "resource is required to be set"));
  } else {
    const faults = dns1035LabelErrors(text(resource));
    if (faults.length > 0) errors.push(invalid("spec.resource.resource", resource, faults.join(",")));
  }
  const faults = isEmpty(group) ? [] : dns1123SubdomainErrors(text(group));
  if (faults.length > 0) errors.push(invalid("spec.resource.group", group, faults.join(",")));
}

export function checkMigrationUpdate(
  now: StorageVersionMigration,
  old: StorageVersionMigration,
  errors: Errors,
): void {
  checkMigration(now, errors);
  if (!same(now.spec, old.spec)) errors.push(invalid("spec", now.spec, immutableMessage));
}

/** What has ended stays as it ended. */
export function checkMigrationStatus(
  { status: now }: StorageVersionMigration,
  { status: old }: StorageVersionMigration,
  errors: Errors,
): void {
  const version = text(now?.resourceVersion);
  if (version !== "" && !/^[1-9]\d*$/.test(version)) {
    const detail = `resource version is not well formed: ${version}`;
    errors.push(invalid("status.resourceVersion", version, detail));
  }
  checkConditions(now?.conditions, "status.conditions", errors);
  if (!isEmpty(old?.resourceVersion) && old?.resourceVersion !== version) {
    errors.push(invalid("status.resourceVersion", version, immutableMessage));
  }
  const contradiction = (detail: string): void =>
    void errors.push(invalid("status.conditions", list(now?.conditions), detail));
  if (holds(now, "Succeeded") && holds(now, "Failed")) {
    contradiction("Both success and failed conditions cannot be true at the same time");
  }
  if (holds(old, "Succeeded") && !holds(now, "Succeeded")) {
    contradiction("Success condition cannot be set to false once it is true");
  }
  if (holds(old, "Failed") && !holds(now, "Failed")) {
    contradiction("Failed condition cannot be set to false once it is true");
  }
}

function holds(status: StorageVersionMigration["status"], wanted: string): boolean {
  return list(status?.conditions).find(({ type }) => type === wanted)?.status === "True";
}
