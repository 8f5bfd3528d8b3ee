import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Pod, PodSpec, Volume, VolumeMount } from "../../api/types/core-v1.ts";
import { RealClock } from "../../apimachinery/clock.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import { Harness, newContainer } from "../testing/harness.ts";

let root: string;
let harness: Harness;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "kubelet-volumes-"));
  harness = new Harness({ disk: join(root, "kubelet") });
  await harness.start();
});

afterEach(async () => {
  await harness.stop();
  // What the disk was writing when the kubelet stopped comes to its end first.
  await vi.waitFor(async () => {
    rmSync(root, { recursive: true, force: true });
    await new RealClock().sleep(20);
    if (existsSync(root)) throw new Error(`${root} is being written`);
  });
});

/** The disk answers when it likes: look until the claim holds. */
const eventually = (claim: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(
    async () => {
      await harness.settle();
      await claim();
    },
    { timeout: 5_000, interval: 5 },
  );

function mounted(
  volume: Omit<Volume, "name">,
  mount: Partial<VolumeMount> = {},
  rest: Partial<PodSpec> = {},
): Partial<PodSpec> {
  return {
    volumes: [{ name: "v", ...volume }],
    containers: [newContainer("app", { volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] })],
    ...rest,
  };
}

/** Where the volume of the running pod lies. */
async function placeOf(name = "web"): Promise<string> {
  let place = "";
  await eventually(async () => {
    expect((await harness.pod(name)).status?.phase).toBe("Running");
    const [container] = await harness.runtime.listContainers();
    place =
      harness.runtime.configOf(container?.id ?? "").mounts.find(({ containerPath }) => containerPath === "/v")
        ?.hostPath ?? "";
    expect(place).not.toBe("");
  });
  return place;
}

const object = (kind: string, name: string, rest: object): KubernetesObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "default" },
  ...rest,
});

const page = (text: string): KubernetesObject =>
  object("ConfigMap", "page", { data: { "index.html": text, other: "x" } });

