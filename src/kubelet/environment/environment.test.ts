import { afterEach, describe, expect, test } from "vitest";
import type { Container, Pod } from "../../api/types/core-v1.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { Harness, newContainer, newPod } from "../testing/harness.ts";
import { type ClusterDns, parseResolvConf, podDns, podHostname } from "./dns-config.ts";
import { expand } from "./expansion.ts";
import { hostsFile } from "./hosts-file.ts";
import { containerSecurity, rootRefusal } from "./security.ts";
import { serviceVariables } from "./service-variables.ts";

let harness: Harness | undefined;
afterEach(() => harness?.stop());

const object = (kind: string, name: string, rest: object, namespace = "default"): KubernetesObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace },
  ...rest,
});

/** The environment of a pod's container, or what it waits for. */
async function environmentOf(
  container: Partial<Container>,
  objects: readonly KubernetesObject[] = [],
  rest = {},
) {
  harness = new Harness({ images: { user: "" } });
  await harness.start();
  for (const each of objects) await harness.create(each);
  await harness.createPod("web", {
    containers: [newContainer("app", container)],
    enableServiceLinks: false,
    ...rest,
  });
  const [made] = await harness.runtime.listContainers();
  if (made !== undefined) {
    const { env } = harness.runtime.configOf(made.id);
    return Object.fromEntries(env.map(({ name, value }) => [name, value]));
  }
  const { status } = await harness.pod("web");
  return status?.containerStatuses?.[0]?.state?.waiting;
}

describe("variables", () => {
  test("are expanded from those before them", async () => {
    const env = [
      { name: "A", value: "1" },
      { name: "B", value: "$(A)-$(C)-$$(A)" },
      { name: "C", value: "3" },
    ];
    expect(await environmentOf({ env })).toEqual({ A: "1", B: "1-$(C)-$(A)", C: "3" });
  });

  test("reach command and arguments", async () => {
    await environmentOf({ env: [{ name: "A", value: "1" }], command: ["run", "$(A)"], args: ["$(NIX)"] });
    const [made] = (await harness?.runtime.listContainers()) ?? [];
    const config = harness?.runtime.configOf(made?.id ?? "");
    expect([config?.command, config?.args]).toEqual([["run", "1"], ["$(NIX)"]]);
  });

  test("come from ConfigMaps and Secrets, by key and as a whole", async () => {
    const objects = [
      object("ConfigMap", "settings", { data: { color: "red", size: "L" } }),
      object("Secret", "key", { data: { token: Buffer.from("t").toString("base64") } }),
    ];
    const env = [
      { name: "COLOR", valueFrom: { configMapKeyRef: { name: "settings", key: "color" } } },
      { name: "TOKEN", valueFrom: { secretKeyRef: { name: "key", key: "token" } } },
      { name: "NONE", valueFrom: { configMapKeyRef: { name: "nix", key: "nix", optional: true } } },
    ];
    const envFrom = [{ prefix: "S_", configMapRef: { name: "settings" } }, { secretRef: { name: "key" } }];
    expect(await environmentOf({ env, envFrom }, objects)).toEqual({
      S_color: "red",
      S_size: "L",
      token: "t",
      COLOR: "red",
      TOKEN: "t",
    });
  });

  test("show fields of the pod and resources of the container", async () => {
    const fields = [
      "metadata.name",
      "metadata.namespace",
      "spec.nodeName",
      "status.podIP",
      "status.hostIP",
      "metadata.labels['x']",
    ];
    const env = [
      ...fields.map((fieldPath, index) => ({ name: `F${index}`, valueFrom: { fieldRef: { fieldPath } } })),
      { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
      { name: "MEM", valueFrom: { resourceFieldRef: { resource: "requests.memory", divisor: "1Mi" } } },
      { name: "ALL", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Gi" } } },
    ];
    const resources = { limits: { cpu: "1500m" }, requests: { memory: "64Mi" } };
    expect(await environmentOf({ env, resources })).toEqual({
      F0: "web",
      F1: "default",
      F2: "node-1",
      F3: "10.244.0.2",
      F4: "192.168.0.1",
      F5: "",
      CPU: "2",
      MEM: "64",
      ALL: "32",
    });
  });

  test.each([
    [
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "nix", key: "k" } } }] },
      'configmap "nix" not found',
    ],
    [
      { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "nix", key: "k" } } }] },
      'secret "nix" not found',
    ],
    [
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "have", key: "k" } } }] },
      "couldn't find key k in ConfigMap default/have",
    ],
    [{ envFrom: [{ secretRef: { name: "nix" } }] }, 'secret "nix" not found'],
    [{ securityContext: { runAsNonRoot: true } }, "container has runAsNonRoot and image will run as root"],
  ])("hold the container back when %j", async (container, message) => {
    const waiting = await environmentOf(container, [object("ConfigMap", "have", { data: {} })]);
    expect(waiting).toMatchObject({ reason: "CreateContainerConfigError" });
    expect((waiting as { message: string }).message).toContain(message);
    expect(harness?.events.some((event) => event.includes(`Warning Failed: Error: ${message}`))).toBe(true);
  });

  test("a container that was held back starts when what it lacks is there", async () => {
    await environmentOf({ envFrom: [{ configMapRef: { name: "late" } }] });
    await harness?.create(object("ConfigMap", "late", { data: { A: "1" } }));
    expect((await harness?.pod("web"))?.status?.phase).toBe("Running");
  });

  test("announce Services, unless the pod does not want to know", async () => {
    const service = object("Service", "my-db", {
      spec: { clusterIP: "10.96.0.7", ports: [{ port: 5432, name: "sql" }] },
    });
    const api = object("Service", "kubernetes", { spec: { clusterIP: "10.96.0.1", ports: [{ port: 443 }] } });
    expect(await environmentOf({}, [service, api], { enableServiceLinks: true })).toMatchObject({
      MY_DB_SERVICE_HOST: "10.96.0.7",
      MY_DB_SERVICE_PORT_SQL: "5432",
      KUBERNETES_SERVICE_HOST: "10.96.0.1",
    });
    await harness?.stop();
    const without = await environmentOf({}, [service], { enableServiceLinks: false });
    expect(Object.keys(without ?? {})).toEqual([]);
  });
});

