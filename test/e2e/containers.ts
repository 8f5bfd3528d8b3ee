import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually, page, type RunningCluster } from "./sampan.ts";

/** What a pod may ask of its node: files, users, limits, probes, and how it ends. */
export function containerTests(given: () => RunningCluster): void {
  describe("containers", { timeout: 60_000 }, () => {
    let cluster: RunningCluster;
    let hostFolder: string;

    beforeAll(async () => {
      await given().kubectl(["create", "namespace", "containers"]);
      cluster = given().with({ namespace: "containers" });
      hostFolder = mkdtempSync(join(tmpdir(), "sampan-e2e-host-"));
      writeFileSync(join(hostFolder, "from-host"), "host\n");
    });
    afterAll(() => rmSync(hostFolder, { recursive: true, force: true }));

    const applyPod = (name: string, spec: string): Promise<string> =>
      cluster.apply(
        `apiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, labels: { app: ${name} } }\nspec:\n  terminationGracePeriodSeconds: 0\n${spec}`,
      );
    const logs = (pod: string): Promise<string> => cluster.kubectl(["logs", pod]);
    const succeeded = (pod: string): Promise<string> =>
      cluster.waitFor(`pod/${pod}`, "jsonpath={.status.phase}=Succeeded", 20);

    it("mounts volumes of every kind", async () => {
      await cluster.kubectl([
        "create",
        "configmap",
        "settings",
        "--from-literal=color=blue",
        "--from-literal=size=big",
      ]);
      await cluster.kubectl(["create", "secret", "generic", "keys", "--from-literal=password=tiger"]);
      await cluster.apply(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\nspec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }\n",
      );
      await applyPod(
        "volumes",
        `
  containers:
    - name: shell
      image: busybox
      command: [sleep, "3600"]
      resources: { limits: { memory: 64Mi } }
      volumeMounts:
        - { name: scratch, mountPath: /scratch }
        - { name: memory, mountPath: /memory }
        - { name: settings, mountPath: /settings }
        - { name: settings, mountPath: /etc/color, subPath: color }
        - { name: keys, mountPath: /keys }
        - { name: about, mountPath: /about }
        - { name: all, mountPath: /all, readOnly: true }
        - { name: host, mountPath: /host }
        - { name: data, mountPath: /data }
    - { name: second, image: busybox, command: [sleep, "3600"], volumeMounts: [{ name: scratch, mountPath: /shared }] }
  volumes:
    - { name: scratch, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory, sizeLimit: 1Mi } }
    - { name: settings, configMap: { name: settings } }
    - { name: keys, secret: { secretName: keys, defaultMode: 0400 } }
    - name: about
      downwardAPI:
        items:
          - { path: labels, fieldRef: { fieldPath: metadata.labels } }
          - { path: memory, resourceFieldRef: { containerName: shell, resource: limits.memory, divisor: 1Mi } }
    - name: all
      projected:
        sources:
          - { configMap: { name: settings, items: [{ key: size, path: deep/size }] } }
          - { secret: { name: keys } }
          - { serviceAccountToken: { path: token, expirationSeconds: 3600, audience: somebody } }
    - { name: host, hostPath: { path: ${hostFolder}, type: Directory } }
    - { name: data, persistentVolumeClaim: { claimName: data } }
`,
      );
      await cluster.waitFor("pod/volumes", "condition=Ready");
      expect(
        await cluster.sh(
          "volumes",
          "cat /settings/color; echo; cat /etc/color; echo; cat /keys/password; echo; stat -L -c %a /keys/password; cat /about/labels; echo; cat /about/memory; echo; cat /all/deep/size; echo; cat /host/from-host; df /memory | tail -1 | awk '{print $1, $2}'; wc -c < /all/token | awk '{print ($1 > 500)}'",
        ),
      ).toBe('blue\nblue\ntiger\n400\napp="volumes"\n64\nbig\nhost\ntmpfs 1024\n1\n');
      await cluster.sh(
        "volumes",
        "echo one > /scratch/file; echo two > /data/file; echo three > /host/from-pod",
      );
      expect(await cluster.kubectl(["exec", "volumes", "-c", "second", "--", "cat", "/shared/file"])).toBe(
        "one\n",
      );
      expect(readFileSync(join(hostFolder, "from-pod"), "utf8")).toBe("three\n");
      const readOnly = await cluster.try(["exec", "volumes", "-c", "shell", "--", "touch", "/settings/new"]);
      expect(readOnly.stderr).toContain("Read-only file system");
    });

    it("mounted ConfigMaps and Secrets follow their source; a subPath does not", async () => {
      await cluster.kubectl(["patch", "configmap", "settings", "-p", '{"data":{"color":"green"}}']);
      await cluster.kubectl(["patch", "secret", "keys", "-p", '{"stringData":{"password":"lion"}}']);
      await eventually(async () =>
        expect(
          await cluster.sh("volumes", "cat /settings/color /keys/password /all/password /etc/color"),
        ).toBe("greenlionlionblue"),
      );
    });

    it("a claim's data outlives its pod", async () => {
      await cluster.kubectl(["delete", "pod", "volumes"]);
      await applyPod(
        "reader",
        `
  restartPolicy: Never
  containers: [{ name: shell, image: busybox, command: [cat, /data/file], volumeMounts: [{ name: data, mountPath: /data }] }]
  volumes: [{ name: data, persistentVolumeClaim: { claimName: data } }]
`,
      );
      await succeeded("reader");
      expect(await logs("reader")).toBe("two\n");
    });

    it("fills in the environment", async () => {
      await applyPod(
        "environment",
        `
  restartPolicy: Never
  containers:
    - name: shell
      image: busybox
      command: [sh, -c, 'echo $WHO $COLOR $P_password $NODE $CPU $(WHO) $KUBERNETES_SERVICE_HOST $HOSTNAME']
      resources: { limits: { cpu: 1500m } }
      env:
        - { name: WHO, value: me }
        - { name: COLOR, valueFrom: { configMapKeyRef: { name: settings, key: color } } }
        - { name: NODE, valueFrom: { fieldRef: { fieldPath: status.hostIP } } }
        - { name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }
      envFrom: [{ prefix: P_, secretRef: { name: keys } }]
`,
      );
      await succeeded("environment");
      const host = await cluster.get("pod environment", ".status.hostIP");
      const api = await cluster.with({ namespace: "default" }).get("service kubernetes", ".spec.clusterIP");
      expect(await logs("environment")).toMatch(
        new RegExp(`^me green lion ${host} 2 me ${api} environment\n$`),
      );
    });

    it("a failing liveness probe restarts the container; a startup probe holds the others back", async () => {
      await applyPod(
        "probes",
        `
  containers:
    - name: sick
      image: busybox
      command: [sh, -c, 'touch /tmp/well; sleep 3600']
      livenessProbe: { exec: { command: [cat, /tmp/well] }, periodSeconds: 1, failureThreshold: 1 }
    - name: slow
      image: busybox
      command: [sh, -c, 'sleep 2; mkdir /www; echo up > /www/index.html; exec httpd -f -p 8080 -h /www']
      startupProbe: { httpGet: { path: /, port: 8080 }, periodSeconds: 1, failureThreshold: 20 }
      livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 1 }
`,
      );
      await cluster.waitFor("pod/probes", "condition=Ready");
      expect(
        await cluster.get("pod probes", ".status.containerStatuses[?(@.name=='slow')].restartCount"),
      ).toBe("0");
      await cluster.kubectl(["exec", "probes", "-c", "sick", "--", "rm", "/tmp/well"]);
      await eventually(async () =>
        expect(
          await cluster.get("pod probes", ".status.containerStatuses[?(@.name=='sick')].restartCount"),
        ).toBe("1"),
      );
      const events = await cluster.events("Pod", "probes");
      expect(events).toMatch(/^Warning Unhealthy Liveness probe failed: cat: can't open '\/tmp\/well'/m);
      expect(events).toMatch(/^Normal Killing Container sick failed liveness probe, will be restarted$/m);
    });

    it("a failing readiness probe takes a pod out of its Service", async () => {
      await applyPod(
        "fickle",
        `
  containers:
    - name: web
      image: busybox
      command: [sh, -c, 'mkdir /www; echo ok > /www/index.html; exec httpd -f -p 8080 -h /www']
      readinessProbe: { exec: { command: [test, '!', -e, /tmp/closed] }, periodSeconds: 1, failureThreshold: 1 }
`,
      );
      await cluster.kubectl(["expose", "pod", "fickle", "--port=80", "--target-port=8080"]);
      await cluster.waitFor("pod/fickle", "condition=Ready");
      const url = `http://${await cluster.get("service fickle", ".spec.clusterIP")}/`;
      await eventually(async () => expect(await page(url)).toBe("ok\n"));
      await cluster.sh("fickle", "touch /tmp/closed");
      await cluster.waitFor("pod/fickle", "condition=Ready=False");
      await eventually(async () => expect(page(url)).rejects.toThrow("fetch failed"));
      await cluster.sh("fickle", "rm /tmp/closed");
      await eventually(async () => expect(await page(url)).toBe("ok\n"));
    });

    it("init containers run in order, and a sidecar beside them all", async () => {
      await applyPod(
        "ordered",
        `
  restartPolicy: Never
  initContainers:
    - { name: first, image: busybox, command: [sh, -c, 'echo first >> /work/log'], volumeMounts: [{ name: work, mountPath: /work }] }
    - name: sidecar
      image: busybox
      restartPolicy: Always
      command: [sh, -c, 'echo sidecar >> /work/log; sleep 3600']
      volumeMounts: [{ name: work, mountPath: /work }]
      startupProbe: { exec: { command: [grep, sidecar, /work/log] }, periodSeconds: 1 }
    - { name: second, image: busybox, command: [sh, -c, 'echo second >> /work/log'], volumeMounts: [{ name: work, mountPath: /work }] }
  containers:
    - { name: main, image: busybox, command: [cat, /work/log], volumeMounts: [{ name: work, mountPath: /work }] }
  volumes: [{ name: work, emptyDir: {} }]
`,
      );
      await succeeded("ordered");
      expect(await cluster.kubectl(["logs", "ordered", "-c", "main"])).toBe("first\nsidecar\nsecond\n");
    });

    it("a container that takes too much memory is shown as OOMKilled", async () => {
      await applyPod(
        "greedy",
        `
  restartPolicy: Never
  containers:
    - { name: shell, image: busybox, command: [sh, -c, 'dd if=/dev/zero of=/dev/null bs=200M count=1'], resources: { limits: { memory: 32Mi } } }
`,
      );
      await eventually(async () => expect(await cluster.get("pod greedy", ".status.phase")).toBe("Failed"));
      expect(
        await cluster.get("pod greedy", ".status.containerStatuses[0].state.terminated['reason','exitCode']"),
      ).toBe("OOMKilled 137");
      expect(await cluster.kubectl(["get", "pod", "greedy"])).toMatch(/0\/1 +OOMKilled +0/);
    });

    it("keeps to its security context", async () => {
      await applyPod(
        "careful",
        `
  restartPolicy: Never
  securityContext: { runAsUser: 1000, runAsGroup: 3000, fsGroup: 2000, supplementalGroups: [4000] }
  containers:
    - name: shell
      image: busybox
      command: [sh, -c, 'id -u; id -g; id -G; touch /root-file 2>&1; touch /work/file && stat -c %g /work/file; grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status']
      securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: [ALL] }, seccompProfile: { type: RuntimeDefault } }
      volumeMounts: [{ name: work, mountPath: /work }]
  volumes: [{ name: work, emptyDir: {} }]
`,
      );
      await succeeded("careful");
      // Group 50 is one that the image has user 1000 in.
      expect(await logs("careful")).toBe(
        "1000\n3000\n3000 50 2000 4000\ntouch: /root-file: Read-only file system\n2000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
      );
      await applyPod(
        "root",
        `
  containers: [{ name: shell, image: busybox, command: [sleep, "3600"], securityContext: { runAsNonRoot: true } }]
`,
      );
      await eventually(async () =>
        expect(await cluster.kubectl(["get", "pod", "root"])).toContain("CreateContainerConfigError"),
      );
      expect(await cluster.get("pod root", ".status.containerStatuses[0].state.waiting.message")).toContain(
        "container has runAsNonRoot and image will run as root",
      );
    });

    it("a pod on the host's network listens on the host; a host port leads to a pod", async () => {
      await applyPod(
        "on-host",
        `
  hostNetwork: true
  containers: [{ name: web, image: busybox, command: [sh, -c, 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 18931 -h /www'] }]
`,
      );
      await applyPod(
        "with-port",
        `
  containers:
    - name: web
      image: busybox
      command: [sh, -c, 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www']
      ports: [{ containerPort: 8080, hostPort: 18932 }]
`,
      );
      await cluster.waitFor("pod/on-host pod/with-port", "condition=Ready");
      const host = await cluster.get("pod on-host", ".status.hostIP");
      expect(await cluster.get("pod on-host", ".status.podIP")).toBe(host);
      await eventually(async () => expect(await page("http://127.0.0.1:18931/")).not.toBe(""));
      await eventually(async () => expect(await page(`http://${host}:18932/`)).toBe("with-port\n"));
      expect(await page("http://127.0.0.1:18932/")).toBe("with-port\n");
    });

    it("says why a container ended, and waits longer each time it crashes", async () => {
      await applyPod(
        "crashing",
        `
  containers: [{ name: shell, image: busybox, command: [sh, -c, 'echo dying; echo my last words > /dev/termination-log; exit 9'] }]
`,
      );
      await eventually(async () =>
        expect(await cluster.kubectl(["get", "pod", "crashing"])).toMatch(/0\/1 +CrashLoopBackOff +1/),
      );
      expect(
        await cluster.get(
          "pod crashing",
          ".status.containerStatuses[0].lastState.terminated['exitCode','message']",
        ),
      ).toBe("9 my last words\n");
      expect(await cluster.kubectl(["logs", "crashing", "--previous"])).toBe("dying\n");
      expect(await cluster.events("Pod", "crashing")).toMatch(
        /^Warning BackOff Back-off restarting failed container shell/m,
      );
    });

    it("runs preStop and gives a container its grace period", async () => {
      await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: polite }
spec:
  terminationGracePeriodSeconds: 10
  containers:
    - name: shell
      image: busybox
      command: [sh, -c, 'trap "echo bye >> /host/polite; exit 0" TERM; while true; do sleep 0.1; done']
      lifecycle: { preStop: { exec: { command: [sh, -c, 'echo hook > /host/polite'] } } }
      volumeMounts: [{ name: host, mountPath: /host }]
  volumes: [{ name: host, hostPath: { path: ${hostFolder} } }]
`);
      await cluster.waitFor("pod/polite", "condition=Ready");
      await cluster.kubectl(["delete", "pod", "polite"]);
      expect(readFileSync(join(hostFolder, "polite"), "utf8")).toBe("hook\nbye\n");
    });

    it("a ServiceAccount's token reaches the API from inside, with its rights and no more", async () => {
      await cluster.kubectl(["create", "serviceaccount", "robot"]);
      await cluster.kubectl(["create", "role", "reads", "--verb=get,list", "--resource=configmaps"]);
      await cluster.kubectl([
        "create",
        "rolebinding",
        "robot",
        "--role=reads",
        "--serviceaccount=containers:robot",
      ]);
      await applyPod(
        "robot",
        `
  serviceAccountName: robot
  containers: [{ name: node, image: 'sampan.dev/node:host', command: [sleep, "3600"] }]
`.replace('[sleep, "3600"]', `[node, -e, "setInterval(() => {}, 1e6)"]`),
      );
      await cluster.waitFor("pod/robot", "condition=Ready");
      const script = `
        const { readFileSync } = require("node:fs");
        const at = "/var/run/secrets/kubernetes.io/serviceaccount/";
        const get = (path) => new Promise((done) => require("node:https").get("https://kubernetes.default.svc" + path, {
          ca: readFileSync(at + "ca.crt"), headers: { authorization: "Bearer " + readFileSync(at + "token", "utf8") },
        }, (response) => done(response.resume().statusCode)));
        const ns = readFileSync(at + "namespace", "utf8");
        (async () => console.log(await get("/api/v1/namespaces/" + ns + "/configmaps"), await get("/api/v1/namespaces/" + ns + "/secrets")))();
      `;
      expect(await cluster.kubectl(["exec", "robot", "--", "node", "-e", script])).toBe("200 403\n");
    });

    it("Jobs complete, once or by index, also when made from a CronJob; a DaemonSet is on the node", async () => {
      await cluster.apply(`
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec: { template: { spec: { restartPolicy: Never, containers: [{ name: shell, image: busybox, command: [echo, done] }] } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: indexed }
spec:
  completions: 3
  parallelism: 2
  completionMode: Indexed
  template: { spec: { restartPolicy: Never, containers: [{ name: shell, image: busybox, command: [sh, -c, 'echo index $JOB_COMPLETION_INDEX'] }] } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: hopeless }
spec:
  backoffLimit: 0
  template: { spec: { restartPolicy: Never, containers: [{ name: shell, image: busybox, command: ['false'] }] } }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "0 3 * * *"
  jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: shell, image: busybox, command: [echo, nightly] }] } } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template: { metadata: { labels: { app: agent } }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: shell, image: busybox, command: [sleep, '3600'] }] } }