describe("configMap volumes", () => {
  test("hold a file per key, behind ..data", async () => {
    await harness.create(page("hello"));
    await harness.createPod("web", mounted({ configMap: { name: "page" } }));
    const place = await placeOf();
    expect(readFileSync(join(place, "index.html"), "utf8")).toBe("hello");
    expect(readdirSync(place).filter((name) => !name.startsWith(".."))).toEqual(["index.html", "other"]);
    expect(existsSync(join(place, "..data", "other"))).toBe(true);
  });

  test("follow their source", async () => {
    await harness.create(page("one"));
    await harness.createPod(
      "web",
      mounted({ configMap: { name: "page", items: [{ key: "index.html", path: "a/b.html" }] } }),
    );
    const place = await placeOf();
    expect(readFileSync(join(place, "a/b.html"), "utf8")).toBe("one");
    const maps = harness.client.resource(resources.configmaps);
    await maps.patch("page", { data: { "index.html": "two" } }, { type: "merge", namespace: "default" });
    await eventually(() => expect(readFileSync(join(place, "a/b.html"), "utf8")).toBe("two"));
    await eventually(() =>
      expect(readdirSync(place).filter((name) => name.startsWith("..2"))).toHaveLength(1),
    );
  });

  test("that are missing hold the pod back until they come", async () => {
    await harness.createPod("web", mounted({ configMap: { name: "page" } }));
    await eventually(() =>
      expect(harness.events).toContain(
        'web Warning FailedMount: MountVolume.SetUp failed for volume "v" : configmap "page" not found',
      ),
    );
    expect((await harness.pod("web")).status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe(
      "ContainerCreating",
    );
    await harness.create(page("late"));
    expect(readFileSync(join(await placeOf(), "index.html"), "utf8")).toBe("late");
  });

  test("that are optional may be missing, and one that no container mounts is not looked for", async () => {
    const spec = mounted({ configMap: { name: "page", optional: true } });
    await harness.createPod("web", {
      ...spec,
      volumes: [...(spec.volumes ?? []), { name: "unused", configMap: { name: "nix" } }],
    });
    expect(readdirSync(await placeOf()).filter((name) => !name.startsWith(".."))).toEqual([]);
  });

  test("a key that is named but not there fails the volume", async () => {
    await harness.create(page("x"));
    await harness.createPod(
      "web",
      mounted({ configMap: { name: "page", items: [{ key: "nix", path: "nix" }] } }),
    );
    await eventually(() =>
      expect(harness.events).toContain(
        'web Warning FailedMount: MountVolume.SetUp failed for volume "v" : references non-existent config key: nix',
      ),
    );
  });

  test("subPath mounts one file of them", async () => {
    await harness.create(page("hello"));
    await harness.createPod("web", mounted({ configMap: { name: "page" } }, { subPath: "index.html" }));
    expect(readFileSync(await placeOf(), "utf8")).toBe("hello");
  });
});

test("secret volumes hold decoded values with the mode that was asked for", async () => {
  await harness.create(
    object("Secret", "key", { data: { token: Buffer.from("s3cret").toString("base64") } }),
  );
  await harness.createPod("web", mounted({ secret: { secretName: "key", defaultMode: 0o400 } }));
  const file = join(await placeOf(), "token");
  expect(readFileSync(file, "utf8")).toBe("s3cret");
  expect(statSync(file).mode & 0o777).toBe(0o400);
});

test("downwardAPI volumes show fields and resources", async () => {
  const items = [
    { path: "name", fieldRef: { fieldPath: "metadata.name" } },
    { path: "notes", fieldRef: { fieldPath: "metadata.annotations" } },
    { path: "cpu", resourceFieldRef: { containerName: "app", resource: "limits.cpu", divisor: "1m" } },
  ];
  const spec = mounted({ downwardAPI: { items } });
  const [container] = spec.containers ?? [];
  const limited = { ...newContainer("app"), ...container, resources: { limits: { cpu: "250m" } } };
  await harness.createPod("web", { ...spec, containers: [limited] }, { b: "2", a: 'say "hi"' });
  const place = await placeOf();
  expect(readFileSync(join(place, "name"), "utf8")).toBe("web");
  expect(readFileSync(join(place, "notes"), "utf8")).toBe('a="say \\"hi\\""\nb="2"');
  expect(readFileSync(join(place, "cpu"), "utf8")).toBe("250");
});

test("projected volumes join their sources, and tokens are renewed", async () => {
  await harness.create(object("ServiceAccount", "default", {}));
  await harness.create(page("hello"));
  let made = 0;
  harness.transport.react((request) => {
    if (request.path.endsWith("/token")) made++;
  });
  const sources = [
    { serviceAccountToken: { path: "token", expirationSeconds: 3600 } },
    { configMap: { name: "page", items: [{ key: "index.html", path: "page" }] } },
    { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
  ];
  await harness.createPod("web", mounted({ projected: { sources } }, {}, { serviceAccountName: "default" }));
  const place = await placeOf();
  expect(readdirSync(place).filter((name) => !name.startsWith(".."))).toEqual(["namespace", "page", "token"]);
  expect(made).toBe(1);
  await harness.advance(3_600_000 * 0.8 + 30_000);
  await eventually(() => expect(made).toBe(2));
});

test.skipIf(process.getuid?.() !== 0).each<[string, object, number, number, number]>([
  ["the one user of all containers", { runAsUser: 1000 }, 0o600, 1000, 0],
  ["the pod's group", { fsGroup: 2000 }, 0o640, 0, 2000],
  ["both", { runAsUser: 1000, fsGroup: 2000 }, 0o640, 1000, 2000],
  ["everybody, where nothing is said", {}, 0o644, 0, 0],
])("a projected token is for %s", async (_, securityContext, mode, user, group) => {
  await harness.create(object("ServiceAccount", "default", {}));
  const sources = [{ serviceAccountToken: { path: "token" } }];
  const spec = { serviceAccountName: "default", securityContext };
  await harness.createPod("web", mounted({ projected: { sources } }, {}, spec));
  const info = statSync(join(await placeOf(), "token"));
  expect([info.mode & 0o777, info.uid, info.gid]).toEqual([mode, user, group]);
});

test("projected trust bundles come when they are there, and follow them", async () => {
  const sources = [{ clusterTrustBundle: { path: "ca.pem", signerName: "x.com/s", labelSelector: {} } }];
  const pem = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  const bundle = (name: string, body: string) => ({
    apiVersion: "certificates.k8s.io/v1beta1",
    kind: "ClusterTrustBundle",
    metadata: { name },
    spec: { signerName: "x.com/s", trustBundle: pem(body) },
  });
  await harness.createPod("web", mounted({ projected: { sources } }));
  await eventually(() => expect(harness.events.join()).toContain("matched zero"));
  harness.transport.seed(bundle("x.com:s:a", "QUFB"));
  const place = await placeOf();
  expect(readFileSync(join(place, "ca.pem"), "utf8")).toBe(pem("QUFB"));
  harness.transport.seed(bundle("x.com:s:b", "QkJC"));
  await eventually(() => expect(readFileSync(join(place, "ca.pem"), "utf8")).toBe(pem("QUFB") + pem("QkJC")));
});

describe("emptyDir volumes", () => {
  test("are writable by all, and gone with the pod", async () => {
    await harness.createPod("web", mounted({ emptyDir: {} }));
    const place = await placeOf();
    expect(statSync(place).mode & 0o777).toBe(0o777);
    writeFileSync(join(place, "data"), "x");
    await harness.deletePod("web");
    await eventually(async () => {
      expect(await harness.exists("web")).toBe(false);
      expect(existsSync(place)).toBe(false);
    });
  });

  test("subPathExpr is expanded and made", async () => {
    const spec = mounted({ emptyDir: {} }, { subPathExpr: "logs/$(NAME)" });
    const [container] = spec.containers ?? [];
    const named = { ...newContainer("app"), ...container, env: [{ name: "NAME", value: "me" }] };
    await harness.createPod("web", { ...spec, containers: [named] });
    expect(await placeOf()).toMatch(/\/logs\/me$/);
  });

  test("a link that leads out of the volume is refused", async () => {
    mkdirSync(join(root, "data"));
    symlinkSync("/etc", join(root, "data", "out"));
    await harness.createPod("web", mounted({ hostPath: { path: join(root, "data") } }, { subPath: "out" }));
    await eventually(() =>
      expect(harness.events).toContain(
        "web spec.containers{app} Warning Failed: Error: failed to prepare subPath for volumeMount: out leads out of the volume",
      ),
    );
    const { status } = await harness.pod("web");
    expect(status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("CreateContainerConfigError");
  });
});

test.each([
  ["Directory", "is not a directory", false],
  ["File", "is not a file", false],
  ["DirectoryOrCreate", "", true],
  ["FileOrCreate", "", true],
])("hostPath of type %s", async (type, complaint, runs) => {
  const path = join(root, "host");
  await harness.createPod("web", mounted({ hostPath: { path, type } }));
  const failure = `web Warning FailedMount: MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${path} ${complaint}`;
  await eventually(async () => {
    const { status } = await harness.pod("web");
    expect([status?.phase, harness.events.includes(failure)]).toEqual([runs ? "Running" : "Pending", !runs]);
  });
  expect(existsSync(path)).toBe(runs);
});

describe("claims", () => {
  async function claim(source: object, phase = "Bound"): Promise<void> {
    const made = await harness.create(
      object("PersistentVolumeClaim", "data", {
        spec: { volumeName: "pv", accessModes: ["ReadWriteOnce"] },
        status: { phase },
      }),
    );
    const claims = harness.client.resource(resources.persistentvolumeclaims);
    await claims.patch(
      "data",
      { status: { phase } },
      { type: "merge", namespace: "default", subresource: "status" },
    );
    const claimRef = { namespace: "default", name: "data", uid: made.metadata.uid };
    await harness.create({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "pv" },
      spec: { claimRef, ...source },
    } as KubernetesObject);
  }
  const spec = mounted({ persistentVolumeClaim: { claimName: "data" } });

  test("on a local path are that path, and outlive the pod", async () => {
    const path = join(root, "pv");
    await claim({ hostPath: { path, type: "DirectoryOrCreate" } });
    await harness.createPod("web", spec);
    expect(await placeOf()).toBe(path);
    writeFileSync(join(path, "kept"), "x");
    await harness.deletePod("web");
    await eventually(async () => expect(await harness.exists("web")).toBe(false));
    await harness.settle();
    expect(readFileSync(join(path, "kept"), "utf8")).toBe("x");
  });

  test.each([
    [
      { nfs: { server: "s", path: "/" } },
      "Bound",
      'PersistentVolume "pv" of type nfs is not supported by this node',
    ],
    [
      { csi: { driver: "d", volumeHandle: "h" } },
      "Bound",
      'PersistentVolume "pv" of type csi is not supported by this node',
    ],
    [{ hostPath: { path: "/tmp" } }, "Pending", "error processing PVC default/data: PVC is not bound"],
  ])("on %j in phase %s are refused by name", async (source, phase, message) => {
    await claim(source, phase);
    await harness.createPod("web", spec);
    await eventually(() =>
      expect(harness.events).toContain(
        `web Warning FailedMount: MountVolume.SetUp failed for volume "v" : ${message}`,
      ),
    );
  });
});

test("a kind of volume that the node lacks is refused by name", async () => {
  await harness.createPod("web", mounted({ nfs: { server: "s", path: "/" } }));
  await eventually(() =>
    expect(harness.events).toContain(
      'web Warning FailedMount: MountVolume.SetUp failed for volume "v" : volumes of type nfs are not supported by this node',
    ),
  );
});

test.runIf(process.getuid?.() === 0)("an fsGroup owns what the pod may write", async () => {
  const pod: Partial<PodSpec> = { securityContext: { fsGroup: 4321 } };
  await harness.createPod("web", mounted({ emptyDir: {} }, {}, pod));
  const stat = statSync(await placeOf());
  expect([stat.gid, stat.mode & 0o2000]).toEqual([4321, 0o2000]);
});

test.runIf(process.getuid?.() === 0).each([
  [0o440, 0o440],
  [0o400, 0o440],
  [0o640, 0o640],
])("an fsGroup may read the files of a secret, and no more: mode %o becomes %o", async (asked, made) => {
  await harness.create(object("Secret", "key", { data: { a: "MQ==" } }));
  const pod: Partial<PodSpec> = { securityContext: { fsGroup: 4321 } };
  await harness.createPod("web", mounted({ secret: { secretName: "key", defaultMode: asked } }, {}, pod));
  const place = await placeOf();
  const stat = statSync(join(place, "a"));
  expect([stat.gid, stat.mode & 0o777]).toEqual([4321, made]);
  expect(statSync(place).mode & 0o2050).toBe(0o2050);
});

test("/etc/hosts names the pod and its aliases", async () => {
  const pod: Partial<PodSpec> = {
    hostAliases: [{ ip: "1.2.3.4", hostnames: ["a", "b"] }],
    hostname: "me",
    subdomain: "sub",
  };
  await harness.createPod("web", mounted({ emptyDir: {} }, {}, pod));
  await placeOf();
  const { metadata }: Pod = await harness.pod("web");
  const text = readFileSync(join(root, "kubelet/pods", metadata.uid ?? "", "etc-hosts"), "utf8");
  expect(text).toContain("10.244.0.2\tme.sub.default.svc.cluster.local\tme\n");
  expect(text).toContain("# Entries added by HostAliases.\n1.2.3.4\ta\tb\n");
});

test("the last words of a container are its message", async () => {
  await harness.createPod("web", mounted({ emptyDir: {} }, {}, { restartPolicy: "Never" }), {
    "simulated.sampan.dev/run-duration": "1h",
    "simulated.sampan.dev/exit-code": "1",
  });
  await placeOf();
  const { metadata } = await harness.pod("web");
  writeFileSync(join(root, "kubelet/pods", metadata.uid ?? "", "containers/app/0"), "it broke");
  await harness.advance(3_600_000);
  await eventually(async () => {
    const { status } = await harness.pod("web");
    expect(status?.containerStatuses?.[0]?.state?.terminated?.message).toBe("it broke");
  });
});

test("what unknown pods left on disk is removed when the kubelet comes up", async () => {
  await harness.createPod("web", mounted({ emptyDir: {} }));
  const place = await placeOf();
  const { metadata } = await harness.pod("web");
  const stale = [
    join(root, "kubelet/pods/stale/volumes/x"),
    join(root, "kubelet/logs/default_old_stale/app"),
  ];
  for (const path of stale) mkdirSync(path, { recursive: true });
  await harness.restart();
  await eventually(() => expect(stale.map((path) => existsSync(path))).toEqual([false, false]));
  expect(existsSync(place)).toBe(true);
  expect(existsSync(join(root, "kubelet/pods", metadata.uid ?? ""))).toBe(true);
});

test("memory-backed volumes are mounted once", async () => {
  await harness.stop();
  const calls: string[] = [];
  const mounter = {
    mountTmpfs: (path: string, { sizeBytes }: { sizeBytes?: number }) =>
      Promise.resolve(void calls.push(`mount ${path.split("/").slice(-2).join("/")} ${sizeBytes ?? ""}`)),
    unmount: (path: string) => Promise.resolve(void calls.push(`unmount ${path}`)),
  };
  harness = new Harness({ disk: join(root, "kubelet"), kubelet: { mounter } });
  await harness.start();
  await harness.createPod("web", mounted({ emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }));
  await placeOf();
  await harness.advance(60_000);
  expect(calls).toEqual(["mount kubernetes.io~empty-dir/v 1048576"]);
});
