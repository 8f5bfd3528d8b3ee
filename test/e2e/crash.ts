import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox } from "../images/build.ts";
import { processes } from "./leftovers.ts";
import { Load } from "./load.ts";
import { eventually, Home, page, pause, RunningCluster } from "./sampan.ts";

const manifest = `
apiVersion: v1
kind: Pod
metadata: { name: counter }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: counter
      image: busybox
      command: [sh, -c, 'i=0; while true; do echo "number $i"; i=$((i+1)); usleep 20000; done']
---
apiVersion: v1
kind: Pod
metadata: { name: mortal }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: mortal
      image: busybox
      command: [sh, -c, 'while ! test -e /tmp/end; do usleep 20000; done; echo farewell; exit 7']
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: site }
spec:
  replicas: 2
  selector: { matchLabels: { app: site } }
  template:
    metadata: { labels: { app: site } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: site
          image: busybox
          command: [sh, -c, 'mkdir -p /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www']
          readinessProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: site }
spec:
  selector: { app: site }
  ports: [{ port: 80, targetPort: 8080 }]
`;

/** Section 4.5 of the plan: the containers do not notice that Sampan was killed. */
export function crashTests(): void {
  describe("kill -9 of the Sampan process", { timeout: 120_000 }, () => {
    const name = "e2e-crash";
    let home: Home;
    let cluster: RunningCluster;
    let url = "";
    let before = "";

    /** Each container of each pod: its id, and how often it was restarted. */
    const containers = async (): Promise<string> =>
      await cluster.get(
        "pods -l app=site",
        "range .items[*]}{.metadata.name} {.status.containerStatuses[*].containerID} {.status.containerStatuses[*].restartCount}{'\\n'}{end",
      );

    const kill = async (): Promise<void> => {
      process.kill(home.serverPid(name), "SIGKILL");
      await eventually(async () => expect((await home.sampan(["status", "--name", name])).code).toBe(3));
    };

    const up = async (): Promise<string> => {
      const { code, stdout, stderr } = await home.sampan(["up", "--name", name]);
      expect(code, stderr).toBe(0);
      return stdout;
    };

    beforeAll(async () => {
      home = new Home();
      cluster = new RunningCluster(home, name);
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", name]);
      await home.must(["up", home.write("apps.yaml", manifest), "--name", name]);
    }, 120_000);
    afterAll(() => home.leave());

    it("containers keep serving through their Service", async () => {
      url = `http://${await cluster.get("service site", ".spec.clusterIP")}/`;
      before = await containers();
      expect(before).toMatch(/crun:\/\/[0-9a-f]+ 0\n/);
      await kill();
      const served = new Set<string>();
      for (let request = 0; request < 30; request++) served.add(await page(url));
      expect(served.size).toBe(2);
    });

    it("up finds them and restarts nothing", async () => {
      const load = new Load([url], 2);
      expect(await up()).toMatch(/^Cluster "e2e-crash" is up/);
      await pause(1500);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(load.pages).toBeGreaterThan(50);
      expect(await containers()).toBe(before);
      await cluster.waitFor("pods --all", "condition=Ready", 10);
      expect(await cluster.get("pods", ".items[*].status.containerStatuses[*].restartCount")).toBe("0 0 0 0");
    });

    it("logs have no hole, and go on", async () => {
      const follow = cluster.follow(["logs", "-f", "counter", "--tail=1"]);
      await follow.until(/(number \d+\n){20}/);
      await follow.stop();
      const numbers = (await cluster.kubectl(["logs", "counter"])).trimEnd().split("\n");
      expect(numbers.length).toBeGreaterThan(100);
      expect(numbers).toEqual(numbers.map((_, index) => `number ${index}`));
    });

    it("exec reaches containers that were there before", async () => {
      expect(await cluster.sh("counter", "echo inside")).toBe("inside\n");
    });

    it("a container that ended meanwhile is reported with its exit code and restarted", async () => {
      await cluster.sh("mortal", "(sleep 1; touch /tmp/end) >/dev/null 2>&1 &");
      await kill();
      await pause(1500);
      await up();
      await eventually(async () => {
        expect(await cluster.get("pod mortal", ".status.containerStatuses[0].restartCount")).toBe("1");
      });
      expect(
        await cluster.get("pod mortal", ".status.containerStatuses[0].lastState.terminated.exitCode"),
      ).toBe("7");
      expect(await cluster.kubectl(["logs", "mortal", "--previous"])).toBe("farewell\n");
      expect(await containers()).toBe(before);
    });

    it("a start and an end that were under way are completed", async () => {
      await cluster.kubectl(["scale", "deployment", "site", "--replicas=8"]);
      await pause(120);
      await kill();
      await up();
      await cluster.rollout("deployment/site");
      await cluster.kubectl(["scale", "deployment", "site", "--replicas=1"]);
      await pause(60);
      await kill();
      await up();
      await eventually(async () => {
        expect((await cluster.get("pods -l app=site", ".items[*].metadata.name")).split(" ")).toHaveLength(1);
      });
      expect(await page(url)).not.toBe("");
      const monitors = (): number =>
        processes().filter((line) => line.includes("conmon") && line.includes(home.folder)).length;
      await eventually(() => expect(monitors()).toBe(3));
    });
  });
}
