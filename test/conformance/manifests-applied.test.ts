import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isObject } from "../../src/apimachinery/json.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import { parseYamlDocuments } from "../../src/apimachinery/yaml.ts";
import { eventually, TestCluster } from "../harness/cluster.ts";
import { type Finished, type Kubectl, kubectlBinaries } from "../harness/kubectl.ts";
import { refused } from "./manifests-refused.ts";

/**
 * Every manifest of others is applied twice with the real kubectl, on the client's side and on the server's: the second
 * time changes nothing. Files go to kubectl by the dozen: those of one batch name no object twice. No controller writes
 * to the objects here, so that whatever changes was changed by kubectl.
 */
const folder = fileURLToPath(new URL("../../../shared/manifests/", import.meta.url));
const isEvery = process.env["SAMPAN_EVERY_KUBECTL"] === "1";
const files = existsSync(folder)
  ? globSync("**/*.{yaml,yml,json}", { cwd: folder })
      .sort()
      .filter((file) => refused[file] === undefined)
  : [];
const binaries = kubectlBinaries(["1.27", "1.30", "1.33"]);

/** A batch is kept in a namespace of its own, unless its files name others. */
interface Batch {
  readonly files: string[];
  readonly names: Set<string>;
  /** Limits and quotas would hold others back. */
  readonly isAlone: boolean;
}

function objectsOf(file: string): UnstructuredObject[] {
  return parseYamlDocuments(readFileSync(join(folder, file), "utf8"))
    .filter(isObject)
    .flatMap((document) =>
      Array.isArray(document["items"]) ? (document["items"] as UnstructuredObject[]) : [document as never],
    );
}

function batchesOf(chosen: readonly string[]): Batch[] {
  const batches: Batch[] = [];
  for (const file of chosen) {
    const objects = objectsOf(file);
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
    const isAlone = objects.some(({ kind }) => kind === "LimitRange" || kind === "ResourceQuota");
    let batch = isAlone
      ? undefined
      : batches.find((each) => !each.isAlone && names.every((name) => !each.names.has(name)));
    if (batch === undefined) {
      batch = { files: [], names: new Set(), isAlone };
      batches.push(batch);
    }
    batch.files.push(file);
    for (const name of names) batch.names.add(name);
  }
  return batches;
}

/** Whoever writes to what is applied here, or takes it away because what it belongs to is missing. */
const writers = [
  "clusterrole-aggregation-controller",
  "cronjob-controller",
  "daemonset-controller",
  "deployment-controller",
  "disruption-controller",
  "endpoints-controller",
  "endpointslice-controller",
  "endpointslice-mirroring-controller",
  "ephemeral-volume-controller",
  "job-controller",
  "local-provisioner-controller",
  "node-lifecycle-controller",
  "persistentvolume-binder-controller",
  "pod-garbage-collector-controller",
  "replicaset-controller",
  "replicationcontroller-controller",
  "resourcequota-controller",
  "service-lb-controller",
  "serviceaccount-token-controller",
  "statefulset-controller",
  "taint-eviction-controller",
];

let cluster: TestCluster;

async function makeNamespace(name: string): Promise<void> {
  const { transport } = cluster.cluster.client();
  const body = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
  await transport.request({ method: "POST", path: "/api/v1/namespaces", body }).catch(() => undefined);
  const path = `/api/v1/namespaces/${name}/serviceaccounts/default`;
  await eventually(() => transport.request({ method: "GET", path }));
}

beforeAll(async () => {
  if (files.length === 0 || binaries.length === 0) return;
  cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    controllers: (name) => !writers.includes(name),
  });
  const named = files.flatMap(objectsOf).flatMap(({ metadata }) => metadata.namespace ?? []);
  await Promise.all([...new Set(named)].map(makeNamespace));
});

afterAll(async () => {
  await cluster?.stop();
});

/** kubectl's own words about a failure; warnings are none. */
const errorsOf = ({ code, stderr }: Finished): object => ({
  code,
  errors: stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Warning:")),
});
const clean = { code: 0, errors: [] };

describe.skipIf(files.length === 0 || binaries.length === 0)(
  `manifests${files.length === 0 ? " (no ../shared)" : binaries.length === 0 ? " (no kubectl in PATH)" : ""}`,
  () => {
    describe.each(binaries)("by kubectl $version", ({ version, path }) => {
      // One version for all of them, the others for what one batch holds of the documentation.
      const isNewest = version === binaries.at(-1)?.version;
      const batches = batchesOf(
        isNewest || isEvery ? files : files.filter((_file, index) => index % 20 === 0),
      );
      const numbered = batches.map((batch, index) => ({ ...batch, index, count: batch.files.length }));

      test.each(numbered)(
        "batch $index of $count files",
        async ({ index, files: chosen }) => {
          const namespace = `applied-${version.replaceAll(/\W/g, "-").toLowerCase()}-${index}`;
          await makeNamespace(namespace);
          const kubectl = cluster.kubectl(path, namespace);
          const args = chosen.flatMap((file) => ["-f", join(folder, file)]);
          await appliedTwice(kubectl, args);
          await appliedOnTheServer(kubectl, args);
          // Pods that name a node have nobody there to end them.
          const deleted = await kubectl(["delete", "--wait=false", "--force", ...args]);
          expect(errorsOf(deleted)).toEqual(clean);
          await eventually(async () => {
            const left = await kubectl(["get", "--ignore-not-found", "-o", "name", ...args]);
            expect(left.stdout).toBe("");
          });
          // Six commands over 150 files: seconds where nothing else runs, minutes where all that there is does.
        },
        400_000,
      );
    });
  },
);

/** Object by object, what a change would touch. */
async function versions(kubectl: Kubectl, args: readonly string[]): Promise<string> {
  const columns = "KIND:.kind,NAME:.metadata.name,VERSION:.metadata.resourceVersion";
  const { stdout } = await kubectl(["get", ...args, "-o", `custom-columns=${columns}`]);
  return stdout;
}

async function appliedTwice(kubectl: Kubectl, args: readonly string[]): Promise<void> {
  expect(errorsOf(await kubectl(["apply", ...args]))).toEqual(clean);
  const before = await versions(kubectl, args);
  const again = await kubectl(["apply", ...args]);
  expect(errorsOf(again)).toEqual(clean);
  // A patch that only says which fields to keep is sent, and kubectl calls that configured; nothing changes by it.
  expect(again.stdout.split("\n").filter((line) => !/ (unchanged|configured)$|^$/.test(line))).toEqual([]);
  expect(await versions(kubectl, args)).toBe(before);
  expect(await kubectl(["diff", ...args])).toMatchObject({ code: 0, stdout: "" });
}

async function appliedOnTheServer(kubectl: Kubectl, args: readonly string[]): Promise<void> {
  const apply = ["apply", "--server-side", "--force-conflicts", ...args];
  expect(errorsOf(await kubectl(apply))).toEqual(clean);
  const before = await versions(kubectl, args);
  expect(errorsOf(await kubectl(apply))).toEqual(clean);
  expect(await versions(kubectl, args)).toBe(before);
  expect(await kubectl(["diff", "--server-side", "--force-conflicts", ...args])).toMatchObject({
    code: 0,
    stdout: "",
  });
}
