import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { eventually, type Following, type RunningCluster, repository } from "./sampan.ts";

const manifest = join(repository, "../shared/manifests/nginx-statefulset.yaml");

/** Section 4.2 of the plan: somebody's StatefulSet, unchanged, with the storage class and the image that it names. */
export function statefulSetTests(given: () => RunningCluster): void {
  describe.skipIf(!existsSync(manifest))("nginx-statefulset.yaml", { timeout: 60_000 }, () => {
    let cluster: RunningCluster;
    let watch: Following;

    beforeAll(async () => {
      cluster = given();
      await cluster.apply(`
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: managed-nfs-storage }
provisioner: sampan.dev/local
---
apiVersion: v1
kind: Pod
metadata: { name: visitor }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - { name: visitor, image: busybox, command: [sleep, "3600"] }
`);
    });

    /** Follows the pods from here on: one line per change, with its kind. */
    const startWatch = (): void => {
      watch = cluster.follow([
        "get",
        "pods",
        "-l",
        "app=nginx",
        "-w",
        "--output-watch-events",
        "--no-headers",
      ]);
    };

    it("two pods start in order, each with its claim bound", async () => {
      startWatch();
      await cluster.apply(readFileSync(manifest, "utf8"));
      await cluster.rollout("statefulset/web");
      const lines = (await watch.until(/MODIFIED +web-1 +1\/1 +Running/)).split("\n");
      await watch.stop();
      const ready = lines.findIndex((line) => /web-0 +1\/1 +Running/.test(line));
      const next = lines.findIndex((line) => line.includes("web-1"));
      expect(next).toBeGreaterThan(ready);
      for (const pod of ["web-0", "web-1"]) {
        expect(await cluster.get(`pvc www-${pod}`, ".status.phase")).toBe("Bound");
        expect(
          await cluster.get(`pod ${pod}`, ".spec.volumes[?(@.name=='www')].persistentVolumeClaim.claimName"),
        ).toBe(`www-${pod}`);
      }
    });

    it("the missing imagePullSecret is a warning event and nothing more", async () => {
      const events = await eventually(async () => {
        const text = await cluster.events("Pod", "web-0");
        expect(text).toContain("Warning FailedToRetrieveImagePullSecret ");
        return text;
      });
      const warnings = events.split("\n").filter((line) => /^Warning (?!FailedScheduling)/.test(line));
      expect(warnings).toEqual([
        "Warning FailedToRetrieveImagePullSecret Unable to retrieve some image pull secrets (huoban-harbor); attempting to pull the image may not succeed.",
      ]);
    });

    it("an event says that the imported image satisfies pull policy Always", async () => {
      expect(await cluster.get("pod web-0", ".spec.containers[0].imagePullPolicy")).toBe("Always");
      expect(await cluster.events("Pod", "web-0")).toMatch(
        /^Normal Pulled .*"nginx:latest".*imported.*Always/m,
      );
    });

    it("a page in a pod's volume is served under the pod's stable name", async () => {
      await cluster.kubectl(["wait", "pod/visitor", "--for=condition=Ready", "--timeout=20s"]);
      for (const pod of ["web-0", "web-1"]) {
        await cluster.sh(pod, `echo 'page of ${pod}' > /usr/share/nginx/html/index.html`);
      }
      for (const name of ["web-0.nginx.default.svc.cluster.local", "web-0.nginx"]) {
        expect(await cluster.sh("visitor", `timeout 5 wget -qO- http://${name}/`)).toBe("page of web-0\n");
      }
      expect(await cluster.sh("visitor", "timeout 5 wget -qO- http://web-1.nginx/")).toBe("page of web-1\n");
    });

    it("a deleted pod comes back under its name with its data", async () => {
      const before = await cluster.get("pod web-0", ".metadata.uid");
      await cluster.kubectl(["delete", "pod", "web-0"]);
      await eventually(async () => expect(await cluster.get("pod web-0", ".metadata.uid")).not.toBe(before));
      await cluster.waitFor("pod/web-0", "condition=Ready");
      await eventually(async () =>
        expect(await cluster.sh("visitor", "timeout 5 wget -qO- http://web-0.nginx/")).toBe(
          "page of web-0\n",
        ),
      );
    });

    it("scales to three and to one in order", async () => {
      await cluster.kubectl(["scale", "statefulset", "web", "--replicas=3"]);
      await cluster.rollout("statefulset/web");
      expect(await cluster.get("pods -l app=nginx", ".items[*].metadata.name")).toBe("web-0 web-1 web-2");
      startWatch();
      await watch.until(/ADDED +web-2/);
      await cluster.kubectl(["scale", "statefulset", "web", "--replicas=1"]);
      const lines = (await watch.until(/DELETED +web-1/, 30_000)).split("\n");
      await watch.stop();
      const gone = lines.findIndex((line) => /DELETED +web-2/.test(line));
      const next = lines.findIndex((line) => /web-1 .*Terminating|web-1 .*Completed/.test(line));
      expect(gone).toBeGreaterThan(0);
      expect(next).toBeGreaterThan(gone);
      expect(await cluster.get("pods -l app=nginx", ".items[*].metadata.name")).toBe("web-0");
      // Claims outlive the pods that used them.
      expect(await cluster.get("pvc", ".items[*].metadata.name")).toBe("www-web-0 www-web-1 www-web-2");
    });
  });
}
