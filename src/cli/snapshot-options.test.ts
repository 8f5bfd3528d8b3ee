import { expect, it } from "vitest";
import { checkSnapshotOptions } from "./snapshot-options.ts";

it.each<[string, Record<string, string | boolean>, string]>([
  ["restore", { name: "trial" }, "snapshot restore does not go by --name"],
  ["restore", { cluster: "trial" }, "snapshot restore does not go by --cluster"],
  ["save", { as: "trial" }, "snapshot save does not go by --as"],
  ["save", { "new-identities": true }, "snapshot save does not go by --new-identities"],
  ["fork", { as: "trial" }, "snapshot fork does not go by --as"],
  ["delete", { cluster: "trial" }, "snapshot delete does not go by --cluster"],
  ["list", { "no-volumes": true }, "snapshot list does not go by --no-volumes"],
  ["fork", { "new-identities": true, "same-identities": true }, "are not both possible"],
])("snapshot %s refuses the options %j, which it would not obey", (action, options, message) => {
  expect(() => checkSnapshotOptions(action, options)).toThrow(message);
});

it("says how the cluster that is restored is named", () => {
  expect(() => checkSnapshotOptions("restore", { name: "trial" })).toThrow(
    expect.objectContaining({ remedy: "the cluster that is made is named by --as", exitCode: 2 }),
  );
});

it.each<[string, Record<string, string | boolean | undefined>]>([
  ["save", { cluster: "a", name: undefined, "no-volumes": true }],
  ["restore", { as: "a", "new-identities": true, "no-start": true, "no-volumes": true }],
  ["restore", { "same-identities": true, "new-identities": false }],
  ["fork", { name: "a", "same-identities": true }],
  ["fork", { "new-identities": true }],
  ["list", {}],
  ["melt", { as: "a" }],
])("snapshot %s takes the options %j", (action, options) => {
  expect(() => checkSnapshotOptions(action, options)).not.toThrow();
});