`);
      await cluster.kubectl(["create", "job", "by-hand", "--from=cronjob/nightly"]);
      await cluster.waitFor("job/once job/indexed job/by-hand", "condition=Complete");
      await cluster.waitFor("job/hopeless", "condition=Failed");
      expect(await cluster.kubectl(["logs", "job/by-hand"])).toBe("nightly\n");
      const lines = await cluster.kubectl(["logs", "-l", "job-name=indexed", "--tail=-1"]);
      expect(lines.trim().split("\n").toSorted()).toEqual(["index 0", "index 1", "index 2"]);
      expect(await cluster.get("job indexed", ".status.completedIndexes")).toBe("0-2");
      expect(await cluster.kubectl(["get", "job", "once"])).toMatch(/^once +Complete +1\/1 /m);
      await cluster.rollout("daemonset/agent");
      expect(await cluster.get("daemonset agent", ".status.numberReady")).toBe("1");
    });

    it("a deleted namespace takes everything with it", async () => {
      const volume = await cluster.get("pvc data", ".spec.volumeName");
      const folder = await cluster.get(`pv ${volume}`, ".spec['hostPath','local'].path");
      expect(existsSync(folder)).toBe(true);
      await given().kubectl(["delete", "namespace", "containers", "--timeout=40s"]);
      await eventually(() => expect(existsSync(folder)).toBe(false));
      expect((await given().try(["get", "pv", volume])).stderr).toContain("NotFound");
    });
  });
}