test("Services are announced as docker links were", () => {
  const service = {
    metadata: { name: "web" },
    spec: { clusterIP: "10.0.0.1", ports: [{ port: 80, protocol: "TCP" }] },
  };
  expect(Object.fromEntries(serviceVariables([{ apiVersion: "v1", kind: "Service", ...service }]))).toEqual({
    WEB_SERVICE_HOST: "10.0.0.1",
    WEB_SERVICE_PORT: "80",
    WEB_PORT: "tcp://10.0.0.1:80",
    WEB_PORT_80_TCP: "tcp://10.0.0.1:80",
    WEB_PORT_80_TCP_PROTO: "tcp",
    WEB_PORT_80_TCP_PORT: "80",
    WEB_PORT_80_TCP_ADDR: "10.0.0.1",
  });
});

test.each([
  ["$(A)", "1"],
  ["$$(A)", "$(A)"],
  ["$(B)", "$(B)"],
  ["$(A", "$(A"],
  ["$A $$", "$A $"],
  ["$$$(A)", "$1"],
])("expand(%j) is %j", (text, expected) => {
  expect(expand(text, (name) => (name === "A" ? "1" : undefined))).toBe(expected);
});

describe("names", () => {
  const dns: ClusterDns = {
    servers: ["10.96.0.10"],
    domain: "cluster.local",
    host: parseResolvConf("nameserver 1.1.1.1\nsearch corp.example\noptions timeout:1\n"),
  };
  const cluster = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"];

  test.each([
    [{}, { servers: ["10.96.0.10"], searches: cluster, options: ["ndots:5"] }],
    [{ hostNetwork: true }, { servers: ["1.1.1.1"], searches: ["corp.example"], options: ["timeout:1"] }],
    [
      { hostNetwork: true, dnsPolicy: "ClusterFirstWithHostNet" },
      { servers: ["10.96.0.10"], searches: cluster, options: ["ndots:5"] },
    ],
    [{ dnsPolicy: "Default" }, { servers: ["1.1.1.1"], searches: ["corp.example"], options: ["timeout:1"] }],
    [
      {
        dnsPolicy: "None",
        dnsConfig: { nameservers: ["9.9.9.9"], options: [{ name: "ndots", value: "2" }, { name: "rotate" }] },
      },
      { servers: ["9.9.9.9"], searches: [], options: ["ndots:2", "rotate"] },
    ],
    [
      { dnsConfig: { searches: ["x.example"], options: [{ name: "ndots", value: "1" }] } },
      { servers: ["10.96.0.10"], searches: [...cluster, "x.example"], options: ["ndots:1"] },
    ],
  ])("resolv.conf of a pod with %j", (spec, expected) => {
    expect(podDns(newPod("web", spec), dns)).toEqual(expected);
  });

  test.each([
    [{}, "web", ""],
    [{ hostname: "me" }, "me", ""],
    [{ hostname: "me", subdomain: "sub" }, "me", "sub.default.svc.cluster.local"],
    [
      { subdomain: "sub", setHostnameAsFQDN: true },
      "web.sub.default.svc.cluster.local",
      "sub.default.svc.cluster.local",
    ],
  ])("host name of a pod with %j", (spec, hostname, domain) => {
    expect(podHostname(newPod("web", spec), "cluster.local")).toEqual({ hostname, domain });
  });

  test("a long name is cut so that it ends well", () => {
    const name = `${"a".repeat(62)}-b`;
    expect(podHostname(newPod(name), "cluster.local").hostname).toBe("a".repeat(62));
  });

  test("on the host network the hosts file is the node's", () => {
    const text = hostsFile(newPod("web", { hostNetwork: true }), [], "cluster.local", "127.0.0.1 node\n");
    expect(text).toBe("# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n");
  });
});

