import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox } from "../images/build.ts";
import { leftovers, processes } from "./leftovers.ts";
import { eventually, Home, page, RunningCluster } from "./sampan.ts";

const manifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 2
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: db
          image: busybox
          command: [sh, -c, 'echo "$HOSTNAME" >> /data/starts; mkdir -p /www; cp /data/starts /www/index.html; exec httpd -f -p 8080 -h /www']
          volumeMounts: [{ name: data, mountPath: /data }, { name: memory, mountPath: /memory }]
      volumes: [{ name: memory, emptyDir: { medium: Memory } }]
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
---
apiVersion: v1
kind: Service
metadata: { name: db }
spec: { selector: { app: db }, ports: [{ port: 80, targetPort: 8080 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: done }
spec: { restartPolicy: Never, containers: [{ name: done, image: busybox, command: [echo, once] }] }
`;

/** Pods come back by themselves after the machine was started anew. */
export function rebootTests(): void {
  describe("a machine that is started anew", { timeout: 120_000 }, () => {
    const name = "e2e-reboot";
    let home: Home;
    let cluster: RunningCluster;

    beforeAll(async () => {
      home = new Home();
      cluster = new RunningCluster(home, name);
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", name]);
      await home.must(["up", home.write("db.yaml", manifest), "--name", name]);
    }, 120_000);
    afterAll(() => home.leave());

    /** Takes away what a reboot takes away: processes, mounts, interfaces, routes, tables and groups. Files stay. */
    const reboot = async (): Promise<void> => {
      const { interfacePrefix, podCidr } = home.settings(name);
      const directory = join(home.folder, "clusters", name);
      process.kill(home.serverPid(name), "SIGKILL");
      const ours = (): number[] =>
        processes()
          .filter((line) => line.includes(directory) || line.includes(`/${interfacePrefix}/`))
          .map((line) => Number(line.split(" ")[1]));
      await eventually(() => {
        for (const pid of ours()) process.kill(pid, "SIGKILL");
        expect(ours()).toEqual([]);
      });
      const script = `
        cut -d' ' -f5 /proc/self/mountinfo | grep "^${directory}/" | tac | while read -r target; do umount -l "$target"; done
        for link in $(ls /sys/class/net | grep '^${interfacePrefix}'); do ip link delete $link 2>/dev/null; done
        ip route delete unreachable ${podCidr}
        for table in services pods; do nft delete table ip ${interfacePrefix}_$table; done
        find /sys/fs/cgroup -depth -type d -path '*/${interfacePrefix}*' -exec rmdir {} +
        true`;
      const took = await home.run("sh", ["-c", script]);
      expect(took.code, took.stderr).toBe(0);
      expect(
        leftovers({ directory, interfacePrefix, addresses: [podCidr.replace(/0\.0\/16$/, "")] }),
      ).toEqual([`directory ${directory}`]);
    };

    const uids = (): Promise<string> => cluster.get("pods -l app=db", ".items[*].metadata.uid");

    it("has the same pods, with their data and their Service, each started once more", async () => {
      const url = `http://${await cluster.get("service db", ".spec.clusterIP")}/`;
      const before = await uids();
      await reboot();
      const up = await home.sampan(["up", "--name", name]);
      expect(up.stderr).toBe("");
      expect(up.code).toBe(0);
      await eventually(async () =>
        expect(
          await cluster.get("pods -l app=db", ".items[*].status.containerStatuses[0].restartCount"),
        ).toBe("1 1"),
      );
      await cluster.rollout("statefulset/db");
      expect(await uids()).toBe(before);
      expect(await cluster.get("pods -l app=db", ".items[*].metadata.name")).toBe("db-0 db-1");
      for (const pod of ["db-0", "db-1"]) {
        expect(await cluster.sh(pod, "cat /data/starts; grep -c ' /memory ' /proc/mounts")).toBe(
          `${pod}\n${pod}\n1\n`,
        );
        expect(
          await cluster.get(`pod ${pod}`, ".status.containerStatuses[0].lastState.terminated.exitCode"),
        ).not.toBe("");
      }
      const served = new Set<string>();
      await eventually(async () => {
        served.add(await page(url));
        expect(served.size).toBe(2);
      });
      expect(await cluster.sh("db-0", "timeout 5 wget -qO- http://db.default.svc/")).toMatch(/^db-[01]\n/);
    });

    it("does not run again what had ended", async () => {
      expect(await cluster.get("pod done", ".status.phase")).toBe("Succeeded");
      expect(await cluster.get("pod done", ".status.containerStatuses[0].restartCount")).toBe("0");
    });

    it("leaves no second sandbox, and nothing after its purge", async () => {
      const directory = join(home.folder, "clusters", name);
      const folder = join(directory, "runtime", "sandboxes");
      const sandboxes = (): string[] =>
        readdirSync(folder).filter((name) =>
          readFileSync(join(folder, name), "utf8").trimEnd().split("\n").at(-1)?.includes('"ready":true'),
        );
      await eventually(() => expect(sandboxes()).toHaveLength(2));
      const { interfacePrefix, podCidr } = home.settings(name);
      await home.must(["down", "--purge", "--name", name]);
      expect(
        leftovers({ directory, interfacePrefix, addresses: [podCidr.replace(/0\.0\/16$/, "")] }),
      ).toEqual([]);
    });
  });
}
