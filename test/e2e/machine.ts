import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox, buildNginx } from "../images/build.ts";
import { leftovers, type Marks } from "./leftovers.ts";
import { eventually, type Finished, Home, page, pause, program, RunningCluster } from "./sampan.ts";

const ports = { balancer: 18_080, node: 30_999, host: 18_099 };

/** A page that tells whose it is, at a load balancer, a node port and a host port. */
const site = (text: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: site, labels: { app: site } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: site
      image: busybox
      command: [sh, -c, 'mkdir /www; echo "${text}" > /www/index.html; exec httpd -f -p 8080 -h /www']
---
apiVersion: v1
kind: Service
metadata: { name: balanced }
spec: { type: LoadBalancer, selector: { app: site }, ports: [{ port: ${ports.balancer}, targetPort: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: exposed }
spec: { type: NodePort, selector: { app: site }, ports: [{ port: 80, targetPort: 8080, nodePort: ${ports.node} }] }
---
apiVersion: v1
kind: Pod
metadata: { name: on-host }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: site
      image: busybox
      command: [sh, -c, 'mkdir /www; echo "${text}" > /www/index.html; exec httpd -f -p 8080 -h /www']
      ports: [{ containerPort: 8080, hostPort: ${ports.host} }]
`;

/** What clusters of one machine share, whatever home they live in, and what each keeps to itself. */
export function machineTests(): void {
  describe("two homes on one machine", { timeout: 120_000 }, () => {
    const homes: Home[] = [];
    const clusters: RunningCluster[] = [];
    const names = ["e2e-first", "e2e-second"];

    beforeAll(async () => {
      const { archive } = await buildBusybox();
      for (const name of names) {
        const home = new Home();
        homes.push(home);
        clusters.push(new RunningCluster(home, name));
        await home.must(["image", "import", archive, "--name", name]);
      }
    }, 60_000);
    afterAll(async () => {
      for (const home of homes) await home.leave();
    });

    const given = (index: number): { home: Home; cluster: RunningCluster; name: string } => {
      const [home, cluster, name] = [homes[index], clusters[index], names[index]];
      if (home === undefined || cluster === undefined || name === undefined) throw new Error("not set up");
      return { home, cluster, name };
    };
    const hostAddress = (): Promise<string> =>
      given(0).cluster.get("nodes", ".items[0].status.addresses[?(@.type=='InternalIP')].address");
    const answers = async (): Promise<string[]> => {
      const host = await hostAddress();
      return Promise.all(
        Object.values(ports).map(async (port) => (await page(`http://${host}:${port}/`)).trim()),
      );
    };

    it("have addresses of their own, also when the other one is stopped", async () => {
      const [first, second] = [given(0), given(1)];
      await first.home.must(["up", "--name", first.name]);
      await first.home.must(["down", "--name", first.name]);
      await second.home.must(["up", "--name", second.name]);
      await first.home.must(["up", "--name", first.name]);
      const ranges = [first, second].map(({ home, name }) => home.settings(name));
      expect(new Set(ranges.flatMap((range) => [range.podCidr, range.serviceCidr])).size).toBe(4);
    });

    it("a port of the host goes to one of them; the other is told whose it is", async () => {
      const [first, second] = [given(0), given(1)];
      await first.cluster.apply(site("first"));
      await first.cluster.waitFor("pod/site pod/on-host", "condition=Ready");
      await eventually(async () => expect(await answers()).toEqual(["first", "first", "first"]));
      await second.cluster.apply(site("second"));
      await second.cluster.waitFor("pod/site", "condition=Ready");
      const directory = join(first.home.folder, "clusters", first.name);
      const taken = (port: number, object: string): string =>
        `Port ${port} of the host is taken by ${object} of cluster "${first.name}" (in ${directory}); choose another port, or delete that one or stop that cluster`;
      await eventually(async () => {
        expect(await second.cluster.events("Service", "balanced")).toContain(
          `Warning PortInUse ${taken(ports.balancer, "Service default/balanced")}`,
        );
        expect(await second.cluster.events("Service", "exposed")).toContain(
          `Warning PortInUse ${taken(ports.node, "the node port of Service default/exposed")}`,
        );
        expect(await second.cluster.events("Pod", "on-host")).toMatch(
          /^Warning FailedCreatePodSandBox .*Port 18099 of the host is taken by Pod default\/on-host/m,
        );
      });
      expect(await second.cluster.kubectl(["get", "service", "balanced"])).toContain("<pending>");
      expect(await answers()).toEqual(["first", "first", "first"]);
    });

    it("keeps its ports over the end of its server", async () => {
      const { home, name, cluster } = given(0);
      process.kill(home.serverPid(name), "SIGKILL");
      await eventually(async () => expect((await home.sampan(["status", "--name", name])).code).toBe(3));
      await home.must(["up", "--name", name]);
      await cluster.waitFor("pod/site pod/on-host", "condition=Ready");
      expect(await answers()).toEqual(["first", "first", "first"]);
    });

    it("whoever waits takes over what the other gives up", async () => {
      const [first, second] = [given(0), given(1)];
      await first.cluster.kubectl(["delete", "service", "balanced"]);
      await eventually(async () => expect((await answers())[0]).toBe("second"));
      await first.home.must(["down", "--name", first.name]);
      const host = await second.cluster.get("pod site", ".status.hostIP");
      await eventually(async () => {
        for (const port of Object.values(ports))
          expect(await page(`http://${host}:${port}/`)).toBe("second\n");
      }, 40_000);
    });

    it("comes back beside the one that has its ports now", async () => {
      const { home, cluster, name } = given(0);
      await home.must(["up", "--name", name]);
      await eventually(async () =>
        expect(await cluster.events("Service", "exposed")).toContain('of cluster "e2e-second"'),
      );
      expect(await answers()).toEqual(["second", "second", "second"]);
    });
  });

  describe("a damaged cluster", { timeout: 120_000 }, () => {
    let home: Home;
    const damage = (name: string, content: string): void =>
      writeFileSync(join(home.folder, "clusters", name, "instance.json"), content);
    const marks = (name: string): Marks => {
      const { interfacePrefix, serviceCidr, podCidr } = home.settings(name);
      const start = (range: string): string => range.replace(/0\.0\/16$/, "");
      return {
        directory: join(home.folder, "clusters", name),
        interfacePrefix,
        addresses: [start(serviceCidr), start(podCidr)],
      };
    };
    /** A cluster with a pod, whose traces are known. */
    const started = async (name: string): Promise<Marks> => {
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", name]);
      await home.must(["up", home.write("site.yaml", site(name)), "--name", name]);
      const found = marks(name);
      expect(leftovers(found)).not.toEqual([]);
      return found;
    };

    beforeAll(() => {
      home = new Home();
    });
    afterAll(() => home.leave());

    it("is named with the next step, and keeps nobody from the others", async () => {
      await home.must(["up", "--runtime", "simulated", "--name", "e2e-torn"]);
      damage("e2e-torn", "{");
      const all = await home.sampan(["status", "--all"]);
      expect(all.stdout).toMatch(/^e2e-torn +damaged/m);
      expect(all.stderr).toMatch(
        /cluster "e2e-torn" is damaged: .*instance\.json .*\n.*sampan down --purge --name e2e-torn/,
      );
      expect(all.code).toBe(1);
      await home.must(["up", "--runtime", "simulated", "--name", "e2e-well"]);
      for (const args of [["up"], ["down"], ["status"], ["logs"], ["image", "ls"], ["kubeconfig"]]) {
        const refused = await home.sampan([...args, "--name", "e2e-torn"]);
        expect(refused.stderr, args[0]).toMatch(/^sampan: cluster "e2e-torn" is damaged/);
        expect(refused.stderr, args[0]).not.toMatch(/^ +at /m);
        expect(refused.code, args[0]).toBe(1);
      }
      await home.must(["down", "--purge", "--name", "e2e-torn"]);
      expect((await home.sampan(["status", "--all"])).stdout).not.toContain("e2e-torn");
    });

    it("is purged without leaving anything", async () => {
      const found = await started("e2e-bad");
      damage("e2e-bad", "");
      await home.must(["down", "--purge", "--name", "e2e-bad"]);
      expect(leftovers(found)).toEqual([]);
    });

    it("is purged when its records are damaged and crun and conmon are gone", async () => {
      const found = await started("e2e-worse");
      for (const kind of ["sandboxes", "containers"]) {
        const folder = join(found.directory, "runtime", kind);
        for (const file of readdirSync(folder)) writeFileSync(join(folder, file), "null");
      }
      const hide = `for name in crun runc conmon; do
          if [ -e /usr/bin/$name ]; then mount --bind /dev/null /usr/bin/$name; fi
        done; exec "$@"`;
      const down = [process.execPath, ...program(), "down", "--purge", "--name", "e2e-worse"];
      const gone = await home.run("unshare", ["--mount", "sh", "-c", hide, "sh", ...down]);
      expect(gone.stdout + gone.stderr).toMatch(/is gone, with everything it made/);
      expect(leftovers(found)).toEqual([]);
    });

    it("one that was never started is purged too", async () => {
      const { archive } = await buildBusybox();
      await home.must(["image", "import", archive, "--name", "e2e-new"]);
      expect((await home.sampan(["status", "--all"])).stdout).toMatch(/^e2e-new +not started yet/m);
      expect((await home.sampan(["status", "--name", "e2e-new"])).stderr).toContain("was never started");
      expect(await home.must(["down", "--name", "e2e-new"])).toContain("was not running");
      await home.must(["down", "--purge", "--name", "e2e-new"]);
      expect((await home.sampan(["status", "--all"])).stdout).not.toContain("e2e-new");
    });

    it("one whose server was killed is stopped and purged like any other", async () => {
      const found = await started("e2e-killed");
      process.kill(home.serverPid("e2e-killed"), "SIGKILL");
      await eventually(() =>
        expect(leftovers(found).filter((line) => line.includes("server --name"))).toEqual([]),
      );
      expect(await home.must(["down", "--name", "e2e-killed"])).toContain("was not running");
      expect(leftovers(found).filter((line) => line.startsWith("process"))).toEqual([]);
      rmSync(join(found.directory, "server.json"), { force: true });
      await home.must(["down", "--purge", "--name", "e2e-killed"]);
      expect(leftovers(found)).toEqual([]);
    });
  });

  describe("a disk that is full", { timeout: 120_000 }, () => {
    const name = "e2e-disk";
    let home: Home;
    let disk = "";
    let cluster: RunningCluster;

    beforeAll(async () => {
      home = new Home();
      cluster = new RunningCluster(home, name);
      disk = join(home.folder, "disk");
      mkdirSync(disk);
      await home.run("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", disk]);
    });
    afterAll(async () => {
      await sampan("down", "--purge");
      await home.run("umount", [disk]);
      await home.leave();
    });

    const sampan = (...args: string[]): Promise<Finished> =>
      home.run(process.execPath, [...program(), ...args, "--name", name], { env: { SAMPAN_HOME: disk } });
    const fill = (): Promise<Finished> => home.run("sh", ["-c", `cat /dev/zero > ${disk}/fill`]);
    const free = (): void => rmSync(join(disk, "fill"));

    it("is named at the first start", async () => {
      await fill();
      const up = await sampan("up");
      expect(up.stderr).toMatch(/^sampan: the disk (of \S+ )?is full/m);
      expect(up.stderr).not.toMatch(/^ +at /m);
      expect(up.code).toBe(1);
      free();
    });

    it("refuses an image and keeps nothing of it", async () => {
      const [busybox, nginx] = [await buildBusybox(), await buildNginx()];
      expect((await sampan("image", "import", busybox.archive)).code).toBe(0);
      const files = (): string[] => readdirSync(join(disk, name, "images"), { recursive: true }).map(String);
      const before = files();
      await home.run("sh", ["-c", `head -c 30m /dev/zero > ${disk}/fill`]);
      const refused = await sampan("image", "import", nginx.archive);
      expect(refused.stderr).toMatch(/nginx.*: the disk is full; nothing of it was kept/);
      expect(refused.code).toBe(1);
      expect(files()).toEqual(before);
      free();
    });

    it("lets containers run and be read, refuses writes, and is over without a restart", async () => {
      const printer = `
apiVersion: v1
kind: Pod
metadata: { name: printer }
spec:
  terminationGracePeriodSeconds: 0
  containers: [{ name: p, image: busybox, command: [sh, -c, 'i=0; while true; do echo "number $i"; i=$((i+1)); usleep 5000; done'] }]
`;
      expect((await sampan("up", home.write("printer.yaml", printer))).code).toBe(0);
      const pid = (): number =>
        (JSON.parse(readFileSync(join(disk, name, "server.json"), "utf8")) as { pid: number }).pid;
      const server = pid();
      await cluster.kubectl(["create", "configmap", "before"]);
      await fill();
      const big = home.write("big", "x".repeat(500_000));
      const refused = await cluster.try(["create", "configmap", "refused", `--from-file=${big}`]);
      expect(refused.stderr).toContain("the store's disk is full");
      await pause(3000);
      expect(await cluster.get("configmap before", ".metadata.name")).toBe("before");
      expect(await cluster.get("pod printer", ".status.phase")).toBe("Running");
      expect(await cluster.kubectl(["logs", "printer", "--tail=1"])).not.toBe("");
      free();
      await eventually(() => cluster.kubectl(["create", "configmap", "after"]));
      await cluster.apply(printer.replace("name: printer", "name: second"));
      await cluster.waitFor("pod/second", "condition=Ready");
      expect(await cluster.get("pod printer", ".status.containerStatuses[0].restartCount")).toBe("0");
      const follow = cluster.follow(["logs", "-f", "printer", "--tail=0"]);
      await follow.until(/number \d+/);
      await follow.stop();
      expect(pid()).toBe(server);
    });
  });
}
