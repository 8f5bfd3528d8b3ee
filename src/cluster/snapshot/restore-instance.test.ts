import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { SqliteStorage } from "../../storage/sqlite/sqlite-storage.ts";
import { EncryptedState } from "../encrypted-state.ts";
import type { Instance } from "../instance.ts";
import { movingRules, type Place } from "./move-cluster.ts";
import { restoreInstance } from "./restore-instance.ts";
import { saveInstance } from "./save-instance.ts";
import { settingsOf } from "./testing/instance-settings.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "sampan-instances-"));
  process.env["SAMPAN_HOME"] = home;
});
afterEach(() => {
  delete process.env["SAMPAN_HOME"];
  rmSync(home, { recursive: true });
});

const settings = await settingsOf("crun");
const node = hostname().toLowerCase();

const objects = (directory: string): Record<string, object> => ({
  "/registry/core/namespaces/kube-system": { metadata: { name: "kube-system", uid: "cluster" } },
  "/registry/core/services/default/web": {
    metadata: { name: "web" },
    spec: { clusterIP: "10.103.7.9", clusterIPs: ["10.103.7.9"] },
  },
  "/registry/core/persistentvolumes/pvc-1": { spec: { hostPath: { path: `${directory}/volumes/pvc-1` } } },
  [`/registry/core/nodes/${node}`]: { metadata: { name: node, uid: "node" } },
  "/registry/core/pods/default/a": {
    metadata: { name: "a" },
    spec: { nodeName: node, containers: [{ image: "busybox" }] },
    status: { podIP: "10.237.0.5" },
  },
});

/** A stopped cluster, with a key, a setting and a volume. */
async function made(): Promise<Instance> {
  const directory = join(home, "lab");
  for (const path of ["pki", "api-server", "volumes/pvc-1"])
    mkdirSync(join(directory, path), { recursive: true });
  writeFileSync(join(directory, "pki", "ca.key"), "the key", { mode: 0o600 });
  writeFileSync(join(directory, "api-server", "audit-policy-file"), "policy");
  writeFileSync(
    join(directory, "api-server", "settings.json"),
    JSON.stringify({
      "audit-policy-file": join(directory, "api-server", "audit-policy-file"),
      "audit-log-path": "/elsewhere",
    }),
  );
  writeFileSync(join(directory, "volumes", "pvc-1", "data"), "precious");
  writeFileSync(join(directory, "instance.json"), JSON.stringify(settings));
  const storage = await SqliteStorage.open({ file: join(directory, "state.db"), clock: new RealClock() });
  for (const [key, value] of Object.entries(objects(directory)))
    await storage.txn([], [{ type: "put", key, value: Buffer.from(JSON.stringify(value)) }]);
  await storage.txn([], [{ type: "put", key: "gone", value: Buffer.from("{}") }]);
  await storage.txn([], [{ type: "delete", key: "gone" }]);
  await storage.close();
  return { name: "lab", directory, settings };
}

const save = async (instance: Instance, volumes = true) =>
  await saveInstance({
    instance,
    file: join(home, "x.sampan"),
    createdAt: "2026-01-01T00:00:00Z",
    volumes,
    onStep: () => undefined,
  });

const restore = async (name: string, options: { newIdentities?: boolean; volumes?: boolean } = {}) =>
  await restoreInstance({
    file: join(home, "x.sampan"),
    name,
    newIdentities: false,
    volumes: true,
    onStep: () => undefined,
    home,
    ...options,
  });

async function stateOf(directory: string): Promise<{ revision: number; objects: Record<string, unknown> }> {
  const storage = await SqliteStorage.open({ file: join(directory, "state.db"), clock: new RealClock() });
  try {
    const { revision, items } = await storage.list("");
    return {
      revision,
      objects: Object.fromEntries(
        items.map(({ key, value }) => [key, JSON.parse(Buffer.from(value).toString()) as unknown]),
      ),
    };
  } finally {
    await storage.close();
  }
}

