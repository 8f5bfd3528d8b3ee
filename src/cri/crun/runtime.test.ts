import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { buildBusybox, buildNginx } from "../../../test/images/build.ts";
import { RealClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SystemRandom } from "../../apimachinery/random.ts";
import { LocalImages } from "../../images/local-images.ts";
import { dockerArchive, testImage } from "../../images/testing/archives.ts";
import { probeHost } from "../../linux/host.ts";
import type { ContainerConfig, PodSandboxConfig } from "../runtime.ts";
import { containerConfig, plainSecurity, sandboxConfig } from "../testing/configs.ts";
import { type Behaviour, type RuntimeSubject, runtimeContract } from "../testing/runtime-contract.ts";
import { CrunRuntime } from "./runtime.ts";

/** Needs root, namespaces and the programs; skipped by name elsewhere. */
const missing = probeHost().filter((problem) => problem.fatal);
const skip = missing.length > 0;
const clock = new RealClock();
const parts = { clock, random: new SystemRandom(), logger: silentLogger };

let folder = "";
let images: LocalImages;
let busybox = "";

beforeAll(async () => {
  if (skip) return;
  folder = mkdtempSync(join(tmpdir(), "sampan-crun-"));
  images = new LocalImages({ directory: join(folder, "images"), ...parts });
  busybox = (await images.importImage((await buildBusybox()).archive))[0]?.id ?? "";
});
afterAll(() => {
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
});

interface Machine {
  readonly prefix: string;
  readonly rootDirectory: string;
  readonly podCidr: string;
}

/** Other tests, and other clusters, run on this machine: each runtime has a name and a range of its own. */
function machine(): Machine {
  const bytes = randomBytes(3);
  const prefix = `t${bytes.toString("hex")}`;
  return {
    prefix,
    rootDirectory: join(folder, prefix),
    podCidr: `10.2${30 + ((bytes[0] ?? 0) % 10)}.${bytes[1]}.0/24`,
  };
}

function open({ prefix, rootDirectory, podCidr }: Machine): Promise<CrunRuntime> {
  return CrunRuntime.open({
    rootDirectory,
    podCidr,
    interfacePrefix: prefix,
    images: images.store,
    ...parts,
    ...ociRuntime(),
  });
}

/** `script`, the fallback for terminals, knows nothing of the client's window. */
const canResize = process.env["SAMPAN_TEST_OCI_RUNTIME"] !== "runc" && process.env["SAMPAN_NO_FFI"] !== "1";

/** `SAMPAN_TEST_OCI_RUNTIME=runc` runs all of this with the fallback. */
function ociRuntime(): { ociRuntime?: "crun" | "runc" } {
  const name = process.env["SAMPAN_TEST_OCI_RUNTIME"];
  return name === "runc" || name === "crun" ? { ociRuntime: name } : {};
}

/** Everything on this machine that bears the name. */
function traces({ prefix, rootDirectory }: Machine): string[] {
  const found: string[] = [];
  if (existsSync(rootDirectory)) found.push(rootDirectory);
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    if (line.includes(rootDirectory)) found.push(line);
  }
  found.push(...readdirSync("/sys/class/net").filter((name) => name.startsWith(prefix)));
  if (execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).includes(prefix)) found.push("nft table");
  for (const controller of readdirSync("/sys/fs/cgroup")) {
    if (existsSync(join("/sys/fs/cgroup", controller, prefix))) found.push(`cgroup ${controller}`);
  }
  if (execFileSync("ip", ["route"], { encoding: "utf8" }).includes(prefix)) found.push("route");
  const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" });
  if (processes.includes(rootDirectory)) found.push("process");
  return found;
}

const commands: Record<Behaviour["kind"], (behaviour: Behaviour) => string[]> = {
  runs: () => ["sleep", "1000"],
  exits: (behaviour) => ["sh", "-c", `exit ${behaviour.kind === "exits" ? behaviour.code : 0}`],
  ignoresStop: () => ["sh", "-c", "trap '' TERM; while :; do sleep 1000; done"],
};

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return;
    await clock.sleep(10);
  }
  throw new Error("it did not come to pass in 5 s");
}

