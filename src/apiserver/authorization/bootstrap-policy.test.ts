import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ClusterRole, ClusterRoleBinding, PolicyRule } from "../../api/types/rbac-v1.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { bootstrapPolicy } from "./bootstrap-policy.ts";

/** Where Go keeps the sources of Kubernetes, when the conformance tests were built on this machine. */
const modules =
  process.env["GOMODCACHE"] ?? join(process.env["GOPATH"] ?? join(homedir(), "go"), "pkg", "mod");
const folder = join(
  modules,
  "k8s.io/kubernetes@v1.36.1/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata",
);
const isThere = existsSync(folder);

type Role = Pick<ClusterRole, "metadata" | "rules" | "aggregationRule">;
type Binding = Pick<ClusterRoleBinding, "metadata" | "roleRef" | "subjects">;

const theirs = <T>(...files: string[]): T[] =>
  files.flatMap((file) => (parseYaml(readFileSync(join(folder, file), "utf8")) as { items: T[] }).items);
const keyOf = ({ metadata }: Role | Binding): string => `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
const keyed = <T extends Role | Binding>(objects: readonly T[]): Map<string, T> =>
  new Map(objects.map((object) => [keyOf(object), object]));

/** Of these beta resources, which Kubernetes leaves off and which are served here. */
const ofBetas =
  /clustertrustbundle|cluster-trust-bundle|podcertificate|devicetaintrules|storage-version-migrator/;
const isOfBeta = (rule: PolicyRule): boolean => ofBetas.test((rule.resources ?? []).join());

const policy = bootstrapPolicy();
const { clusterRoles, roles, clusterRoleBindings, roleBindings } = policy;

describe.skipIf(!isThere)(
  `what ${isThere ? "Kubernetes' own files" : "Kubernetes' sources, not here,"} say`,
  () => {
    it.each<[string, readonly Role[], string[]]>([
      ["cluster roles", clusterRoles, ["cluster-roles.yaml", "controller-roles.yaml"]],
      ["roles", roles, ["namespace-roles.yaml"]],
    ])("of %s is what every cluster has, rule by rule", (_, ours, files) => {
      const left = keyed(ours);
      for (const role of theirs<Role>(...files)) {
        const own = left.get(keyOf(role));
        left.delete(keyOf(role));
        expect(own?.metadata.labels, keyOf(role)).toEqual(role.metadata.labels);
        expect(own?.metadata.annotations, keyOf(role)).toEqual(role.metadata.annotations);
        expect(own?.aggregationRule, keyOf(role)).toEqual(role.aggregationRule);
        if (role.aggregationRule !== undefined) continue;
        expect(
          own?.rules?.filter((rule) => !isOfBeta(rule)),
          keyOf(role),
        ).toEqual(role.rules ?? []);
      }
      expect([...left.keys()].filter((name) => !ofBetas.test(name))).toEqual([]);
    });

    it.each<[string, readonly Binding[], string[]]>([
      [
        "cluster role bindings",
        clusterRoleBindings,
        ["cluster-role-bindings.yaml", "controller-role-bindings.yaml"],
      ],
      ["role bindings", roleBindings, ["namespace-role-bindings.yaml"]],
    ])("of %s is who has them", (_, ours, files) => {
      const left = keyed(ours);
      for (const binding of theirs<Binding>(...files)) {
        const own = left.get(keyOf(binding));
        left.delete(keyOf(binding));
        expect(own?.roleRef, keyOf(binding)).toEqual(binding.roleRef);
        expect(own?.subjects ?? [], keyOf(binding)).toEqual(binding.subjects ?? []);
      }
      expect([...left.keys()].filter((name) => !ofBetas.test(name))).toEqual([]);
    });
  },
);

it("who may edit may write events of both groups, and who may view reads them", () => {
  const events = (name: string): string[] =>
    (clusterRoles.find(({ metadata }) => metadata.name === name)?.rules ?? [])
      .filter(({ resources }) => resources?.includes("events") === true)
      .flatMap(({ apiGroups = [] }) => apiGroups);
  for (const name of ["view", "edit", "admin"]) expect(events(name)).toContain("events.k8s.io");
});