describe("a restored cluster", () => {
  it("is what was saved, to the revision, with its keys, settings and volumes", async () => {
    const instance = await made();
    const before = await stateOf(instance.directory);
    expect((await save(instance)).images).toEqual(["busybox"]);
    rmSync(instance.directory, { recursive: true });
    const { instance: restored } = await restore("lab");
    expect(restored.settings).toEqual(settings);
    expect(await stateOf(restored.directory)).toEqual(before);
    expect(readFileSync(join(restored.directory, "pki", "ca.key"), "utf8")).toBe("the key");
    expect(statSync(join(restored.directory, "pki", "ca.key")).mode & 0o777).toBe(0o600);
    expect(statSync(restored.directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(restored.directory, "state.db")).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(restored.directory, "volumes", "pvc-1", "data"), "utf8")).toBe("precious");
  });

  it("has addresses and paths of its own beside the one that was saved", async () => {
    const instance = await made();
    await save(instance);
    const { instance: other } = await restore("other", { newIdentities: true });
    const { podCidr, serviceCidr, interfacePrefix, apiPort } = other.settings;
    expect(serviceCidr).not.toBe(settings.serviceCidr);
    expect(interfacePrefix).toMatch(/^s.other$/);
    expect(apiPort).not.toBe(0);
    const { objects: now } = await stateOf(other.directory);
    const start = (cidr: string): string => cidr.replace(".0.0/16", "");
    expect(now["/registry/core/services/default/web"]).toMatchObject({
      spec: { clusterIP: `${start(serviceCidr)}.7.9`, clusterIPs: [`${start(serviceCidr)}.7.9`] },
    });
    expect(now["/registry/core/pods/default/a"]).toMatchObject({
      status: { podIP: `${start(podCidr)}.0.5` },
    });
    expect(now["/registry/core/persistentvolumes/pvc-1"]).toEqual({
      spec: { hostPath: { path: `${other.directory}/volumes/pvc-1` } },
    });
    expect(now["/registry/core/namespaces/kube-system"]).not.toMatchObject({ metadata: { uid: "cluster" } });
    expect(existsSync(join(other.directory, "pki"))).toBe(false);
    expect(JSON.parse(readFileSync(join(other.directory, "api-server", "settings.json"), "utf8"))).toEqual({
      "audit-policy-file": join(other.directory, "api-server", "audit-policy-file"),
      "audit-log-path": "/elsewhere",
    });
  });

  it.each([
    ["saved", false, true],
    ["restored", true, false],
  ])("has no data of volumes when it is %s without", async (_, atSave, atRestore) => {
    const instance = await made();
    await save(instance, atSave);
    const { instance: other } = await restore("other", { volumes: atRestore });
    expect(existsSync(join(other.directory, "volumes", "pvc-1"))).toBe(false);
  });

  it("is not made over another one, nor of a file that is cut or damaged; nothing is left of the attempt", async () => {
    const instance = await made();
    await save(instance);
    await expect(restore("lab")).rejects.toThrow('there is a cluster "lab" already');
    const file = join(home, "x.sampan");
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, -1));
    await expect(restore("other")).rejects.toThrow(`${file} is cut short`);
    whole[whole.byteLength - 1] = (whole.at(-1) ?? 0) ^ 1;
    writeFileSync(file, whole);
    await expect(restore("other")).rejects.toThrow(`${file} is damaged: its checksum does not match`);
    expect(readdirSync(home).toSorted()).toEqual(["lab", "x.sampan"]);
  });
});

