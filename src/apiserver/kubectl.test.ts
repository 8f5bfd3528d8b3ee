import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { TestApi } from "./testing/api.ts";
import { type HttpsFixture, listenForTest } from "./testing/https.ts";
import { startTestServer } from "./testing/test-server.ts";

/** A client that others wrote: what it makes of our answers is the measure. */
const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: "nginx:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: page}
data: {text: hello}
`;

let https: HttpsFixture;
let folder: string;

interface Run {
  readonly code: number;
  readonly out: string;
}

function kubectl(...args: string[]): Promise<Run> {
  const env = { ...process.env, KUBECONFIG: join(folder, "kubeconfig"), HOME: folder };
  return new Promise((resolve) => {
    execFile("kubectl", args, { env, cwd: folder }, (error, stdout, stderr) => {
      const text = `${stdout}${stderr}`.replace(/^WARNING: version difference.*\n/gm, "");
      resolve({ code: typeof error?.code === "number" ? error.code : 0, out: text });
    });
  });
}

beforeAll(async () => {
  if (!hasKubectl) return;
  const clock = new RealClock();
  const { server, transport } = await startTestServer({ clock });
  const api = new TestApi(transport);
  for (const name of ["default", "other"]) await api.post("/api/v1/namespaces", { metadata: { name } });
  https = await listenForTest(server, clock.now());
  folder = mkdtempSync(join(tmpdir(), "sampan-kubectl-"));
  writeFileSync(join(folder, "manifest.yaml"), manifest);
  const ca = Buffer.from(https.authority.certificate).toString("base64");
  writeFileSync(
    join(folder, "kubeconfig"),
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: "c",
          cluster: { server: `https://127.0.0.1:${https.port}`, "certificate-authority-data": ca },
        },
      ],
      users: [{ name: "u", user: { token: "admin" } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      "current-context": "c",
    }),
  );
});

afterAll(async () => {
  if (!hasKubectl) return;
  await https.close();
  rmSync(folder, { recursive: true });
});

describe.skipIf(!hasKubectl)("kubectl", () => {
  test("applies a manifest, and sees no difference the second time", async () => {
    expect(await kubectl("apply", "-f", "manifest.yaml")).toEqual({
      code: 0,
      out: "deployment.apps/web created\nconfigmap/page created\n",
    });
    expect(await kubectl("diff", "-f", "manifest.yaml")).toEqual({ code: 0, out: "" });
    expect((await kubectl("apply", "-f", "manifest.yaml")).out).toBe(
      "deployment.apps/web unchanged\nconfigmap/page unchanged\n",
    );
  });

  test("shows tables, YAML and single fields", async () => {
    expect((await kubectl("get", "deployments", "-o", "wide")).out).toMatch(
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb +0\/2 +0 +0 +\d+s +c +nginx:1 +app=web\n$/,
    );
    expect((await kubectl("get", "cm", "page", "-o", "yaml")).out).toContain(
      "\ndata:\n  text: hello\nkind: ConfigMap\n",
    );
    expect((await kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}")).out).toBe("2");
    expect((await kubectl("get", "cm", "-A", "-o", "name")).out).toBe("configmap/page\n");
  });

  test("scales, labels, annotates and patches", async () => {
    expect((await kubectl("scale", "deploy", "web", "--replicas=5")).out).toBe(
      "deployment.apps/web scaled\n",
    );
    expect((await kubectl("label", "deploy", "web", "tier=front")).out).toBe("deployment.apps/web labeled\n");
    expect((await kubectl("annotate", "cm", "page", "note=x")).out).toBe("configmap/page annotated\n");
    for (const [type, patch] of [
      ["strategic", '{"spec":{"paused":true}}'],
      ["merge", '{"spec":{"paused":null}}'],
      [
        "json",
        '[{"op":"test","path":"/spec/replicas","value":5},{"op":"replace","path":"/spec/replicas","value":6}]',
      ],
    ] as const) {
      expect((await kubectl("patch", "deploy", "web", `--type=${type}`, "-p", patch)).out).toBe(
        "deployment.apps/web patched\n",
      );
    }
    expect(
      (await kubectl("get", "deploy", "-l", "tier=front", "-o", "jsonpath={.items[0].spec.replicas}")).out,
    ).toBe("6");
  });

  test("learns of conflicts in server-side apply", async () => {
    const conflict = await kubectl("apply", "--server-side", "-f", "manifest.yaml");
    expect(conflict.code).toBe(1);
    expect(conflict.out).toContain(".spec.replicas");
    expect((await kubectl("apply", "--server-side", "--force-conflicts", "-f", "manifest.yaml")).code).toBe(
      0,
    );
  });

  test("explains fields and lists resources", async () => {
    expect((await kubectl("explain", "deploy.spec.replicas")).out).toContain("FIELD: replicas <integer>");
    expect((await kubectl("api-resources", "--api-group=apps", "-o", "name")).out).toBe(
      "controllerrevisions.apps\ndaemonsets.apps\ndeployments.apps\nreplicasets.apps\nstatefulsets.apps\n",
    );
  });

  test("speaks protobuf when it creates", async () => {
    expect((await kubectl("create", "configmap", "made", "--from-literal=a=b")).out).toBe(
      "configmap/made created\n",
    );
    expect((await kubectl("create", "configmap", "made")).out).toBe(
      'error: failed to create configmap: configmaps "made" already exists\n',
    );
  });

  test("refuses unknown fields by name", async () => {
    writeFileSync(
      join(folder, "odd.yaml"),
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\ndta: {}\n",
    );
    const { code, out } = await kubectl("apply", "-f", "odd.yaml");
    expect(code).toBe(1);
    expect(out).toContain('strict decoding error: unknown field "dta"');
    expect((await kubectl("apply", "--validate=warn", "-f", "odd.yaml")).out).toContain(
      'Warning: unknown field "dta"\n',
    );
  });

  test("waits by watching", async () => {
    await kubectl("create", "configmap", "watched");
    const waiting = kubectl("wait", "cm/watched", "--for=delete", "--timeout=20s");
    const labelled = kubectl("wait", "cm/watched", "--for=jsonpath={.metadata.labels.a}=b", "--timeout=20s");
    await kubectl("label", "cm", "watched", "a=b");
    expect((await labelled).out).toBe("configmap/watched condition met\n");
    await kubectl("delete", "cm", "watched");
    expect((await waiting).out).toBe("configmap/watched condition met\n");
  });

  test("deletes", async () => {
    expect((await kubectl("delete", "-f", "manifest.yaml")).out).toMatch(
      /^deployment.apps "web" deleted.*\nconfigmap "page" deleted.*\n$/,
    );
    expect((await kubectl("get", "deploy", "web")).out).toBe(
      'Error from server (NotFound): deployments.apps "web" not found\n',
    );
  });
});
