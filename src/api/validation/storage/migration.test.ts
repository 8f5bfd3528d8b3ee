import { expect, test } from "vitest";
import type { FieldError } from "../../../apimachinery/field-error.ts";
import type { StorageVersionMigration } from "../../types/storagemigration-v1beta1.ts";
import { checkMigration, checkMigrationStatus, checkMigrationUpdate } from "./migration.ts";

const base: StorageVersionMigration = {
  apiVersion: "storagemigration.k8s.io/v1beta1",
  kind: "StorageVersionMigration",
  metadata: { name: "move" },
  spec: { resource: { group: "apps", resource: "deployments" } },
};
const condition = (type: string, status = "True") => ({
  type,
  status,
  reason: "Done",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const shown = (errors: readonly FieldError[]): string[] =>
  errors.map(({ path, detail }) => `${path}: ${detail}`);

test.each([
  [{ group: "apps", resource: "" }, ["spec.resource.resource: resource is required to be set"]],
  [{ group: "apps", resource: "deployments" }, []],
  [{ group: "", resource: "pods" }, []],
])("a migration of %j: %j", (resource, expected) => {
  const errors: FieldError[] = [];
  checkMigration({ ...base, spec: { resource } }, errors);
  expect(shown(errors)).toEqual(expected);
});

test("what is migrated stays", () => {
  const errors: FieldError[] = [];
  checkMigrationUpdate({ ...base, spec: { resource: { group: "", resource: "pods" } } }, base, errors);
  expect(shown(errors)).toEqual(["spec: field is immutable"]);
});

test.each([
  [{ resourceVersion: "12" }, {}, []],
  [{ resourceVersion: "0" }, {}, ["status.resourceVersion: resource version is not well formed: 0"]],
  [{ resourceVersion: "13" }, { resourceVersion: "12" }, ["status.resourceVersion: field is immutable"]],
  [
    { conditions: [condition("Succeeded"), condition("Failed")] },
    {},
    ["status.conditions: Both success and failed conditions cannot be true at the same time"],
  ],
  [
    { conditions: [condition("Failed", "False")] },
    { conditions: [condition("Failed")] },
    ["status.conditions: Failed condition cannot be set to false once it is true"],
  ],
])("a status %j after %j: %j", (now, old, expected) => {
  const errors: FieldError[] = [];
  checkMigrationStatus({ ...base, status: now }, { ...base, status: old }, errors);
  expect(shown(errors)).toEqual(expected);
});
