import { beforeAll, describe, expect, it } from "vitest";
import { Load } from "./load.ts";
import { eventually, pause, type RunningCluster } from "./sampan.ts";

/** Section 4.3 of the plan: a new version without a failed request, and a bad one that does no harm. */
export function rollingUpdateTests(given: () => RunningCluster): void {
  describe("rolling update", { timeout: 120_000 }, () => {
    let cluster: RunningCluster;
    let urls: string[];

    beforeAll(async () => {
      await given().kubectl(["create", "namespace", "rolling"]);
      cluster = given().with({ namespace: "rolling" });
      await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  replicas: 3
  selector: { matchLabels: { app: shop } }
  template:
    metadata: { labels: { app: shop } }
    spec:
      containers:
        - name: web
          image: nginx:first
          ports: [{ name: http, containerPort: 80 }]
          readinessProbe: { httpGet: { path: /, port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec:
  type: LoadBalancer
  selector: { app: shop }
  ports: [{ port: 8090, targetPort: http }]
`);
      await cluster.rollout("deployment/shop");
      const clusterIp = await cluster.get("service shop", ".spec.clusterIP");
      const external = await eventually(async () => {
        const ip = await cluster.get("service shop", ".status.loadBalancer.ingress[0].ip");
        expect(ip).not.toBe("");
        return ip;
      });
      urls = [`http://${clusterIp}:8090/`, `http://${external}:8090/`];
    }, 60_000);

    it("no request fails while the image changes, nor while that is undone", async () => {
      const load = new Load(urls, 3);
      await pause(300);
      await cluster.kubectl(["set", "image", "deployment/shop", "web=nginx:second"]);
      expect(await cluster.rollout("deployment/shop")).toMatch(
        /deployment "shop" successfully rolled out\n$/,
      );
      await pause(300);
      expect(load.titles.get("First")).toBeGreaterThan(10);
      expect(load.titles.get("Second")).toBeGreaterThan(10);
      await cluster.kubectl(["rollout", "undo", "deployment/shop"]);
      await cluster.rollout("deployment/shop");
      load.titles.clear();
      await pause(300);
      await load.stop();
      expect(load.failures).toEqual([]);
      expect(load.titles.get("First")).toBeGreaterThan(10);
    });

    it("history names the revisions", async () => {
      const history = await cluster.kubectl(["rollout", "history", "deployment/shop"]);
      expect(history).toMatch(/^REVISION +CHANGE-CAUSE\n2 +<none>\n3 +<none>\n/m);
    });

    it("a bad image stops the rollout, and serving goes on", async () => {
      const load = new Load(urls, 1);
      await cluster.kubectl(["set", "image", "deployment/shop", "web=127.0.0.1:1/shop:broken"]);
      await eventually(async () => {
        const pods = await cluster.kubectl(["get", "pods", "-l", "app=shop"]);
        expect(pods).toMatch(/ErrImagePull|ImagePullBackOff/);
        expect(pods.match(/1\/1 +Running/g)).toHaveLength(3);
      });
      await eventually(async () =>
        expect(await cluster.kubectl(["get", "pods", "-l", "app=shop"])).toContain("ImagePullBackOff"),
      );
      const status = await cluster.try(["rollout", "status", "deployment/shop", "--timeout=1s"]);
      expect(status.code).toBe(1);
      expect(status.stdout).toContain("1 out of 3 new replicas have been updated");
      await cluster.kubectl(["rollout", "undo", "deployment/shop"]);
      await cluster.rollout("deployment/shop");
      await load.stop();
      expect(load.failures).toEqual([]);
      expect([...load.titles.keys()]).toEqual(["First"]);
    });

    it("the pods that were left over are gone", async () => {
      await eventually(async () => {
        expect((await cluster.get("pods -l app=shop", ".items[*].metadata.name")).split(" ")).toHaveLength(3);
      });
      await cluster.kubectl(["delete", "namespace", "rolling", "--timeout=30s"]);
    });
  });
}
