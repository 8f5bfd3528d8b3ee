import { beforeAll, describe, expect, it } from "vitest";
import { eventually, page, pause, type RunningCluster } from "./sampan.ts";

/** Services and names, as pods and the host see them. */
export function networkTests(given: () => RunningCluster): void {
  describe("network", { timeout: 60_000 }, () => {
    let cluster: RunningCluster;
    let host = "";

    beforeAll(async () => {
      await given().kubectl(["create", "namespace", "network"]);
      cluster = given().with({ namespace: "network" });
      await cluster.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: busybox
          command: [sh, -c, 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www']
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { tcpSocket: { port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { type: NodePort, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: sticky }
spec: { selector: { app: web }, sessionAffinity: ClientIP, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: direct }
spec: { clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: nobody }
spec: { selector: { app: nobody }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: elsewhere }
spec: { type: ExternalName, externalName: web.network.svc.cluster.local }
---
apiVersion: v1
kind: Service
metadata: { name: echo }
spec: { selector: { app: echo }, ports: [{ name: udp, port: 7, protocol: UDP, targetPort: 7000 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: echo, labels: { app: echo } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: echo
      image: sampan.dev/node:host
      command:
        - node
        - -e
        - |
          const socket = require("node:dgram").createSocket("udp4");
          socket.on("message", (text, from) => socket.send("answer to " + text, from.port, from.address)).bind(7000);
---
apiVersion: v1
kind: Pod
metadata: { name: visitor }
spec:
  terminationGracePeriodSeconds: 0
  hostname: guest
  subdomain: direct
  containers: [{ name: visitor, image: busybox, command: [sleep, '3600'] }]
`);
      await cluster.rollout("deployment/web");
      await cluster.waitFor("pod/visitor", "condition=Ready");
      host = await cluster.get("pod visitor", ".status.hostIP");
    }, 60_000);

    const clusterIp = (service: string): Promise<string> =>
      cluster.get(`service ${service}`, ".spec.clusterIP");
    const fromVisitor = (url: string): Promise<string> => cluster.sh("visitor", `timeout 5 wget -qO- ${url}`);
    const podNames = async (): Promise<string[]> =>
      (await cluster.get("pods -l app=web", ".items[*].metadata.name")).split(" ").toSorted();

    /** Who answered so many requests. */
    const answers = async (url: string, count: number): Promise<Set<string>> => {
      const seen = new Set<string>();
      for (let index = 0; index < count; index++) seen.add((await page(url)).trim());
      return seen;
    };

    it("a ClusterIP spreads requests from the host and from pods", async () => {
      expect([...(await answers(`http://${await clusterIp("web")}/`, 40))].toSorted()).toEqual(
        await podNames(),
      );
      const fromPod = await cluster.sh(
        "visitor",
        "for i in $(seq 40); do timeout 5 wget -qO- http://web; done | sort -u",
      );
      expect(fromPod.trim().split("\n")).toEqual(await podNames());
    });

    it("a node port answers on the host's address and on loopback", async () => {
      const port = await cluster.get("service web", ".spec.ports[0].nodePort");
      expect([...(await answers(`http://${host}:${port}/`, 40))].toSorted()).toEqual(await podNames());
      expect([...(await answers(`http://127.0.0.1:${port}/`, 40))].toSorted()).toEqual(await podNames());
      expect(await podNames()).toContain((await fromVisitor(`http://${host}:${port}/`)).trim());
    });

    it("session affinity keeps a client at its pod, also when others come and go", async () => {
      const url = `http://${await clusterIp("sticky")}/`;
      const first = await answers(url, 20);
      expect(first.size).toBe(1);
      await cluster.kubectl(["scale", "deployment", "web", "--replicas=4"]);
      await cluster.rollout("deployment/web");
      await eventually(async () => {
        expect(
          await cluster.get(
            "endpointslices -l kubernetes.io/service-name=sticky",
            ".items[*].endpoints[*].addresses[0]",
          ),
        ).toMatch(/^(\S+ ){3}\S+$/);
      });
      await pause(200);
      expect(await answers(url, 20)).toEqual(first);
      await cluster.kubectl(["scale", "deployment", "web", "--replicas=3"]);
      await cluster.rollout("deployment/web");
    });

    it("a Service without endpoints refuses at once", async () => {
      const started = performance.now();
      await expect(page(`http://${await clusterIp("nobody")}/`)).rejects.toMatchObject({
        cause: { code: "ECONNREFUSED" },
      });
      const many = "for i in 1 2 3 4 5; do wget -qO- http://nobody/; done";
      const refused = await cluster.try(["exec", "visitor", "--", "sh", "-c", many]);
      expect(refused.stderr.match(/Connection refused/g)).toHaveLength(5);
      expect(performance.now() - started).toBeLessThan(3000);
    });

    it("UDP passes through a Service", async () => {
      const ask = `
        const socket = require("node:dgram").createSocket("udp4");
        socket.on("message", (text) => { console.log(String(text)); process.exit(0); });
        const send = () => socket.send("hello", 7, "echo.network");
        send();
        setInterval(send, 200);
        setTimeout(() => process.exit(1), 5000);`;
      await cluster.waitFor("pod/echo", "condition=Ready");
      expect(await cluster.kubectl(["exec", "echo", "--", "node", "-e", ask])).toBe("answer to hello\n");
    });

    it("a pod reaches itself through its Service", async () => {
      await cluster.kubectl(["scale", "deployment", "web", "--replicas=1"]);
      await eventually(async () => expect(await podNames()).toHaveLength(1));
      const [only = ""] = await podNames();
      expect(await cluster.kubectl(["exec", only, "--", "timeout", "5", "wget", "-qO-", "http://web/"])).toBe(
        `${only}\n`,
      );
      await cluster.kubectl(["scale", "deployment", "web", "--replicas=3"]);
      await cluster.rollout("deployment/web");
    });

    it("names of Services lead to their addresses, with the search path and without", async () => {
      const ip = await clusterIp("web");
      for (const name of ["web", "web.network", "web.network.svc", "web.network.svc.cluster.local"]) {
        expect(await cluster.sh("visitor", `ping -c 1 -W 1 ${name} 2>&1 | head -1`), name).toContain(
          `(${ip})`,
        );
      }
      expect(await cluster.sh("visitor", "nslookup -type=a kubernetes.default.svc.cluster.local")).toMatch(
        /Address: 10\.\d+\.0\.1$/m,
      );
    });

    it("a headless Service names its pods; SRV records name their ports", async () => {
      const ips = (await cluster.get("pods -l app=web", ".items[*].status.podIP")).split(" ").toSorted();
      const answer = await cluster.sh("visitor", "nslookup -type=a direct.network.svc.cluster.local");
      expect([...answer.matchAll(/^Address: (\S+)$/gm)].map((match) => match[1] ?? "").toSorted()).toEqual(
        ips,
      );
      const services = await cluster.sh(
        "visitor",
        "nslookup -type=srv _http._tcp.web.network.svc.cluster.local",
      );
      expect(services).toMatch(/service = 0 \d+ 80 web\.network\.svc\.cluster\.local/);
      expect(
        await fromVisitor(`http://${ips[0]?.replaceAll(".", "-")}.network.pod.cluster.local:8080/`),
      ).not.toBe("");
    });

    it("an ExternalName is an alias", async () => {
      expect(
        await cluster.sh("visitor", "nslookup -type=cname elsewhere.network.svc.cluster.local"),
      ).toContain("canonical name = web.network.svc.cluster.local");
      expect(await podNames()).toContain((await fromVisitor("http://elsewhere/")).trim());
    });

    it("a name that nobody has does not exist", async () => {
      const none = await cluster.try(["exec", "visitor", "--", "nslookup", "none.network.svc.cluster.local"]);
      expect(none.stdout + none.stderr).toContain("NXDOMAIN");
      expect(none.code).not.toBe(0);
    });

    it("an address outside the cluster's ranges is not a Service's", async () => {
      const { podCidr } = cluster.home.settings(cluster.name);
      const gone = podCidr.replace(/\.0\.0\/16$/, ".200.200");
      await expect(page(`http://${gone}/`)).rejects.toMatchObject({ cause: { code: "EHOSTUNREACH" } });
    });

    it("port-forward to a Service picks a pod behind it", async () => {
      const forward = cluster.follow(["port-forward", "service/web", ":80"]);
      const port = /127\.0\.0\.1:(\d+)/.exec(await forward.until(/Forwarding from/))?.[1];
      expect(await podNames()).toContain((await page(`http://127.0.0.1:${port}/`)).trim());
      await forward.stop();
    });

    it("leaves with its namespace", async () => {
      const ip = await clusterIp("web");
      await given().kubectl(["delete", "namespace", "network", "--timeout=40s"]);
      await expect(page(`http://${ip}/`)).rejects.toThrow("fetch failed");
    });
  });
}
