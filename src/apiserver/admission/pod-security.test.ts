import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Pod } from "../../api/types/core-v1.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { evaluate, PodSecurity } from "./pod-security.ts";
import { attributesOf, podWith, type Request, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const suite = new URL("../../../../shared/specs/pod-security/", import.meta.url);

/** The published verdicts were made for v1.30. */
const minor = 30;

describe.skipIf(!existsSync(suite))("published verdicts", () => {
  const cases = ["baseline", "restricted"].flatMap((level) =>
    ["pass", "fail"].flatMap((verdict) =>
      (existsSync(suite) ? readdirSync(new URL(`${level}/${verdict}/`, suite)) : []).map(
        (file) => [level as "baseline" | "restricted", verdict, file] as const,
      ),
    ),
  );
  test.each(cases)("%s %s %s", (level, verdict, file) => {
    const pod = parseYaml(readFileSync(new URL(`${level}/${verdict}/${file}`, suite), "utf8")) as Pod;
    const violations = evaluate(
      { level, minor },
      { annotations: pod.metadata.annotations ?? {}, spec: pod.spec ?? { containers: [] } },
    );
    expect(violations.length === 0 ? "pass" : "fail").toBe(verdict);
  });
});

const label = "pod-security.kubernetes.io/";
const namespaceWith = (labels: Record<string, string>, name = "default") => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [`${label}${key}`, value])),
  },
});
const pluginFor = (labels: Record<string, string>) =>
  new PodSecurity({ reader: new FakeReader().put("namespaces", namespaceWith(labels)), nowMs: () => 0 });

const bad = podWith({
  hostNetwork: true,
  hostPID: true,
  containers: [
    { name: "a", securityContext: { privileged: true } },
    { name: "b", securityContext: { privileged: true } },
  ],
});

describe("the metrics", () => {
  test("count each verdict by its level, version and mode", async () => {
    const metrics: Metric[] = [];
    const labels = {
      enforce: "baseline",
      "enforce-version": "v1.25",
      warn: "restricted",
      "warn-version": "v1.99",
    };
    const plugin = new PodSecurity({
      reader: new FakeReader().put("namespaces", namespaceWith(labels)),
      nowMs: () => 0,
      register: (metric) => metrics.push(metric),
    });
    const good = podWith({ containers: [{ name: "a" }] });
    for (const object of [bad, good, good]) await verdictOf(plugin, attributesOf({ object }));
    const lines = metrics.flatMap((metric) => metric.lines()).filter((line) => !line.startsWith("#"));
    const series = (decision: string, mode: string, policy: string, count: number): string =>
      `pod_security_evaluations_total{decision="${decision}",mode="${mode}",${policy},request_operation="create",resource="pod",subresource=""} ${count}`;
    expect(lines).toEqual([
      series("deny", "enforce", 'policy_level="baseline",policy_version="v1.25"', 1),
      series("allow", "enforce", 'policy_level="baseline",policy_version="v1.25"', 2),
      series("deny", "warn", 'policy_level="restricted",policy_version="future"', 2),
    ]);
  });
});

describe("the audit log", () => {
  const notesOf = async (labels: Record<string, string>, object: object): Promise<Record<string, string>> => {
    const notes: Record<string, string> = {};
    const audit = {
      annotate: (key: string, value: string) => void (notes[key.replace(label, "")] = value),
      wantsRequest: false,
    };
    await verdictOf(pluginFor(labels), { ...attributesOf({ object }), audit });
    return notes;
  };

  test("is told which level was enforced, and what violates the level that is audited", async () => {
    expect(await notesOf({}, bad)).toEqual({ "enforce-policy": "privileged:latest" });
    const notes = await notesOf({ enforce: "baseline", audit: "restricted", "audit-version": "v1.29" }, bad);
    expect(notes["enforce-policy"]).toBe("baseline:latest");
    expect(notes["audit-violations"]).toMatch(
      /^would violate PodSecurity "restricted:v1.29": host namespaces/,
    );
  });
});