describe("security", () => {
  const image = {
    id: "i",
    repoTags: [],
    repoDigests: [],
    sizeBytes: 0,
    pinned: false,
    user: "",
    entrypoint: [],
    command: [],
  };
  const pod = (securityContext: NonNullable<Pod["spec"]>["securityContext"]): Pod =>
    newPod("web", { securityContext });

  test("the container's settings win over the pod's, and those over the image's", () => {
    const shared = pod({ runAsUser: 1, runAsGroup: 2, fsGroup: 3, supplementalGroups: [4] });
    const own = newContainer("app", { securityContext: { runAsUser: 9, allowPrivilegeEscalation: false } });
    expect(containerSecurity(shared, own, image)).toMatchObject({
      runAsUser: 9,
      runAsGroup: 2,
      supplementalGroups: [4, 3],
      noNewPrivileges: true,
      seccomp: "unconfined",
    });
    expect(containerSecurity(pod({}), newContainer("app"), { ...image, user: "node" })).toMatchObject({
      runAsUserName: "node",
    });
  });

  test.each([
    [{ runAsNonRoot: true, runAsUser: 0 }, "", "container's runAsUser breaks non-root policy"],
    [{ runAsNonRoot: true, runAsUser: 5 }, "", undefined],
    [
      { runAsNonRoot: true },
      "node",
      "container has runAsNonRoot and image has non-numeric user (node), cannot verify user is non-root",
    ],
    [{ runAsNonRoot: true }, "1000:1000", undefined],
    [{}, "", undefined],
  ])("with %j and image user %j", (securityContext, user, refusal) => {
    const result = rootRefusal(pod({}), newContainer("app", { securityContext }), { ...image, user });
    expect(result?.split(" (pod")[0]).toBe(refusal);
  });
});