async function openSubject(): Promise<RuntimeSubject> {
  const place = machine();
  let runtime = await open(place);
  return {
    runtime,
    logDirectory: join(folder, "logs", place.prefix),
    behave: (behaviour) => ({ imageId: busybox, command: commands[behaviour.kind](behaviour) }),
    until,
    restart: async () => {
      await runtime.close();
      runtime = await open(place);
      return runtime;
    },
    dispose: async () => {
      await runtime.purge();
      expect(traces(place)).toEqual([]);
    },
  };
}

runtimeContract("crun", openSubject, { skip });

describe.skipIf(skip)("CrunRuntime", () => {
  let place: Machine;
  let runtime: CrunRuntime;
  beforeAll(async () => {
    place = machine();
    runtime = await open(place);
  });
  afterEach(async () => {
    for (const { id } of await runtime.listPodSandboxes()) await runtime.removePodSandbox(id);
  });
  afterAll(async () => {
    await runtime.purge();
    const left = traces(place);
    if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
  });

  let pods = 0;
  const sandbox = (changes: Partial<PodSandboxConfig> = {}): Promise<string> => {
    const name = `pod${pods++}`;
    return runtime.runPodSandbox(
      sandboxConfig(name, {
        logDirectory: join(folder, "logs", place.prefix, name),
        qosClass: "Burstable",
        ...changes,
      }),
    );
  };
  const start = async (
    sandboxId: string,
    changes: Partial<ContainerConfig>,
    name = "main",
  ): Promise<string> => {
    const id = await runtime.createContainer(
      sandboxId,
      containerConfig(name, { imageId: busybox, ...changes }),
    );
    await runtime.startContainer(id);
    return id;
  };
  const sleeping = { command: ["sleep", "1000"] };
  const shell = async (id: string, script: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await runtime.execSync(id, ["sh", "-c", script], 10_000);
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
    return stdout.toString().trim();
  };
  const log = async (id: string): Promise<string> =>
    readFileSync((await runtime.containerStatus(id)).logPath, "utf8");

  test("writes logs in CRI's form", async () => {
    const id = await start(await sandbox(), { command: ["sh", "-c", "echo out; echo err >&2; printf part"] });
    await until(async () => (await runtime.containerStatus(id)).state === "exited");
    const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}\S+`;
    const lines = (await log(id)).split("\n").map((line) => line.replace(new RegExp(`^${time} `), "T "));
    expect(lines.toSorted()).toEqual(["", "T stderr F err", "T stdout F out", "T stdout P part"].toSorted());
  });

  test("goes on in a new log after the old one was renamed", async () => {
    const id = await start(await sandbox(), {
      command: ["sh", "-c", "echo one; while [ ! -e /go ]; do sleep 0.05; done; echo two; sleep 1000"],
    });
    const path = (await runtime.containerStatus(id)).logPath;
    await until(async () => (await log(id)).includes("one"));
    renameSync(path, `${path}.1`);
    await runtime.reopenContainerLog(id);
    await until(() => existsSync(path));
    await shell(id, "touch /go");
    await until(async () => (await log(id)).includes("two"));
    expect(readFileSync(`${path}.1`, "utf8")).not.toContain("two");
  });

  test("gives containers the pod's name, network, resolver and shared memory", async () => {
    const sandboxId = await sandbox({ hostname: "web-0" });
    const one = await start(sandboxId, sleeping, "one");
    const two = await start(sandboxId, sleeping, "two");
    const [address] = (await runtime.podSandboxStatus(sandboxId)).ips;
    expect(await shell(one, "hostname; cat /etc/hostname")).toBe("web-0\nweb-0");
    expect(await shell(one, "ip -4 -o addr show eth0")).toContain(`inet ${address}/32`);
    expect(await shell(one, "cat /etc/resolv.conf")).toBe(
      "search default.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5",
    );
    await shell(one, "echo shared > /dev/shm/file");
    expect(await shell(two, "cat /dev/shm/file")).toBe("shared");
    await shell(one, "nc -l -p 8080 -e echo from one >/dev/null 2>&1 &");
    expect(
      await shell(
        two,
        "for i in 1 2 3 4 5 6 7 8 9 10; do nc 127.0.0.1 8080 2>/dev/null && break; sleep 0.1; done",
      ),
    ).toBe("from one");
    expect(await shell(one, "ps | grep -c '[s]leep 1000' || true")).toBe("1");
  });

  test("lets pods reach each other and the host, and the host reach them", async () => {
    const [first, second] = [await sandbox(), await sandbox()];
    const server = await start(first, { command: ["sh", "-c", "while :; do echo hi | nc -l -p 7; done"] });
    const client = await start(second, sleeping);
    const [address] = (await runtime.podSandboxStatus(first)).ips;
    const ask = `for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 2 ${address} 7 </dev/null 2>/dev/null && break; sleep 0.1; done`;
    expect(await shell(client, ask)).toBe("hi");
    const host = createServer((socket) => socket.end("host"));
    await new Promise<void>((resolve) => host.listen(0, resolve));
    const bound = host.address();
    const port = typeof bound === "object" ? bound?.port : 0;
    const gateway = await shell(client, "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'");
    expect(await shell(client, `nc -w 2 ${gateway} ${port} </dev/null`)).toBe("host");
    host.close();
    expect((await runtime.containerStatus(server)).state).toBe("running");
  });

  test("maps host ports", async () => {
    const hostPort = 20_000 + (randomBytes(2).readUInt16LE(0) % 10_000);
    const sandboxId = await sandbox({
      portMappings: [{ protocol: "TCP", hostPort, containerPort: 7, hostIp: "" }],
    });
    await start(sandboxId, { command: ["sh", "-c", "while :; do echo mapped | nc -l -p 7; done"] });
    const ask = (host: string): string =>
      execFileSync("sh", ["-c", `busybox nc -w 2 ${host} ${hostPort} </dev/null || true`], {
        encoding: "utf8",
      }).trim();
    const own =
      /src (\S+)/.exec(execFileSync("ip", ["route", "get", "192.0.2.77"], { encoding: "utf8" }))?.[1] ?? "";
    await until(() => ask(own) === "mapped");
    await until(() => ask("127.0.0.1") === "mapped");
    await runtime.stopPodSandbox(sandboxId);
    expect(ask(own)).toBe("");
  });

  describe("users", () => {
    const users: [string, Partial<ContainerConfig["security"]>, string][] = [
      ["root by default", {}, "0:0:0"],
      [
        "by number, with their group and memberships from the image",
        { runAsUser: 1000 },
        "1000:1000:1000 50",
      ],
      ["by name", { runAsUserName: "app" }, "1000:1000:1000 50"],
      ["by number and group", { runAsUser: 7, runAsGroup: 8, supplementalGroups: [9] }, "7:8:8 9"],
    ];
    test.each(users)("%s", async (_, security, expected) => {
      const id = await start(await sandbox(), { ...sleeping, security: { ...plainSecurity, ...security } });
      expect(await shell(id, 'echo "$(id -u):$(id -g):$(id -G)"')).toBe(expected);
    });

    test("that the image does not know are refused when the container is created", async () => {
      const security = { ...plainSecurity, runAsUserName: "nobody-here" };
      await expect(start(await sandbox(), { ...sleeping, security })).rejects.toThrow(
        "unable to find user nobody-here: no matching entries in passwd file",
      );
      expect(await runtime.listContainers()).toEqual([]);
    });
  });

  describe("security", () => {
    const capabilities = "grep CapEff /proc/self/status | cut -f2";
    test("gives the default capabilities, adds and drops", async () => {
      const sandboxId = await sandbox();
      const plain = await start(sandboxId, sleeping, "plain");
      expect(await shell(plain, capabilities)).toBe("00000000a80425fb");
      const none = await start(
        sandboxId,
        { ...sleeping, security: { ...plainSecurity, dropCapabilities: ["ALL"] } },
        "none",
      );
      expect(await shell(none, capabilities)).toBe("0000000000000000");
      const added = await start(
        sandboxId,
        {
          ...sleeping,
          security: { ...plainSecurity, dropCapabilities: ["ALL"], addCapabilities: ["NET_ADMIN"] },
        },
        "added",
      );
      expect(await shell(added, capabilities)).toBe("0000000000001000");
    });

    test("filters system calls unless unconfined", async () => {
      const sandboxId = await sandbox();
      const filtered = await start(sandboxId, sleeping, "filtered");
      expect(await shell(filtered, "grep ^Seccomp: /proc/self/status | cut -f2")).toBe("2");
      expect(await shell(filtered, "unshare -U true 2>/dev/null || echo refused")).toBe("refused");
      const free = await start(
        sandboxId,
        { ...sleeping, security: { ...plainSecurity, seccomp: "unconfined" } },
        "free",
      );
      expect(await shell(free, "grep ^Seccomp: /proc/self/status | cut -f2")).toBe("0");
    });

    test("keeps the root file system read-only when asked, but not volumes", async () => {
      const volume = join(folder, "volume");
      mkdirSync(volume, { recursive: true });
      const id = await start(await sandbox(), {
        ...sleeping,
        security: { ...plainSecurity, readonlyRootfs: true },
        mounts: [{ containerPath: "/data", hostPath: volume, readonly: false, propagation: "private" }],
      });
      expect(await shell(id, "touch /x 2>/dev/null || echo no; echo 1 > /data/x; cat /data/x")).toBe("no\n1");
      expect(readFileSync(join(volume, "x"), "utf8")).toBe("1\n");
    });

    test("hides kernel files, and shows all to the privileged", async () => {
      const sandboxId = await sandbox();
      const plain = await start(sandboxId, sleeping, "plain");
      expect(
        await shell(
          plain,
          "wc -c < /proc/interrupts; (echo 1 > /proc/sys/kernel/panic) 2>/dev/null || echo no",
        ),
      ).toBe("0\nno");
      const privileged = await start(
        sandboxId,
        { ...sleeping, security: { ...plainSecurity, privileged: true } },
        "privileged",
      );
      expect(
        await shell(
          privileged,
          "[ -w /proc/sys/kernel/panic ] && [ -e /dev/vda -o -e /dev/kmsg ] && echo yes",
        ),
      ).toBe("yes");
    });

    test("sees nothing of the host's processes, and all of them with hostPid", async () => {
      const own = await start(await sandbox(), sleeping);
      expect(await shell(own, "cat /proc/1/cmdline | tr '\\0' ' '")).toBe("sleep 1000");
      const host = await start(await sandbox({ hostPid: true }), sleeping);
      expect(await shell(host, "cat /proc/1/cmdline | tr '\\0' ' '")).not.toBe("sleep 1000");
    });
  });

  test("shares one process namespace between a pod's containers", async () => {
    const sandboxId = await sandbox({ shareProcessNamespace: true });
    const one = await start(sandboxId, { command: ["sleep", "1001"] }, "one");
    await start(sandboxId, { command: ["sleep", "1002"] }, "two");
    const processes = await shell(one, "ps -o args");
    expect(processes).toMatch(/init -P/);
    expect(processes).toContain("sleep 1001");
    expect(processes).toContain("sleep 1002");
  });

  test("uses the host's network when asked", async () => {
    const id = await start(await sandbox({ hostNetwork: true }), sleeping);
    expect(await shell(id, "ls /sys/class/net")).toContain("eth0");
    expect(await shell(id, "hostname")).toBe(execFileSync("hostname", { encoding: "utf8" }).trim());
  });

  test("sets sysctls of the pod", async () => {
    const id = await start(
      await sandbox({ sysctls: { "net.core.somaxconn": "77", "kernel.shm_rmid_forced": "1" } }),
      sleeping,
    );
    expect(await shell(id, "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced")).toBe(
      "77\n1",
    );
  });

  test("limits memory and says that it was the reason", async () => {
    const id = await start(await sandbox(), {
      command: ["sh", "-c", "x=a; while :; do x=$x$x; done"],
      resources: { memoryLimitBytes: 32 << 20 },
    });
    await until(async () => (await runtime.containerStatus(id)).state === "exited");
    expect(await runtime.containerStatus(id)).toMatchObject({ reason: "OOMKilled", exitCode: 137 });
  });

  test("measures and changes limits while it runs", async () => {
    const id = await start(await sandbox(), {
      ...sleeping,
      resources: { memoryLimitBytes: 64 << 20, cpuShares: 256 },
    });
    const stats = await runtime.containerStats(id);
    expect(stats.memoryUsageBytes).toBeGreaterThan(0);
    expect(stats.cpuUsageNs).toBeGreaterThan(0);
    await runtime.updateContainerResources(id, {
      memoryLimitBytes: 48 << 20,
      cpuQuotaUs: 20_000,
      cpuPeriodUs: 100_000,
    });
    const limit = await shell(
      id,
      "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max",
    );
    expect(limit).toBe(String(48 << 20));
  });

  describe("exec", () => {
    test("returns output and code", async () => {
      const id = await start(await sandbox(), sleeping);
      const result = await runtime.execSync(
        id,
        ["sh", "-c", "echo out; echo err >&2; echo dev > /dev/stdout; exit 3"],
        5000,
      );
      expect({ ...result, stdout: String(result.stdout), stderr: String(result.stderr) }).toEqual({
        exitCode: 3,
        stdout: "out\ndev\n",
        stderr: "err\n",
      });
    });

    test("kills what takes too long", async () => {
      const id = await start(await sandbox(), sleeping);
      await expect(runtime.execSync(id, ["sleep", "999"], 300)).rejects.toMatchObject({
        code: "deadlineExceeded",
      });
      await until(async () => (await shell(id, "ps | grep -c '[s]leep 999' || true")) === "0");
    });

    test("says that there is no such program", async () => {
      const id = await start(await sandbox(), sleeping);
      await expect(runtime.execSync(id, ["no-such-program"], 5000)).rejects.toThrow(/no-such-program/);
    });

    test("takes input to its end", async () => {
      const id = await start(await sandbox(), sleeping);
      const stdout = new PassThrough();
      const output = text(stdout);
      const { exitCode } = await runtime.exec(
        id,
        ["sort"],
        false,
        { stdin: Readable.from(["b\n", "a\n"]), stdout },
        new AbortController().signal,
      );
      stdout.end();
      expect(await output).toBe("a\nb\n");
      expect(exitCode).toBe(0);
    });

    test("copies input to output while more is to come, and goes on meanwhile", async () => {
      const id = await start(await sandbox(), sleeping);
      const [stdin, stdout] = [new PassThrough(), new PassThrough()];
      let seen = 0;
      stdout.on("data", (chunk: Buffer) => (seen += chunk.length));
      // busybox copies with sendfile, which on other kinds of descriptors holds locks that stop whoever reads.
      const running = runtime.exec(id, ["cat"], false, { stdin, stdout }, new AbortController().signal);
      for (const size of [6, 1 << 20, 1]) {
        const before = seen;
        stdin.write(Buffer.alloc(size, "x"));
        await until(() => seen === before + size);
      }
      stdin.end();
      expect(await running).toEqual({ exitCode: 0 });
    });

    test("ends when the client goes", async () => {
      const id = await start(await sandbox(), sleeping);
      const gone = new AbortController();
      const running = runtime.exec(id, ["sleep", "998"], false, {}, gone.signal);
      await until(async () => (await shell(id, "ps | grep -c '[s]leep 998' || true")) === "1");
      gone.abort();
      await running;
      await until(async () => (await shell(id, "ps | grep -c '[s]leep 998' || true")) === "0");
      expect((await runtime.containerStatus(id)).state).toBe("running");
    });

    test("with a terminal: input, output, sizes and code", async () => {
      const id = await start(await sandbox(), sleeping);
      const stdin = new PassThrough();
      const stdout = new PassThrough();
      let seen = "";
      stdout.on("data", (chunk: Buffer) => {
        seen += chunk.toString();
      });
      async function* sizes(): AsyncGenerator<{ width: number; height: number }> {
        yield { width: 91, height: 37 };
      }
      const running = runtime.exec(
        id,
        ["sh"],
        true,
        { stdin, stdout, resize: sizes() },
        new AbortController().signal,
      );
      await until(() => seen.includes("#"));
      stdin.write("tty; stty size; exit 5\n");
      expect(await running).toEqual({ exitCode: 5 });
      expect(seen).toContain("/dev/pts/0");
      expect(seen).toContain(canResize ? "37 91" : "0 0");
    });
  });

  test("attach joins the streams of the process, and leaves it running when the client goes", async () => {
    const id = await start(await sandbox(), {
      command: ["sh", "-c", "while read line; do echo got $line; echo warn >&2; done"],
      stdin: true,
    });
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    let out = "";
    let err = "";
    stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
    const gone = new AbortController();
    const attached = runtime.attach(id, false, { stdin, stdout, stderr }, gone.signal);
    stdin.write("hello\n");
    await until(() => out === "got hello\n" && err === "warn\n");
    gone.abort();
    await attached;
    expect((await runtime.containerStatus(id)).state).toBe("running");
    expect(await log(id)).toContain("stdout F got hello");
  });

  test("attach with a terminal", async () => {
    const id = await start(await sandbox(), { command: ["sh"], stdin: true, tty: true });
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    let out = "";
    stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
    const attached = runtime.attach(id, true, { stdin, stdout }, new AbortController().signal);
    stdin.write("tty; exit 4\n");
    await attached;
    expect(out).toContain("/dev/pts/0");
    await until(async () => (await runtime.containerStatus(id)).state === "exited");
    expect((await runtime.containerStatus(id)).exitCode).toBe(4);
  });

  test("portForward() reaches the pod's loopback", async () => {
    const sandboxId = await sandbox();
    const id = await start(sandboxId, {
      command: ["sh", "-c", "while :; do nc -l -p 7 -e cat; done"],
    });
    await until(async () => (await shell(id, "netstat -ltn")).includes(":7 "));
    const stream = await runtime.portForward(sandboxId, 7, new AbortController().signal);
    stream.writable.end("echo");
    expect(await text(stream.readable)).toBe("echo");
    stream.close();
    await expect(runtime.portForward(sandboxId, 9, new AbortController().signal)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("failed to connect to localhost:9"),
    });
  });

  test("a program that is not in the image is an error of starting, with code 128", async () => {
    const sandboxId = await sandbox();
    const id = await runtime.createContainer(
      sandboxId,
      containerConfig("main", { imageId: busybox, command: ["/no/such"] }),
    );
    await expect(runtime.startContainer(id)).rejects.toThrow(/\/no\/such/);
    expect(await runtime.containerStatus(id)).toMatchObject({
      state: "exited",
      exitCode: 128,
      reason: "StartError",
    });
  });

  describe("images as volumes", () => {
    const site = async (): Promise<string> => {
      const image = await testImage([
        [
          { name: "pages/index.html", content: "old" },
          { name: "run", content: "#!/bin/sh\necho ran\n", mode: 0o755 },
        ],
        [
          { name: "pages/index.html", content: "new" },
          { name: "out", type: "symlink", linkname: "/pages" },
        ],
      ]);
      writeFileSync(join(folder, "site.tar"), await dockerArchive(image, ["site"]));
      return (await images.importImage(join(folder, "site.tar")))[0]?.id ?? "";
    };
    const mount = (imageId: string, subPath = ""): Partial<ContainerConfig> => ({
      ...sleeping,
      imageMounts: [{ containerPath: "/site", imageId, subPath }],
    });

    test("show all layers, to be read only", async () => {
      const imageId = await site();
      const id = await start(await sandbox(), mount(imageId));
      expect(await shell(id, "echo $(cat /site/pages/index.html); /site/run 2>/dev/null || echo no")).toBe(
        "new\nno",
      );
      expect(await shell(id, "touch /site/x 2>/dev/null || echo no")).toBe("no");
      expect((await runtime.containerStatus(id)).mountedImageIds).toEqual([imageId]);
    });

    test.each(["pages", "/out"])("show the part %s alone", async (subPath) => {
      const id = await start(await sandbox(), mount(await site(), subPath));
      expect(await shell(id, "ls /site")).toBe("index.html");
    });

    test("are in use until the container is removed, and leave nothing behind", async () => {
      const id = await start(await sandbox(), mount(await site()));
      await expect(images.removeImage("site")).rejects.toMatchObject({ code: "failedPrecondition" });
      await runtime.removeContainer(id);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(id);
      await images.removeImage("site");
    });

    test("that are not there, or not in part, fail the creation and leave nothing behind", async () => {
      const sandboxId = await sandbox();
      const imageId = await site();
      const create = (changes: Partial<ContainerConfig>): Promise<string> =>
        runtime.createContainer(sandboxId, containerConfig("main", { imageId: busybox, ...changes }));
      await expect(create(mount(imageId, "none"))).rejects.toThrow(
        `ImageVolumeMountFailed: the image "${imageId}" has no "none"`,
      );
      await images.removeImage("site");
      await expect(create(mount(imageId))).rejects.toThrow(/^ImageVolumeMountFailed: .*not found/);
      expect(await runtime.listContainers()).toEqual([]);
      expect(readdirSync(join(place.rootDirectory, "containers"))).toEqual([]);
    });

    test("that a crash left mounted are cleared away", async () => {
      const other = machine();
      let second = await open(other);
      try {
        const sandboxId = await second.runPodSandbox(sandboxConfig("left"));
        const id = await second.createContainer(
          sandboxId,
          containerConfig("main", { imageId: busybox, ...mount(await site()) }),
        );
        await second.close();
        rmSync(join(other.rootDirectory, "containers", `${id}.json`));
        second = await open(other);
        expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(id);
        await images.removeImage("site");
      } finally {
        await second.purge();
      }
      expect(traces(other)).toEqual([]);
    });
  });

  test("notices an end that came while nobody was there", async () => {
    const other = machine();
    let second = await open(other);
    try {
      const config = sandboxConfig("gone", { logDirectory: join(folder, "logs", other.prefix) });
      const sandboxId = await second.runPodSandbox(config);
      const create = (name: string, command: string[]): Promise<string> =>
        second.createContainer(sandboxId, containerConfig(name, { imageId: busybox, command }));
      const [short, long] = [
        await create("short", ["sh", "-c", "sleep 0.2; exit 9"]),
        await create("long", ["sleep", "1000"]),
      ];
      await second.startContainer(short);
      await second.startContainer(long);
      const { pid } = await second.containerStatus(long);
      await second.close();
      process.kill(pid, "SIGKILL");
      await until(() => readdirSync(join(other.rootDirectory, "run", "exits")).length === 2);
      second = await open(other);
      expect(await second.containerStatus(short)).toMatchObject({ state: "exited", exitCode: 9 });
      expect(await second.containerStatus(long)).toMatchObject({ state: "exited", exitCode: 137 });
    } finally {
      await second.purge();
    }
    expect(traces(other)).toEqual([]);
  });

  test("starts many pods at once, each whole", async () => {
    const ids = await Promise.all(
      Array.from({ length: 12 }, async () =>
        start(await sandbox(), { command: ["sh", "-c", "hostname; exec sleep 1000"] }),
      ),
    );
    for (const id of ids) await until(async () => (await log(id)).includes("pod"));
    expect(new Set((await runtime.listPodSandboxes()).flatMap(({ ips }) => ips)).size).toBe(12);
  });

  test("serves the pages of nginx, built from Debian's package", async () => {
    const [image] = await images.importImage((await buildNginx()).archive);
    const pages = join(folder, "pages");
    mkdirSync(pages, { recursive: true });
    writeFileSync(join(pages, "index.html"), "from the volume");
    const sandboxId = await sandbox();
    const id = await start(sandboxId, {
      imageId: image?.id ?? "",
      mounts: [
        { containerPath: "/usr/share/nginx/html", hostPath: pages, readonly: false, propagation: "private" },
      ],
    });
    const [address] = (await runtime.podSandboxStatus(sandboxId)).ips;
    await until(() =>
      fetch(`http://${address}/`).then(
        (answer) => answer.ok,
        () => false,
      ),
    );
    expect(await (await fetch(`http://${address}/`)).text()).toBe("from the volume");
    await until(async () => (await log(id)).includes("GET / HTTP/1.1"));
    await runtime.stopContainer(id, 5000);
    expect((await runtime.containerStatus(id)).exitCode).toBe(0);
  });

  test("runs the Node of this machine from sampan.dev/node:host", async () => {
    const image = await images.imageStatus("sampan.dev/node:host");
    const script =
      "console.log(process.version, require('node:os').hostname()); require('node:dns').lookup('localhost', console.log)";
    const id = await start(await sandbox({ hostname: "node-pod" }), {
      imageId: image?.id ?? "",
      args: ["-e", script],
    });
    await until(async () => (await runtime.containerStatus(id)).state === "exited");
    expect(await log(id)).toContain(`stdout F ${process.version} node-pod`);
    expect((await runtime.containerStatus(id)).exitCode).toBe(0);
  });
});

test.skipIf(!skip)(
  `the embedded runtime is not tested here: ${missing.map(({ what }) => what).join("; ")}`,
  () => {
    expect(skip).toBe(true);
  },
);
