import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox } from "../images/build.ts";
import { eventually, Home, RunningCluster } from "./sampan.ts";

const manifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 1
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: db
          image: busybox
          command: [sh, -c, 'echo started >> /data/starts; exec httpd -f -p 8080 -h /data']
          volumeMounts: [{ name: data, mountPath: /data }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { selector: { app: db }, ports: [{ port: 80, targetPort: 8080 }] }
`;

/** Clusters with real containers are saved, copied, and brought back with the data of their volumes. */
export function snapshotTests(): void {
  describe("a snapshot", { timeout: 120_000 }, () => {
    const name = "e2e-snap";
    const copy = "e2e-fork";
    let home: Home;
    let cluster: RunningCluster;

    beforeAll(async () => {
      home = new Home();
      cluster = new RunningCluster(home, name);
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", name]);
      await home.must(["up", home.write("db.yaml", manifest), "--name", name]);
    }, 120_000);
    afterAll(async () => {
      await home.sampan(["down", "--purge", "--name", copy]);
      await home.leave();
    });

    const clusterId = (of: RunningCluster): Promise<string> =>
      of.get("namespace kube-system", ".metadata.uid");

    const answerTo = async (token: string, of: string): Promise<string> => {
      const url = `https://127.0.0.1:${home.settings(of).apiPort}/api/v1/nodes`;
      const asked = [
        "-sk",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        `Authorization: Bearer ${token}`,
        url,
      ];
      return (await home.run("curl", asked)).stdout;
    };

    it("is copied into a cluster that runs beside it: with its data, its images, and addresses of its own", async () => {
      await home.must(["snapshot", "fork", name, copy]);
      const fork = new RunningCluster(home, copy);
      await fork.rollout("statefulset/db");
      await eventually(async () =>
        expect(await fork.sh("db-0", "cat /data/starts")).toBe("started\nstarted\n"),
      );
      await fork.sh("db-0", "echo changed > /data/mine");
      expect(await cluster.sh("db-0", "cat /data/starts; ls /data")).toBe("started\nstarts\n");
      const url = `http://${await fork.get("service db", ".spec.clusterIP")}/starts`;
      expect(await cluster.get("service db", ".spec.clusterIP")).not.toBe(
        await fork.get("service db", ".spec.clusterIP"),
      );
      await eventually(async () =>
        expect((await home.run("curl", ["-sf", url])).stdout).toBe("started\nstarted\n"),
      );
      expect(await clusterId(fork)).not.toBe(await clusterId(cluster));
      const token = (await fork.kubectl(["create", "token", "default"])).trim();
      expect(await answerTo(token, copy)).toBe("403");
      expect(await answerTo(token, name)).toBe("401");
      await home.must(["down", "--purge", "--name", copy]);
      expect(await cluster.sh("db-0", "cat /data/starts")).toBe("started\n");
    });

    it("brings the cluster back after its purge, as it was, and names the images that it lacks", async () => {
      const before = await clusterId(cluster);
      const uid = await cluster.get("pod db-0", ".metadata.uid");
      await home.must(["snapshot", "save", "loaded", "--cluster", name]);
      await home.must(["down", "--purge", "--name", name]);
      const restored = await home.must(["snapshot", "restore", "loaded", "--no-start"]);
      expect(restored).toMatch(/Images that it does not have.*\n {2}busybox\n/);
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", name]);
      await home.must(["up", "--name", name]);
      await cluster.rollout("statefulset/db");
      await eventually(async () =>
        expect(await cluster.sh("db-0", "cat /data/starts")).toBe("started\nstarted\n"),
      );
      expect(await clusterId(cluster)).toBe(before);
      expect(await cluster.get("pod db-0", ".metadata.uid")).toBe(uid);
      await home.must(["snapshot", "delete", "loaded"]);
    });

    it("leaves no half of a cluster when it is killed", async () => {
      await home.must(["snapshot", "save", "loaded", "--cluster", name]);
      for (const afterMs of [150, 250, 350, 450]) {
        const { code } = await home.sampan(["snapshot", "restore", "loaded", "--as", copy, "--no-start"], {
          timeoutMs: afterMs,
        });
        const made = readdirSync(join(home.folder, "clusters")).includes(copy);
        const status = await home.sampan(["status", "--name", copy]);
        // Either it is there, whole and ready to be started, or nobody has heard of it.
        expect(status.stderr.includes(`there is no cluster "${copy}"`), `${afterMs} ms, ${code}`).toBe(!made);
        if (made) await home.must(["down", "--purge", "--name", copy]);
      }
      await home.must(["snapshot", "restore", "loaded", "--as", copy, "--no-start"]);
      expect(readdirSync(join(home.folder, "clusters")).filter((entry) => entry.endsWith(".tmp"))).toEqual(
        [],
      );
    });
  });
}
