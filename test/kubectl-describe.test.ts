/**
 * `describe` by the built-in client and by kubectl, of objects of every kind that the examples of the Kubernetes
 * documentation have: as they are soon after they were applied, and again when their pods run or have failed.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kubectl } from "../src/kubectl/index.ts";
import { capturedIo } from "../src/kubectl/testing/captured-io.ts";
import { TestCluster } from "./harness/cluster.ts";
import { type Kubectl, kubectlBinaries } from "./harness/kubectl.ts";

const [binary] = kubectlBinaries(["1.33"]);
const manifests = resolve(import.meta.dirname, "../../shared/manifests/kubernetes-docs");
const isReady = binary !== undefined && existsSync(manifests);

/** Of each type so many are described. */
const perType = 4;

/** kubectl goes through maps in any order here. */
const unordered = new Set(["configmaps", "limitranges", "namespaces", "secrets"]);

const inOrder = (type: string, text: string): string =>
  unordered.has(type) ? text.split("\n").sort().join("\n") : text;

/** Ages and times. */
const mask = (text: string): string =>
  text
    .replaceAll(/\b\d+(?:s|m\d*s?|h\d*m?)\b/g, "AGE")
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, "TIME")
    .replaceAll(/ {2,}/g, " ");

describe.skipIf(!isReady)(
  "the documentation's objects, as the built-in client and kubectl describe them",
  () => {
    let cluster: TestCluster;
    let real: Kubectl;

    beforeAll(async () => {
      cluster = await TestCluster.start();
      real = cluster.kubectl(binary?.path ?? "", "docs");
      await real(["create", "namespace", "docs"]);
      // Some of the examples are meant to be refused.
      await real(["apply", "-R", "-f", manifests, "--validate=ignore"]);
      await real(["wait", "--for=condition=Ready", "pods", "--all", "--timeout=3s"]);
    });
    afterAll(async () => await cluster.stop());

    async function ours(argv: readonly string[]) {
      const io = capturedIo({
        environment: { KUBECONFIG: cluster.kubeconfig("docs"), HOME: cluster.folder },
      });
      const code = await kubectl(argv, { io });
      return { code, stdout: mask(io.stdout()), stderr: mask(io.stderr()) };
    }

    it.each([
      "pods",
      "deployments",
      "replicasets",
      "statefulsets",
      "daemonsets",
      "jobs",
      "cronjobs",
      "replicationcontrollers",
      "services",
      "endpointslices",
      "ingresses",
      "ingressclasses",
      "networkpolicies",
      "configmaps",
      "secrets",
      "serviceaccounts",
      "roles",
      "rolebindings",
      "clusterroles",
      "clusterrolebindings",
      "limitranges",
      "resourcequotas",
      "poddisruptionbudgets",
      "horizontalpodautoscalers",
      "persistentvolumes",
      "persistentvolumeclaims",
      "storageclasses",
      "priorityclasses",
      "runtimeclasses",
      "volumeattributesclasses",
      "validatingadmissionpolicies",
      "customresourcedefinitions",
      "certificatesigningrequests",
      "nodes",
      "namespaces",
      "leases",
      "flowschemas",
      "prioritylevelconfigurations",
      "apiservices",
    ])("%s", async (type) => {
      const { stdout } = await real(["get", type, "-o", "name"]);
      const names = stdout.split("\n").filter((name) => name !== "");
      if (names.length === 0) return;
      const argv = ["describe", ...names.slice(0, perType), "--show-events=false"];
      const [theirs, own] = await Promise.all([real(argv), ours(argv)]);
      expect(inOrder(type, own.stdout)).toBe(inOrder(type, mask(theirs.stdout)));
      expect([own.code, own.stderr]).toEqual([theirs.code, mask(theirs.stderr)]);
    });
  },
);