describe("a restored cluster whose Secrets are encrypted", () => {
  const key = Buffer.alloc(32, 5).toString("base64");
  const configuration = `{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources: [secrets], providers: [{aesgcm: {keys: [{name: a, secret: "${key}"}]}}]}]}`;
  const secret = "/registry/core/secrets/default/robot";

  /** What the cluster in the folder reads there. */
  async function secretIn(directory: string): Promise<{ stored: string; read: unknown }> {
    const inner = await SqliteStorage.open({ file: join(directory, "state.db"), clock: new RealClock() });
    const parts = { clock: new RealClock(), random: new SystemRandom(), logger: silentLogger };
    const file = join(directory, "api-server", "encryption-provider-config");
    const { storage } = await EncryptedState.open({ file, inner, ...parts });
    try {
      const stored = Buffer.from((await inner.get(secret))?.value ?? []).toString("latin1");
      const read: unknown = JSON.parse(Buffer.from((await storage.get(secret))?.value ?? []).toString());
      return { stored, read };
    } finally {
      await storage.close();
    }
  }

  it("reads them, and has new tokens in them with new identities; none of it lies open in the file or the folder", async () => {
    const instance = await made();
    const file = join(instance.directory, "api-server", "encryption-provider-config");
    writeFileSync(file, configuration, { mode: 0o600 });
    const inner = await SqliteStorage.open({
      file: join(instance.directory, "state.db"),
      clock: new RealClock(),
    });
    const parts = { clock: new RealClock(), random: new SystemRandom(), logger: silentLogger };
    const { storage } = await EncryptedState.open({ file, inner, ...parts });
    const value = {
      metadata: { name: "robot" },
      type: "kubernetes.io/service-account-token",
      data: { token: "dG9rZW4=", other: "a2VwdA==" },
    };
    await storage.txn([], [{ type: "put", key: secret, value: Buffer.from(JSON.stringify(value)) }]);
    await storage.close();
    await save(instance);
    const same = await secretIn((await restore("same")).instance.directory);
    expect(same.read).toEqual(value);
    const other = await secretIn((await restore("other", { newIdentities: true })).instance.directory);
    expect(other.read).toEqual({ ...value, data: { other: "a2VwdA==" } });
    for (const { stored } of [same, other]) {
      expect(stored).toMatch(/^k8s:enc:aesgcm:v1:a:/);
      expect(stored).not.toContain("a2VwdA");
    }
  });
});

describe("objects of a cluster that moves", () => {
  const here: Place = { podCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/16", directory: "/a", node: "one" };

  it("stay as they are where nothing differs", () => expect(movingRules(here, here)).toEqual([]));

  it.each([
    ["an address", "core/services/d/w", '{"ip":"10.96.1.2"}', '{"ip":"10.97.1.2"}'],
    [
      "an address in managed fields",
      "core/services/d/w",
      '{"k:{\\"ip\\":\\"10.96.1.2\\"}":{}}',
      '{"k:{\\"ip\\":\\"10.97.1.2\\"}":{}}',
    ],
    [
      "a range",
      "networking.k8s.io/servicecidrs/kubernetes",
      '{"cidrs":["10.96.0.0/16"]}',
      '{"cidrs":["10.97.0.0/16"]}',
    ],
    ["an address within a text", "core/services/d/w", '{"note":"not 10.96.1.2"}', '{"note":"not 10.96.1.2"}'],
    ["an address of elsewhere", "core/services/d/w", '{"ip":"110.96.1.2"}', '{"ip":"110.96.1.2"}'],
    [
      "the node of a pod",
      "core/pods/d/p",
      '{"spec":{"nodeName":"one","x":"one"}}',
      '{"spec":{"nodeName":"two","x":"one"}}',
    ],
    ["what says nothing of it", "core/pods/d/p", '{"spec":{"x":1}}', '{"spec":{"x":1}}'],
  ])("change %s", (_, path, before, after) => {
    const key = `/registry/${path}`;
    let text = before;
    for (const rule of movingRules(here, { ...here, serviceCidr: "10.97.0.0/16", node: "two" })) {
      if (!key.startsWith(rule.prefix)) continue;
      const rewritten = rule.rewrite(key, text);
      if (rewritten !== undefined && rewritten !== "remove") text = rewritten.text;
    }
    expect(JSON.parse(text)).toEqual(JSON.parse(after));
  });

  it("change the names of addresses and nodes in their keys", () => {
    const keys = movingRules(here, { ...here, serviceCidr: "10.97.0.0/16", node: "two" }).flatMap((rule) => {
      const rewritten = [
        rule.rewrite(`${rule.prefix}10.96.1.2`, '{"metadata":{}}'),
        rule.rewrite(`${rule.prefix}one`, '{"metadata":{}}'),
      ];
      return rewritten.flatMap((result) => (result === undefined || result === "remove" ? [] : [result.key]));
    });
    expect(keys).toContain("/registry/networking.k8s.io/ipaddresses/10.97.1.2");
    expect(keys).toContain("/registry/core/nodes/two");
  });
});
