import { once } from "node:events";
import { existsSync, lstatSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildBusybox } from "../images/build.ts";
import { eventually, type Finished, Home, page, pause, program, RunningCluster } from "./sampan.ts";

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
metadata: { name: site }
spec: { selector: { app: site }, ports: [{ port: 80, targetPort: 8080 }] }
`;

/** Several clusters beside each other, and what the command line says to what it cannot do. */
export function commandLineTests(): void {
  describe("two clusters", { timeout: 120_000 }, () => {
    let home: Home;
    const names = ["e2e-one", "e2e-two"] as const;
    const clusters = new Map<string, RunningCluster>();

    beforeAll(async () => {
      home = new Home();
      const { archive } = await buildBusybox();
      for (const name of names) {
        await home.must(["image", "import", archive, "--name", name]);
        clusters.set(name, new RunningCluster(home, name));
      }
    }, 60_000);
    afterAll(() => home.leave());

    const urlOf = async (name: string): Promise<string> =>
      `http://${await clusters.get(name)?.get("service site", ".spec.clusterIP")}/`;

    it("start side by side and do not meet", async () => {
      const ups = await Promise.all(
        names.map((name) => home.sampan(["up", home.write(`${name}.yaml`, site(name)), "--name", name])),
      );
      expect(ups.map(({ code }) => code)).toEqual([0, 0]);
      for (const name of names) expect(await page(await urlOf(name))).toBe(`${name}\n`);
      const ranges = names.map((name) => home.settings(name));
      expect(
        new Set(ranges.flatMap((range) => [range.podCidr, range.serviceCidr, range.interfacePrefix])).size,
      ).toBe(6);
      const all = await home.sampan(["status", "--all"]);
      expect(all.stdout).toMatch(/^e2e-one +running +crun +https:\/\/127\.0\.0\.1:\d+\ne2e-two +running /m);
    });

    it("one is purged, and the other does not notice", async () => {
      const url = await urlOf("e2e-two");
      await home.sampan(["down", "--purge", "--name", "e2e-one"]);
      expect(await page(url)).toBe("e2e-two\n");
      expect(await clusters.get("e2e-two")?.sh("site", "timeout 5 wget -qO- http://site.default/")).toBe(
        "e2e-two\n",
      );
      expect(
        await clusters.get("e2e-two")?.get("pod site", ".status.containerStatuses[0].restartCount"),
      ).toBe("0");
    });
  });

  describe("the command line", { timeout: 60_000 }, () => {
    let home: Home;
    let server: Server;
    let takenPort = 0;
    beforeAll(async () => {
      home = new Home();
      server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      takenPort = typeof address === "object" && address !== null ? address.port : 0;
    });
    afterAll(async () => {
      await new Promise((resolve) => server.close(resolve));
      await home.leave();
    });

    const expectRefusal = (
      { stdout, stderr, code }: Finished,
      expectedCode: number,
      message: RegExp,
    ): void => {
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^sampan: /);
      // A stack trace is for those who write Sampan, not for those who use it.
      expect(stderr).not.toMatch(/^ +at /m);
      expect(code).toBe(expectedCode);
      expect(stdout).toBe("");
    };

    it.each<[string, string[], number, RegExp]>([
      ["an unknown command", ["frobnicate"], 2, /there is no command "frobnicate"/],
      ["an unknown option", ["up", "--wings"], 2, /Unknown option '--wings'/],
      ["a bad name", ["up", "--name", "../x"], 2, /"\.\.\/x" cannot be a cluster's name/],
      ["a bad runtime", ["up", "--runtime", "nonsense"], 2, /"nonsense" is no runtime/],
      ["a bad port", ["up", "--port", "http"], 2, /"http" is no port/],
      [
        "a bad timeout",
        ["up", "--timeout", "soon", "--name", "e2e-timeout"],
        2,
        /"soon" is no number of seconds/,
      ],
      ["a missing file", ["up", "missing.yaml"], 1, /there is no file missing\.yaml/],
      ["too many arguments", ["down", "everything"], 2, /unexpected argument "everything"/],
      ["a cluster that is not there", ["status", "--name", "nobody"], 1, /there is no cluster "nobody"/],
      ["nothing to stop", ["down", "--name", "nobody"], 1, /there is no cluster "nobody"/],
      ["image without a verb", ["image"], 2, /say what to do with images/],
      [
        "image import without a file",
        ["image", "import", "--name", "e2e-images"],
        2,
        /needs at least one FILE/,
      ],
      [
        "an image file that is missing",
        ["image", "import", "missing.tar", "--name", "e2e-images"],
        1,
        /there is no file missing\.tar/,
      ],
      [
        "removing an image that is not there",
        ["image", "rm", "nobody:1", "--name", "e2e-images"],
        1,
        /there is no image nobody:1/,
      ],
    ])("refuses %s", async (_what, args, code, message) => {
      const finished = await home.sampan(args);
      expect(finished.code).toBe(code);
      expectRefusal(finished, code, message);
    });

    it("refuses a file that is no image, and keeps what was imported", async () => {
      const { archive } = await buildBusybox();
      await home.sampan(["image", "import", archive, "--name", "e2e-images"]);
      const text = home.write("notes.txt", "This is no image.\n");
      const torn = home.write("torn.tar", "");
      await home.run("sh", ["-c", `head -c 100000 "$1" > "$2"`, "sh", archive, torn]);
      const empty = home.write("empty.tar", "");
      for (const file of [text, torn, empty]) {
        expectRefusal(
          await home.sampan(["image", "import", file, "--name", "e2e-images"]),
          1,
          /image import failed for\n +\/\S+: /,
        );
      }
      const images = await home.sampan(["image", "ls", "--name", "e2e-images"]);
      expect(images.stdout.trim().split("\n")).toHaveLength(2);
      expect(images.stdout).toContain("docker.io/library/busybox:latest");
    });

    it("refuses a port that is in use, and starts with another", async () => {
      expectRefusal(
        await home.sampan([
          "up",
          "--runtime",
          "simulated",
          "--name",
          "e2e-port",
          "--port",
          String(takenPort),
        ]),
        1,
        new RegExp(`port ${takenPort} of 127\\.0\\.0\\.1 is in use`),
      );
      const up = await home.sampan(["up", "--runtime", "simulated", "--name", "e2e-port"]);
      expect(up.stdout + up.stderr).toMatch(/Cluster "e2e-port" is up at/);
      expect(up.code).toBe(0);
    });

    it("takes turns: several up at once, up after an interrupted one, down while it starts", async () => {
      const up = ["up", "--runtime", "simulated", "--name", "e2e-turns"];
      const all = await Promise.all([1, 2, 3].map(() => home.sampan(up)));
      expect(all.map(({ code, stderr }) => [code, stderr])).toEqual([1, 2, 3].map(() => [0, ""]));
      const said = all.map(({ stdout }) => stdout.split("\n")[0] ?? "");
      expect(said.filter((line) => line.includes("is up at"))).toHaveLength(1);
      expect(said.filter((line) => line.includes("runs already"))).toHaveLength(2);
      await home.must(["down", "--name", "e2e-turns"]);
      for (const afterMs of [60, 150, 300]) {
        const interrupted = home.follow(process.execPath, [...program(), ...up]);
        await pause(afterMs);
        await interrupted.stop();
        expect(await home.must(up)).toMatch(/is up at|runs already/);
        const both = await Promise.all([home.sampan(["down", "--name", "e2e-turns"]), home.sampan(up)]);
        expect(both.map(({ code, stderr }) => [code, stderr])).toEqual([1, 2].map(() => [0, ""]));
        await home.must(["down", "--name", "e2e-turns"]);
        expect((await home.sampan(["status", "--name", "e2e-turns"])).code).toBe(3);
      }
      await home.must(["down", "--purge", "--name", "e2e-turns"]);
      expect(readdirSync(join(home.folder, "clusters")).filter((file) => file.includes("turns"))).toEqual([]);
    });

    it.each([
      ["broken", "{ not: [yaml\n"],
      ["no object", "just text\n"],
    ])("a kubeconfig that is %s stays as it is, and the cluster runs", async (_what, content) => {
      const kubeconfig = home.write("mine", content);
      const up = ["up", "--runtime", "simulated", "--name", "e2e-port"];
      const refused = await home.sampan(up, { env: { KUBECONFIG: kubeconfig } });
      expect(refused.stderr).toMatch(
        /^sampan: kubectl could not be pointed at cluster "e2e-port": error loading config file/,
      );
      expect(refused.stderr).not.toMatch(/^ +at /m);
      expect(refused.code).toBe(1);
      expect(readFileSync(kubeconfig, "utf8")).toBe(content);
      expect((await home.sampan(["status", "--name", "e2e-port"])).code).toBe(0);
    });

    it("writes a kubeconfig into a folder that is not there yet, and through a link", async () => {
      const folder = join(home.folder, "later", "still");
      const up = ["up", "--runtime", "simulated", "--name", "e2e-port"];
      await home.sampan(up, { env: { KUBECONFIG: join(folder, "config") } });
      expect(readFileSync(join(folder, "config"), "utf8")).toContain("sampan-e2e-port");
      const link = join(home.folder, "link");
      symlinkSync(join(folder, "config"), link);
      const linked = await home.sampan(up, { env: { KUBECONFIG: link } });
      expect([linked.code, linked.stderr]).toEqual([0, ""]);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
    });

    it("logs -f goes on until it is interrupted", async () => {
      const logs = home.follow(process.execPath, [...program(), "logs", "-f", "--name", "e2e-port"]);
      await logs.until(/ready/);
      await pause(1500);
      await home.must(["down", "--name", "e2e-port"]);
      await logs.until(/stopping/);
      await home.must(["up", "--name", "e2e-port"]);
      await logs.until(/stopping[^]*ready/);
      expect(await logs.stop()).toContain("stopping");
    });

    it("a webhook of this machine is called with the certificate that one command makes", async () => {
      const folder = join(home.folder, "serving-certs");
      const cert = ["webhook", "cert", "--name", "e2e-port", "--dir", folder];
      expect(await home.must(cert)).toMatch(/caBundle: \S+/);
      expect(readdirSync(folder).toSorted()).toEqual(["ca.crt", "tls.crt", "tls.key"]);
      expect(lstatSync(join(folder, "tls.key")).mode & 0o777).toBe(0o600);
      const pem = (file: string): Buffer => readFileSync(join(folder, file));
      const seen: string[] = [];
      const hook = createHttpsServer({ key: pem("tls.key"), cert: pem("tls.crt") }, (request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          const review = JSON.parse(Buffer.concat(chunks).toString()) as {
            apiVersion: string;
            request: { uid: string; name: string };
          };
          seen.push(`${request.url} ${review.request.name}`);
          const { uid } = review.request;
          const answer = { uid, allowed: false, status: { message: "not here" } };
          response.end(JSON.stringify({ ...review, kind: "AdmissionReview", response: answer }));
        });
      });
      hook.listen(0, "127.0.0.1");
      await once(hook, "listening");
      try {
        const { port } = hook.address() as AddressInfo;
        const file = home.write(
          "webhook.yaml",
          `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: checks }
webhooks:
- name: checks.example.com
  admissionReviewVersions: [v1]
  sideEffects: None
  clientConfig: { service: { namespace: default, name: nobody, path: /validate } }
  rules: [{ operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [configmaps] }]
`,
        );
        await home.must(["up", file, "--name", "e2e-port"]);
        const create = ["kubectl", "--context", "sampan-e2e-port", "create", "configmap", "hooked"];
        const unreachable = await home.sampan(create);
        expect(unreachable.stderr).toContain('service "nobody" not found');
        expect(await home.must(["status", "--name", "e2e-port"])).toContain(
          'webhook "checks.example.com" fails',
        );
        expect(await home.must([...cert, "--point", "checks", "--port", String(port)])).toContain(
          `checks calls https://127.0.0.1:${port}/validate`,
        );
        const refused = await home.sampan(create);
        expect(refused.stderr).toContain(
          'admission webhook "checks.example.com" denied the request: not here',
        );
        expect(seen).toEqual(["/validate?timeout=10s hooked"]);
        await home.must(["kubectl", "--context", "sampan-e2e-port", "delete", "-f", file]);
      } finally {
        hook.closeAllConnections();
        hook.close();
      }
    });

    it("a broken file leaves the cluster running and names the place", async () => {
      const broken = home.write(
        "broken.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [unclosed\n",
      );
      const up = await home.sampan(["up", broken, "--name", "e2e-port"]);
      expect(up.stderr).toMatch(/broken\.yaml/);
      expect(up.stderr).not.toMatch(/^ +at /m);
      expect(up.code).toBe(1);
      const mixed = home.write(
        "mixed.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: good }\n---\napiVersion: v1\nkind: Nonsense\nmetadata: { name: bad }\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: 'Bad Name' }\n",
      );
      const partly = await home.sampan(["up", mixed, "--name", "e2e-port"]);
      expect(partly.stdout).toContain("configmap/good created");
      expect(partly.stderr).toContain("2 of 3 objects could not be applied");
      expect(partly.stderr).toContain('no matches for kind "Nonsense" in version "v1"');
      expect(partly.stderr).toContain('metadata.name: Invalid value: "Bad Name"');
      expect(partly.code).toBe(1);
      expect((await home.sampan(["status", "--name", "e2e-port"])).code).toBe(0);
    });

    it("keeps a cluster's runtime", async () => {
      const up = await home.sampan(["up", "--runtime", "crun", "--name", "e2e-port"]);
      expect(up.code).toBe(1);
      expectRefusal(up, 1, /was made with the runtime simulated/);
    });

    it("says what does not start, and why, when the time is over", async () => {
      const file = home.write(
        "late.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: { name: late }\nspec: { nodeSelector: { moon: full }, containers: [{ name: a, image: busybox }] }\n",
      );
      const up = await home.sampan(["up", file, "--timeout", "1", "--name", "e2e-port"]);
      expect(up.stdout).toContain("pod/late created");
      expect(up.stderr).toMatch(/pod\/late is not running: /);
      expect(up.code).toBe(1);
    });

    it("starts under names of every form", async () => {
      for (const name of ["0", "1a", "a-b-c", "a".repeat(32)]) {
        const up = await home.sampan(["up", "--name", name]);
        expect(up.code, name).toBe(0);
        expect((await home.sampan(["down", "--purge", "--name", name])).code, name).toBe(0);
        expect(existsSync(join(home.folder, "clusters", name)), name).toBe(false);
      }
    });

    it("says what this machine lacks, and offers what it can do", async () => {
      const up = ["up", "--name", "e2e-lacking"];
      const hide = `for name in crun runc conmon apt-get; do
          for folder in /usr/bin /usr/sbin; do
            if [ -e $folder/$name ]; then mount --bind /dev/null $folder/$name; fi
          done
        done; exec "$@"`;
      expectRefusal(
        await home.run("unshare", ["--mount", "sh", "-c", hide, "sh", process.execPath, ...program(), ...up]),
        1,
        /cannot run containers yet:\n +- crun or runc is not installed .*\n.*\n +- conmon is not installed [^]*--runtime simulated/,
      );
      await home.run("sh", ["-c", "chmod 711 .; mkdir -p nobody; chown 65534 nobody"]);
      const nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
      expectRefusal(
        await home.run("setpriv", [...nobody, process.execPath, ...program(), ...up], {
          env: { SAMPAN_HOME: join(home.folder, "nobody") },
        }),
        1,
        /cannot run containers yet:\n +- not running as root[^]*--runtime simulated/,
      );
      expect(existsSync(join(home.folder, "nobody", "e2e-lacking", "state.db"))).toBe(false);
    });

    it("a full disk is named, loses nothing, and is over when there is space again", async () => {
      const disk = join(home.folder, "disk");
      const env = { SAMPAN_HOME: disk };
      const sampan = (...args: string[]): Promise<Finished> =>
        home.run(process.execPath, [...program(), ...args, "--name", "e2e-full"], { env });
      const fill = (): Promise<Finished> => home.run("sh", ["-c", `head -c 50m /dev/zero > ${disk}/fill`]);
      await home.run("mkdir", [disk]);
      await home.run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk]);
      try {
        expect((await sampan("up", "--runtime", "simulated")).code).toBe(0);
        const cluster = new RunningCluster(home, "e2e-full");
        await cluster.kubectl(["create", "configmap", "before"]);
        await fill();
        const big = home.write("big", "x".repeat(500_000));
        const refused = await cluster.try(["create", "configmap", "refused", `--from-file=${big}`]);
        expect(refused.stderr).toContain("disk is full");
        expect(await cluster.get("configmap before", ".metadata.name")).toBe("before");
        await sampan("down");
        // Its end has freed a little.
        await fill();
        expectRefusal(await sampan("up"), 1, /the disk of .*e2e-full.* is full\n +free some space/);
        await home.run("rm", [join(disk, "fill")]);
        expect((await sampan("up")).code).toBe(0);
        await cluster.kubectl(["create", "configmap", "after"]);
        expect(await cluster.get("configmaps", ".items[*].metadata.name")).toBe(
          "after before kube-root-ca.crt",
        );
        expect((await sampan("down", "--purge")).code).toBe(0);
      } finally {
        await sampan("down", "--purge");
        await home.run("umount", [disk]);
      }
    });

    it("--help of every command shows examples", async () => {
      const overview = await home.sampan(["--help"]);
      expect(overview.code).toBe(0);
      for (const command of ["up", "down", "status", "kubeconfig", "logs", "server", "image"]) {
        expect(overview.stdout).toContain(`  ${command}`);
        const help = await home.sampan([command, "--help"]);
        expect(help.code).toBe(0);
        expect(help.stdout).toContain("Usage:\n  sampan ");
      }
      expect((await home.sampan(["--version"])).stdout).toMatch(/^sampan \d/);
    });

    it("server runs in the foreground until it is interrupted", async () => {
      const running = home.follow(process.execPath, [
        ...program(),
        "server",
        "--runtime",
        "simulated",
        "--name",
        "e2e-front",
      ]);
      await running.until(/ready/);
      const cluster = new RunningCluster(home, "e2e-front");
      await home.sampan(["kubeconfig", "--merge", "--name", "e2e-front"]);
      await eventually(async () =>
        expect(await cluster.get("nodes", ".items[*].status.conditions[?(@.type=='Ready')].status")).toBe(
          "True",
        ),
      );
      expectRefusal(
        await home.sampan(["server", "--name", "e2e-front"]),
        1,
        /cluster "e2e-front" runs already, as process \d+/,
      );
      await running.stop();
      expect(await running.ended()).toBe(0);
    });
  });
}
