import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { eventually, kubectlOfVersion, page, type RunningCluster } from "./sampan.ts";

const kubectls = [
  { version: "built-in", file: (cluster: RunningCluster) => cluster.home.builtInKubectl() },
  ...["1.27", "1.30", "1.33"].flatMap((version) => {
    const file = kubectlOfVersion(version);
    return file === undefined ? [] : [{ version, file: () => file }];
  }),
];

/** Section 4.4 of the plan, as far as it needs containers: what streams, through each kubectl. */
export function streamTests(given: () => RunningCluster): void {
  describe.each(kubectls)("streams through kubectl $version", { timeout: 60_000 }, ({ version, file }) => {
    const namespace = `streams-${version.replace(".", "-")}`;
    let cluster: RunningCluster;

    beforeAll(async () => {
      await given().kubectl(["create", "namespace", namespace]);
      cluster = given().with({ kubectl: file(given()), namespace });
      await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: tools }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: shell
      image: busybox
      command: [sh, -c, 'mkdir /www; echo "page of tools" > /www/index.html; exec httpd -f -p 8080 -h /www']
      ports: [{ name: http, containerPort: 8080 }]
    - name: ticker
      image: busybox
      command: [sh, -c, 'i=0; while true; do echo tick $i; i=$((i+1)); usleep 50000; done']
    - { name: reader, image: busybox, stdin: true, command: [sh, -c, 'while read line; do echo "read $line"; done; sleep 3600'] }
`);
      await cluster.waitFor("pod/tools", "condition=Ready");
    }, 60_000);

    it("exec passes both outputs, input and the exit code", async () => {
      const both = await cluster.try([
        "exec",
        "tools",
        "-c",
        "shell",
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 42",
      ]);
      expect(both.stdout).toBe("out\n");
      expect(both.stderr).toContain("err\n");
      expect(both.stderr).toContain("command terminated with exit code 42");
      expect(both.code).toBe(42);
      const input = "line\n".repeat(20_000);
      const echoed = await cluster.kubectl(
        ["exec", "-i", "tools", "-c", "shell", "--", "sh", "-c", "wc -c; cat"],
        { input },
      );
      expect(echoed.trim()).toBe(String(input.length));
      const missing = await cluster.try(["exec", "tools", "-c", "shell", "--", "no-such-command"]);
      expect(missing.code).not.toBe(0);
      expect(missing.stderr).toMatch(/no-such-command/);
    });

    it("exec carries much output without loss", async () => {
      const output = await cluster.kubectl(["exec", "tools", "-c", "shell", "--", "seq", "200000"]);
      expect(output.length).toBe(
        Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("").length,
      );
      expect(output.endsWith("199999\n200000\n")).toBe(true);
    });

    it("exec -it gives a terminal", async () => {
      const shell = cluster.onTerminal(["exec", "-it", "tools", "-c", "shell", "--", "sh"]);
      await shell.until(/\/ # /);
      shell.type("tty; echo $((40+2))\r");
      await shell.until(/\/dev\/pts\/0\r?\n42\r?\n/);
      shell.type("exit 5\r");
      expect(await shell.ended()).toBe(5);
    });

    it("cp copies files and folders both ways", async () => {
      const text = `${version} ${"x".repeat(300_000)}\n`;
      const there = cluster.home.write(`there-${version}`, text);
      await cluster.kubectl(["cp", there, "tools:/tmp/there", "-c", "shell"]);
      expect(
        await cluster.sh(
          "tools",
          "wc -c < /tmp/there; mkdir -p /tmp/tree/deep; cp /tmp/there /tmp/tree/deep/; head -c 20000000 /dev/zero > /tmp/tree/large",
        ),
      ).toBe(`${text.length}\n`);
      await cluster.kubectl(["cp", "tools:/tmp/tree", `tree-${version}`, "-c", "shell"]);
      const tree = join(cluster.home.folder, `tree-${version}`);
      expect(readFileSync(join(tree, "deep/there"), "utf8")).toBe(text);
      expect(statSync(join(tree, "large")).size).toBe(20_000_000);
    });

    it("logs -f shows lines as they are written", async () => {
      const logs = cluster.follow(["logs", "-f", "tools", "-c", "ticker", "--tail=3"]);
      await logs.until(/(tick \d+\n){12}/);
      const ticks = [...(await logs.stop()).matchAll(/tick (\d+)/g)].map((match) => Number(match[1]));
      expect(ticks).toEqual(ticks.map((_, index) => (ticks[0] ?? 0) + index));
      const all = await cluster.kubectl([
        "logs",
        "tools",
        "--all-containers",
        "--prefix",
        "--tail=1",
        "--timestamps",
      ]);
      expect(all).toMatch(/^\[pod\/tools\/ticker\] \d{4}-\d\d-\d\dT[\d:.]+Z tick \d+$/m);
      const limited = await cluster.kubectl([
        "logs",
        "tools",
        "-c",
        "ticker",
        "--since=1s",
        "--limit-bytes=6",
      ]);
      expect(limited).toMatch(/^tick \d/);
      expect(limited).toHaveLength(6);
    });

    it.each(["true", "false"])(
      "port-forward reaches the pod and its Service (WebSocket %s)",
      async (websocket) => {
        for (const target of ["pod/tools"]) {
          const env = { KUBECTL_PORT_FORWARD_WEBSOCKETS: websocket };
          const forward = cluster.follow(["port-forward", target, ":8080"], env);
          const text = await forward.until(/Forwarding from 127\.0\.0\.1:(\d+)/);
          const port = /127\.0\.0\.1:(\d+)/.exec(text)?.[1];
          const pages = await Promise.all(Array.from({ length: 8 }, () => page(`http://127.0.0.1:${port}/`)));
          expect(new Set(pages)).toEqual(new Set(["page of tools\n"]));
          await forward.stop();
        }
      },
    );

    it("port-forward to a port that nobody listens on fails, and the next connection works on", async () => {
      const forward = cluster.follow(["port-forward", "pod/tools", ":9999"]);
      const port = /127\.0\.0\.1:(\d+)/.exec(await forward.until(/Forwarding from/))?.[1];
      await expect(page(`http://127.0.0.1:${port}/`)).rejects.toThrow("fetch failed");
      await forward.until(/error forwarding port 9999|lost connection/i);
      await forward.stop();
    });

    it("attach reads what is written to a running container", async () => {
      const attach = cluster.follow(["attach", "-i", "tools", "-c", "reader"]);
      await eventually(async () => {
        attach.type("hello\n");
        await attach.until(/read hello\n/, 1000);
      });
      await attach.stop();
      expect(await cluster.kubectl(["logs", "tools", "-c", "reader"])).toContain("read hello\n");
    });

    it("debug adds a container to the pod and attaches to it", async () => {
      const debug = cluster.onTerminal([
        "debug",
        "-it",
        "tools",
        "--image=busybox",
        "--container=helper",
        "--",
        "sh",
        "-c",
        "read line; echo I read $line in $(hostname)",
      ]);
      await debug.until(/pressing enter/);
      debug.type("this\r");
      await debug.until(/I read this in tools/);
      expect(await debug.ended()).toBe(0);
      expect(await cluster.get("pod tools", ".spec.ephemeralContainers[0].name")).toBe("helper");
    });

    it("run -it --rm shows a command's output, passes its exit code and leaves no pod", async () => {
      const run = cluster.onTerminal([
        "run",
        "once",
        "--image=busybox",
        "--restart=Never",
        "-it",
        "--rm",
        "--",
        "sh",
        "-c",
        "sleep 1; echo I am $(hostname); exit 3",
      ]);
      expect(await run.ended()).toBe(3);
      expect(run.text).toContain("I am once");
      expect(run.text).toContain('pod "once" deleted');
      const piped = await cluster.try(
        ["run", "piped", "--image=busybox", "--restart=Never", "-i", "--rm", "--", "cat"],
        {
          input: "through a pipe\n",
        },
      );
      expect(piped.stdout).toContain("through a pipe\n");
      expect(piped.code).toBe(0);
      expect(await cluster.kubectl(["get", "pods", "-o", "name"])).toBe("pod/tools\n");
    });
  });
}
