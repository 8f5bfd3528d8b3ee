import { describe, expect, test } from "vitest";
import type { Pod, ServiceAccount as ServiceAccountObject } from "../../api/types/core-v1.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { ServiceAccount } from "./service-account.ts";
import { attributesOf, podWith, run, verdictOf } from "./testing/attributes.ts";
import { FakeReader } from "./testing/fake-reader.ts";

const account = (name: string, rest: object = {}, metadata: object = {}) => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: "default", ...metadata },
  ...rest,
});

function setup(...accounts: object[]) {
  const clock = new VirtualClock();
  const reader = new FakeReader().put("serviceaccounts", ...(accounts as ServiceAccountObject[]));
  return { clock, reader, plugin: new ServiceAccount({ reader, clock, random: new SeededRandom(1) }) };
}

async function admitted(pod: object, ...accounts: object[]): Promise<Pod> {
  const attributes = attributesOf({ object: pod });
  await run(setup(...accounts).plugin, attributes);
  return attributes.object as unknown as Pod;
}

describe("ServiceAccount", () => {
  test("a pod without an account gets the default one, in both of its fields, and its token", async () => {
    const { spec } = await admitted(podWith({ initContainers: [{ name: "i" }] }), account("default"));
    const [volume] = spec?.volumes ?? [];
    expect(spec).toMatchObject({ serviceAccountName: "default", serviceAccount: "default" });
    expect(volume?.name).toMatch(/^kube-api-access-[b-z2-9]{5}$/);
    expect(volume?.projected).toEqual({
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
        { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
        {
          downwardAPI: {
            items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
          },
        },
      ],
    });
    const mount = {
      name: volume?.name,
      readOnly: true,
      mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
    };
    expect(spec?.containers[0]?.volumeMounts).toEqual([mount]);
    expect(spec?.initContainers?.[0]?.volumeMounts).toEqual([mount]);
  });

  test("the old name of the field is understood", async () => {
    const { spec } = await admitted(podWith({ serviceAccount: "robot" }), account("robot"));
    expect(spec?.serviceAccountName).toBe("robot");
  });

  test.each<[string, object, object, boolean]>([
    ["by the pod", { automountServiceAccountToken: false }, {}, false],
    ["by the account", {}, { automountServiceAccountToken: false }, false],
    [
      "by the account, but the pod asks for it",
      { automountServiceAccountToken: true },
      { automountServiceAccountToken: false },
      true,
    ],
    ["by nobody", {}, {}, true],
  ])("the token may be declined: %s", async (_who, spec, rest, mounted) => {
    const pod = await admitted(podWith(spec), account("default", rest));
    expect(pod.spec?.volumes !== undefined).toBe(mounted);
  });

  test("a mount of the pod's own at the token's path is left alone", async () => {
    const own = { name: "mine", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" };
    const { spec } = await admitted(
      podWith({ containers: [{ name: "c", volumeMounts: [own] }] }),
      account("default"),
    );
    expect(spec?.containers[0]?.volumeMounts).toEqual([own]);
    expect(spec?.volumes).toBeUndefined();
  });

  test("a token volume that is there already is used", async () => {
    const volume = { name: "kube-api-access-zzzzz", projected: { sources: [] } };
    const { spec } = await admitted(podWith({ volumes: [volume] }), account("default"));
    expect(spec?.volumes).toEqual([volume]);
    expect(spec?.containers[0]?.volumeMounts?.[0]?.name).toBe("kube-api-access-zzzzz");
  });

  test("pull secrets come from the account unless the pod has its own", async () => {
    const robot = account("default", { imagePullSecrets: [{ name: "registry" }] });
    expect((await admitted(podWith(), robot)).spec?.imagePullSecrets).toEqual([{ name: "registry" }]);
    const own = podWith({ imagePullSecrets: [{ name: "mine" }] });
    expect((await admitted(own, robot)).spec?.imagePullSecrets).toEqual([{ name: "mine" }]);
  });

  test("an account that does not exist is refused at once", async () => {
    const { plugin } = setup(account("default"));
    expect(await verdictOf(plugin, attributesOf({ object: podWith({ serviceAccountName: "ghost" }) }))).toBe(
      'pods "web" is forbidden: error looking up service account default/ghost: serviceaccount "ghost" not found',
    );
  });

  test("the default account of a new namespace is waited for", async () => {
    const { plugin, reader } = setup();
    const verdict = verdictOf(plugin, attributesOf({ object: podWith() }));
    reader.put("serviceaccounts", account("other"), account("default"));
    expect(await verdict).toBe("admitted");
  });

  test("but not for long", async () => {
    const { plugin, clock } = setup();
    const verdict = verdictOf(plugin, attributesOf({ object: podWith() }));
    await clock.advance(1000);
    expect(await verdict).toMatch(/serviceaccount "default" not found$/);
  });

  const mirror = { annotations: { "kubernetes.io/config.mirror": "x" } };
  test.each<[string, object, string]>([
    ["nothing", {}, "admitted"],
    ["an account", { serviceAccountName: "default" }, "a mirror pod may not reference service accounts"],
    [
      "a secret",
      { volumes: [{ name: "v", secret: { secretName: "s" } }] },
      "a mirror pod may not reference secrets",
    ],
    [
      "a secret in its environment",
      { containers: [{ name: "c", envFrom: [{ secretRef: { name: "s" } }] }] },
      "a mirror pod may not reference secrets",
    ],
    [
      "a token",
      { volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] },
      "a mirror pod may not use ServiceAccountToken volume projections",
    ],
  ])("a mirror pod may refer to %s", async (_what, spec, verdict) => {
    const { plugin } = setup(account("default"));
    const attributes = attributesOf({ object: podWith(spec, mirror) });
    expect(await verdictOf(plugin, attributes)).toContain(verdict);
    expect((attributes.object as unknown as Pod).spec).not.toHaveProperty("serviceAccount");
  });

  const strict = account(
    "strict",
    { secrets: [{ name: "mine" }], imagePullSecrets: [{ name: "registry" }] },
    { annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } },
  );
  test.each<[string, object, string]>([
    ["its own secrets", { volumes: [{ name: "v", secret: { secretName: "mine" } }] }, "admitted"],
    [
      "others as volumes",
      { volumes: [{ name: "v", secret: { secretName: "other" } }] },
      'volume with secret.secretName="other" is not allowed because service account strict does not reference that secret',
    ],
    [
      "others in the environment",
      {
        containers: [
          { name: "c", env: [{ name: "A", valueFrom: { secretKeyRef: { name: "other", key: "k" } } }] },
        ],
      },
      'container c with envVar A referencing secret.secretName="other" is not allowed because service account strict does not reference that secret',
    ],
    [
      "others to pull with",
      { imagePullSecrets: [{ name: "other" }] },
      'imagePullSecrets[0].name="other" is not allowed because service account strict does not reference that imagePullSecret',
    ],
  ])("an account that limits its secrets: %s", async (_what, spec, verdict) => {
    const { plugin } = setup(strict);
    const attributes = attributesOf({ object: podWith({ serviceAccountName: "strict", ...spec }) });
    expect(await verdictOf(plugin, attributes)).toContain(verdict);
  });
});