describe("PodSecurity", () => {
  test.each<[string, Record<string, string>, object, string]>([
    ["no labels", {}, bad, "admitted"],
    ["privileged", { enforce: "privileged" }, bad, "admitted"],
    [
      "baseline",
      { enforce: "baseline" },
      bad,
      'pods "web" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true, hostPID=true), privileged (containers "a", "b" must not set securityContext.privileged=true)',
    ],
    ["baseline, a plain pod", { enforce: "baseline" }, podWith(), "admitted"],
    [
      "restricted, a plain pod",
      { enforce: "restricted" },
      podWith(),
      'pods "web" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    ],
    [
      "an old version",
      { enforce: "restricted", "enforce-version": "v1.18" },
      podWith(),
      'violates PodSecurity "restricted:v1.18": allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true',
    ],
    [
      "a level that nobody knows",
      { enforce: "strict" },
      podWith(),
      'violates PodSecurity "restricted:latest"',
    ],
    [
      "host ports",
      { enforce: "baseline" },
      podWith({
        containers: [
          {
            name: "c",
            ports: [
              { containerPort: 80, hostPort: 80 },
              { containerPort: 443, hostPort: 443 },
            ],
          },
        ],
      }),
      'hostPort (container "c" uses hostPorts 443, 80)',
    ],
    [
      "host paths",
      { enforce: "baseline" },
      podWith({ volumes: [{ name: "v", hostPath: { path: "/" } }] }),
      'hostPath volumes (volume "v")',
    ],
    [
      "host paths, said once",
      { enforce: "restricted" },
      podWith({ volumes: [{ name: "v", hostPath: { path: "/" } }] }),
      'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ],
    [
      "capabilities",
      { enforce: "baseline" },
      podWith({
        containers: [
          { name: "c", securityContext: { capabilities: { add: ["SYS_ADMIN", "CHOWN", "NET_RAW"] } } },
        ],
      }),
      'non-default capabilities (container "c" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    [
      "unsafe sysctls",
      { enforce: "baseline" },
      podWith({ securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } }),
      "forbidden sysctls (kernel.msgmax)",
    ],
    [
      "SELinux",
      { enforce: "baseline" },
      podWith({ securityContext: { seLinuxOptions: { type: "spc_t", user: "root" } } }),
      'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
    ],
    [
      "AppArmor",
      { enforce: "baseline" },
      podWith({ containers: [{ name: "c", securityContext: { appArmorProfile: { type: "Unconfined" } } }] }),
      'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
    ],
    [
      "seccomp",
      { enforce: "baseline" },
      podWith({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      "proc mounts",
      { enforce: "baseline" },
      podWith({ containers: [{ name: "c", securityContext: { procMount: "Unmasked" } }] }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      "proc mounts in a user namespace",
      { enforce: "baseline" },
      podWith({ hostUsers: false, containers: [{ name: "c", securityContext: { procMount: "Unmasked" } }] }),
      "admitted",
    ],
    [
      "proc mounts in a user namespace, under the stricter profile",
      { enforce: "restricted" },
      podWith({
        hostUsers: false,
        securityContext: { seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            name: "c",
            securityContext: {
              procMount: "Unmasked",
              allowPrivilegeEscalation: false,
              capabilities: { drop: ["ALL"] },
            },
          },
        ],
      }),
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      "probes of other hosts",
      { enforce: "baseline" },
      podWith({ containers: [{ name: "c", livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }] }),
      'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
    ],
    [
      "probes of other hosts, before v1.34",
      { enforce: "baseline", "enforce-version": "v1.33" },
      podWith({ containers: [{ name: "c", livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }] }),
      "admitted",
    ],
    [
      "root",
      { enforce: "restricted" },
      podWith({ securityContext: { runAsUser: 0, runAsNonRoot: false } }),
      "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)",
    ],
    [
      "ephemeral containers",
      { enforce: "baseline" },
      podWith({ ephemeralContainers: [{ name: "debug", securityContext: { privileged: true } }] }),
      'privileged (container "debug" must not',
    ],
  ])("%s", async (_what, labels, object, verdict) => {
    expect(await verdictOf(pluginFor(labels), attributesOf({ object }))).toContain(verdict);
  });

  test("warns of what would violate the warned level, of workloads too", async () => {
    const text =
      'would violate PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)';
    const spec = { containers: [{ name: "c", securityContext: { privileged: true } }] };
    const pod = attributesOf({ object: podWith(spec) });
    await run(pluginFor({ warn: "baseline" }), pod);
    expect(pod.warnings).toEqual([text]);
    const template = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d", namespace: "default" },
      spec: { template: { spec } },
    };
    const deployment = attributesOf({ object: template });
    await run(pluginFor({ enforce: "baseline" }), deployment);
    expect(deployment.warnings).toEqual([text]);
    const cronJob = {
      ...template,
      apiVersion: "batch/v1",
      kind: "CronJob",
      spec: { jobTemplate: { spec: { template: { spec } } } },
    };
    const job = attributesOf({ object: cronJob });
    await run(pluginFor({ enforce: "baseline" }), job);
    expect(job.warnings).toEqual([text]);
  });

  test.each<[string, Request, boolean]>([
    ["another image", { object: podWith({ hostPID: true, containers: [{ name: "c", image: "b" }] }) }, true],
    ["another label", { object: podWith({ hostPID: true }, { labels: { a: "b" } }) }, false],
    [
      "a new ephemeral container",
      {
        resource: "pods/ephemeralcontainers",
        object: podWith({ hostPID: true, ephemeralContainers: [{ name: "d" }] }),
      },
      true,
    ],
    [
      "its status",
      {
        resource: "pods/status",
        object: podWith({ hostPID: true, containers: [{ name: "c", image: "b" }] }),
      },
      false,
    ],
  ])("an update of %s is judged: %s", async (_what, request, judged) => {
    const attributes = attributesOf({ operation: "UPDATE", old: podWith({ hostPID: true }), ...request });
    const verdict = await verdictOf(pluginFor({ enforce: "baseline" }), attributes);
    expect(verdict !== "admitted").toBe(judged);
  });

  describe("namespaces", () => {
    test.each<[string, Record<string, string>, string]>([
      [
        "a known level",
        { enforce: "baseline", "enforce-version": "v1.30", warn: "restricted", "warn-version": "latest" },
        "admitted",
      ],
      [
        "an unknown level",
        { enforce: "strict" },
        'Namespace "default" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
      ],
      [
        "an unknown version",
        { "warn-version": "1.30" },
        'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.30": must be "latest" or "v1.x"',
      ],
      ["a version with zeros", { "audit-version": "v1.01" }, 'must be "latest" or "v1.x"'],
    ])("%s", async (_what, labels, verdict) => {
      expect(await verdictOf(pluginFor({}), attributesOf({ object: namespaceWith(labels) }))).toContain(
        verdict,
      );
    });

    test("a wrong label that was there may stay", async () => {
      const object = namespaceWith({ enforce: "strict" });
      const attributes = attributesOf({
        operation: "UPDATE",
        object,
        old: namespaceWith({ enforce: "strict" }),
      });
      expect(await verdictOf(pluginFor({}), attributes)).toBe("admitted");
    });

    test("a stricter level warns of the pods that are there", async () => {
      const reader = new FakeReader().put(
        "pods",
        podWith({ hostPID: true }, { name: "b" }),
        podWith({ hostPID: true }, { name: "a" }),
        podWith(
          { hostNetwork: true, containers: [{ name: "c", securityContext: { privileged: true } }] },
          { name: "z" },
        ),
        podWith({}, { name: "good" }),
      );
      const object = namespaceWith({ enforce: "baseline" });
      const attributes = attributesOf({ operation: "UPDATE", object, old: namespaceWith({}) });
      await run(new PodSecurity({ reader, nowMs: () => 0 }), attributes);
      expect(attributes.warnings).toEqual([
        'existing pods in namespace "default" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 1 other pod): host namespaces",
        "z: host namespaces, privileged",
      ]);
    });
  });
});
