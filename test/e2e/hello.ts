import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leftovers, type Marks } from "./leftovers.ts";
import { eventually, Home, page, RunningCluster, repository } from "./sampan.ts";

/** Section 4.1 of the plan: one command from nothing to a page, and back to nothing. */
export function helloTests(): void {
  describe("examples/hello.yaml", { timeout: 120_000 }, () => {
    const example = join(repository, "examples/hello.yaml");
    const name = "e2e-hello";
    let home: Home;
    let cluster: RunningCluster;
    let url = "";
    let marks: Marks;

    beforeAll(() => {
      home = new Home();
      cluster = new RunningCluster(home, name);
    });
    afterAll(() => home.leave());

    it("up starts a cluster and the app, and prints the address of its page", async () => {
      const { code, stdout, stderr } = await home.sampan(["up", example, "--name", name]);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain(
        "configmap/hello-page created\ndeployment.apps/hello created\nservice/hello created\n",
      );
      url = /http:\/\/\S+/.exec(stdout)?.[0] ?? "";
      expect(url).toMatch(/^http:\/\/\d+\.\d+\.\d+\.\d+:8088$/);
      const { interfacePrefix, serviceCidr, podCidr } = home.settings(name);
      marks = {
        directory: home.folder,
        interfacePrefix,
        addresses: [serviceCidr, podCidr].map((range) => range.split(".").slice(0, 2).join(".")),
      };
    });

    it("the page says which pod served it, and all pods do", async () => {
      const pods = (await cluster.get("pods -l app=hello", ".items[*].metadata.name")).split(" ");
      expect(pods).toHaveLength(3);
      const served = new Set<string>();
      await eventually(async () => {
        served.add(/served by pod <code>([^<]+)/.exec(await page(url))?.[1] ?? "");
        expect([...served].toSorted()).toEqual(pods.toSorted());
      });
    });

    it("up again applies what differs in the file", async () => {
      const changed = readFileSync(example, "utf8").replace(
        "Hello from Sampan</h1>",
        "Hello from a file</h1>",
      );
      const { code, stdout } = await home.sampan(["up", home.write("changed.yaml", changed), "--name", name]);
      expect(stdout).toMatch(/^Cluster "e2e-hello" runs already, at https:\/\/127\.0\.0\.1:\d+\.\n/);
      expect(stdout).toContain(
        "configmap/hello-page configured\ndeployment.apps/hello unchanged\nservice/hello unchanged\n",
      );
      expect(code).toBe(0);
      await eventually(async () => expect(await page(url)).toContain("Hello from a file"), 30_000);
    });

    it("the page follows its ConfigMap", async () => {
      const { code } = await cluster.try(["edit", "configmap", "hello-page"], {
        env: { EDITOR: "sed -i 's/Hello from a file/Hello from an editor/'" },
      });
      expect(code).toBe(0);
      await eventually(async () => expect(await page(url)).toContain("Hello from an editor"), 30_000);
    });

    it("up finds it running", async () => {
      const { code, stdout } = await home.sampan(["up", "--name", name]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Cluster "e2e-hello" runs already, at https:\/\/127\.0\.0\.1:\d+\.\n/);
    });

    it("status, logs, kubeconfig and image ls tell what there is", async () => {
      const status = await home.sampan(["status", "--name", name]);
      expect(status.code).toBe(0);
      expect(status.stdout).toMatch(/^Cluster: +e2e-hello \(running, process \d+\)$/m);
      expect(status.stdout).toMatch(/^Nodes: +\S+ \(Ready\)$/m);
      expect(status.stdout).toMatch(/^Pods: +3, of which 3 run$/m);
      expect((await home.sampan(["logs", "--name", name])).stdout).toContain("sampan: ready runtime=crun");
      const kubeconfig = home.write("own.conf", (await home.sampan(["kubeconfig", "--name", name])).stdout);
      const whoami = await home.run("kubectl", ["--kubeconfig", kubeconfig, "auth", "can-i", "*", "*"]);
      expect(whoami.stdout).toBe("yes\n");
      expect((await home.sampan(["image", "ls", "--name", name])).stdout).toMatch(
        /^sampan\.dev\/node:host +[0-9a-f]{12} +[\d.]+ MB +imported$/m,
      );
    });

    it("down stops it and keeps its state; up continues with it", async () => {
      const down = await home.sampan(["down", "--name", name]);
      expect(down.code, down.stderr).toBe(0);
      expect(down.stdout).toMatch(/^Cluster "e2e-hello" is stopped; its state is kept/);
      expect((await home.sampan(["status", "--name", name])).code).toBe(3);
      expect(leftovers(marks).filter((line) => line.startsWith("process"))).toEqual([]);
      const up = await home.sampan(["up", "--name", name]);
      expect(up.stdout).toMatch(/^Cluster "e2e-hello" is up/);
      await cluster.rollout("deployment/hello");
      await eventually(async () => expect(await page(url)).toContain("Hello from an editor"));
      expect(await cluster.get("pods -l app=hello", ".items[*].status.phase")).toBe(
        "Running Running Running",
      );
    });

    it("down --purge leaves nothing behind", async () => {
      expect(leftovers(marks)).not.toEqual([]);
      const { code, stdout, stderr } = await home.sampan(["down", "--purge", "--name", name]);
      expect(stdout).toMatch(/^Cluster "e2e-hello" is gone/);
      expect(code, stderr).toBe(0);
      expect(leftovers({ ...marks, directory: join(home.folder, "clusters", name) })).toEqual([]);
      const contexts = await home.run("kubectl", ["config", "get-contexts", "-o", "name"]);
      expect(contexts.stdout).toBe("");
    });
  });
}
