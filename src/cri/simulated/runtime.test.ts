import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import type { ContainerConfig, CriError, PodSandboxConfig } from "../runtime.ts";
import { SimulatedRuntime } from "./runtime.ts";

function sandboxConfig(name: string, annotations: Record<string, string> = {}): PodSandboxConfig {
  return {
    name,
    namespace: "default",
    uid: `uid-${name}`,
    attempt: 0,
    hostname: name,
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    shareProcessNamespace: false,
    portMappings: [],
    sysctls: {},
    labels: {},
    annotations,
    logDirectory: `/logs/${name}`,
    qosClass: "BestEffort",
    resources: {},
  };
}

function containerConfig(name: string, command: string[] = [], attempt = 0): ContainerConfig {
  return {
    name,
    attempt,
    imageId: "sha256:1",
    image: "app",
    command,
    args: [],
    workingDir: "",
    env: [{ name: "GREETING", value: "hello" }],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: `${name}/${attempt}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: {
      privileged: false,
      supplementalGroups: [],
      readonlyRootfs: false,
      noNewPrivileges: false,
      addCapabilities: [],
      dropCapabilities: [],
      seccomp: "runtimeDefault",
      maskedPaths: true,
    },
  };
}

function setup() {
  const clock = new VirtualClock();
  const runtime = new SimulatedRuntime({ clock, random: new SeededRandom(1), podCidr: "10.1.0.0/29" });
  async function run(name: string, annotations: Record<string, string> = {}, command: string[] = []) {
    const sandboxId = await runtime.runPodSandbox(sandboxConfig(name, annotations));
    const id = await runtime.createContainer(sandboxId, containerConfig("app", command));
    await runtime.startContainer(id);
    return { sandboxId, id };
  }
  return { clock, runtime, run };
}

const p = "simulated.sampan.dev/";

describe("a simulated pod", () => {
  test("has an address of the range, and gives it back when it stops", async () => {
    const { runtime } = setup();
    const ips: string[] = [];
    for (let index = 0; index < 5; index++) {
      const id = await runtime.runPodSandbox(sandboxConfig(`p${index}`));
      ips.push(...(await runtime.podSandboxStatus(id)).ips);
      if (index === 0) await runtime.stopPodSandbox(id);
    }
    expect(ips).toEqual(["10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]);
    const again = await runtime.runPodSandbox(sandboxConfig("again"));
    expect((await runtime.podSandboxStatus(again)).ips).toEqual(["10.1.0.2"]);
    await expect(runtime.runPodSandbox(sandboxConfig("full"))).rejects.toMatchObject({
      code: "resourceExhausted",
    });
  });

  test("shares the node's address on the host network", async () => {
    const { runtime } = setup();
    const id = await runtime.runPodSandbox({ ...sandboxConfig("host"), hostNetwork: true });
    expect((await runtime.podSandboxStatus(id)).ips).toEqual([]);
  });

  test("is gone after removal, with its containers and logs", async () => {
    const { runtime, run } = setup();
    const { sandboxId } = await run("web", { [`${p}log`]: "hi" });
    await runtime.removePodSandbox(sandboxId);
    await runtime.removePodSandbox(sandboxId);
    expect(await runtime.listContainers()).toEqual([]);
    expect(await runtime.listPodSandboxes()).toEqual([]);
    expect(await runtime.logs.stat("/logs/web/app/0.log")).toBeUndefined();
  });
});

describe("a simulated container", () => {
  test("does nothing more when its node is gone", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web", {
      [`${p}log`]: "again",
      [`${p}log-every`]: "1s",
      [`${p}run-duration`]: "1m",
    });
    await clock.advance(2_500);
    await runtime.close();
    const printed = (await runtime.logs.stat("/logs/web/app/0.log"))?.sizeBytes;
    await clock.advance(120_000);
    expect((await runtime.logs.stat("/logs/web/app/0.log"))?.sizeBytes).toBe(printed);
    expect((await runtime.containerStatus(id)).state).toBe("running");
  });

  test("runs until it is stopped, and ends with 143", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web");
    await clock.advance(3_600_000);
    expect((await runtime.containerStatus(id)).state).toBe("running");
    await runtime.stopContainer(id, 30_000);
    expect(await runtime.containerStatus(id)).toMatchObject({
      state: "exited",
      exitCode: 143,
      reason: "Error",
    });
  });

  test("that ignores the stop signal is killed after the timeout", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web", { [`${p}ignore-stop`]: "true" });
    const stopped = runtime.stopContainer(id, 30_000);
    await clock.advance(29_000);
    expect((await runtime.containerStatus(id)).state).toBe("running");
    await clock.advance(1_000);
    await stopped;
    expect(await runtime.containerStatus(id)).toMatchObject({ state: "exited", exitCode: 137 });
  });

  test.each([
    [{ [`${p}run-duration`]: "10s", [`${p}exit-code`]: "3" }, [], 10_000, { exitCode: 3, reason: "Error" }],
    [
      { [`${p}run-duration.app`]: "1m", [`${p}run-duration`]: "1s" },
      [],
      60_000,
      { exitCode: 0, reason: "Completed" },
    ],
    [{ [`${p}exit-code`]: "2" }, [], 0, { exitCode: 2 }],
    [{}, ["sh", "-c", "echo hi; sleep 5; exit 4"], 5_000, { exitCode: 4 }],
    [{}, ["sleep", "2m"], 120_000, { exitCode: 0, reason: "Completed" }],
    [{ [`${p}oom-after`]: "7s" }, [], 7_000, { exitCode: 137, reason: "OOMKilled" }],
    [{ [`${p}crash-every`]: "10m" }, [], 600_000, { exitCode: 1, reason: "Error" }],
    [{ [`${p}crash-every`]: "1m", [`${p}exit-code`]: "139" }, [], 60_000, { exitCode: 139 }],
    [{ [`${p}crash-every`]: "2m", [`${p}run-duration`]: "1m" }, [], 60_000, { exitCode: 0 }],
  ])("obeys %j with command %j", async (annotations, command, afterMs, expected) => {
    const { clock, runtime, run } = setup();
    const { id } = await run("job", annotations, command);
    await clock.advance(Math.max(0, afterMs - 1));
    const before = (await runtime.containerStatus(id)).state;
    expect(before).toBe(afterMs > 0 ? "running" : "exited");
    await clock.advance(1);
    expect(await runtime.containerStatus(id)).toMatchObject({ state: "exited", ...expected });
  });

  test("has an exit code per attempt", async () => {
    const { clock, runtime } = setup();
    const sandbox = await runtime.runPodSandbox(sandboxConfig("job", { [`${p}exit-codes`]: "1,0" }));
    const codes: number[] = [];
    for (const attempt of [0, 1, 2]) {
      const id = await runtime.createContainer(sandbox, containerConfig("app", [], attempt));
      await runtime.startContainer(id);
      await clock.advance(1);
      codes.push((await runtime.containerStatus(id)).exitCode);
    }
    expect(codes).toEqual([1, 0, 0]);
  });

  test("cannot start when its script says so", async () => {
    const { runtime } = setup();
    const sandbox = await runtime.runPodSandbox(
      sandboxConfig("bad", { [`${p}start-error`]: "no such file" }),
    );
    const id = await runtime.createContainer(sandbox, containerConfig("app"));
    await expect(runtime.startContainer(id)).rejects.toThrow("no such file");
    expect(await runtime.containerStatus(id)).toMatchObject({
      state: "exited",
      reason: "ContainerCannotRun",
    });
  });

  test("writes its log as CRI lines", async () => {
    const { runtime, run } = setup();
    await run("web", {}, ["sh", "-c", "echo one; echo -n two"]);
    const text = (await runtime.logs.read("/logs/web/app/0.log", 0, 1_000)).toString();
    expect(text).toBe(
      "2026-01-01T00:00:00.000000000Z stdout F one\n2026-01-01T00:00:00.000000000Z stdout P two\n",
    );
  });

  test("prints lines in their time", async () => {
    const { clock, runtime, run } = setup();
    await run("web", { [`${p}log-at`]: "0s starting\n5s listening on :80" });
    await clock.advance(5_000);
    const text = (await runtime.logs.read("/logs/web/app/0.log", 0, 1_000)).toString();
    expect(text.split("\n").slice(0, 2)).toEqual([
      "2026-01-01T00:00:00.000000000Z stdout F starting",
      "2026-01-01T00:00:05.000000000Z stdout F listening on :80",
    ]);
  });

  test("that uses more memory than it may is killed for it", async () => {
    const { clock, runtime } = setup();
    const sandbox = await runtime.runPodSandbox(sandboxConfig("fat", { [`${p}memory`]: "32Mi,1m=80Mi" }));
    const limited = { ...containerConfig("app"), resources: { memoryLimitBytes: 64 * 2 ** 20 } };
    const id = await runtime.createContainer(sandbox, limited);
    await runtime.startContainer(id);
    await clock.advance(59_999);
    expect((await runtime.containerStats(id)).memoryWorkingSetBytes).toBe(32 * 2 ** 20);
    await clock.advance(1);
    expect(await runtime.containerStatus(id)).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
  });

  test("fails each kind of probe when its script says so", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web", {
      [`${p}startup-fails`]: "0s-5s",
      [`${p}readiness-fails`]: "10s-20s",
      [`${p}liveness-fails`]: "15s-",
    });
    const ask = async () =>
      await Promise.all(
        (["startup", "readiness", "liveness"] as const).map((kind) =>
          runtime.network.grpcCheck({ containerId: id, kind }).then((answer) => answer === "SERVING"),
        ),
      );
    const seen: boolean[][] = [];
    for (const ms of [0, 5_000, 5_000, 5_000, 5_000]) {
      await clock.advance(ms);
      seen.push(await ask());
    }
    expect(seen).toEqual([
      [false, true, true],
      [true, true, true],
      [true, false, true],
      [true, false, false],
      [true, true, false],
    ]);
  });

  test("passes probes when it is ready, and fails them when it has become unhealthy", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web", { [`${p}ready-after`]: "5s", [`${p}unhealthy-after`]: "20s" });
    const ask = async (kind: "readiness" | "liveness") =>
      (await runtime.network.httpGet({ containerId: id, kind })).statusCode;
    expect([await ask("readiness"), await ask("liveness")]).toEqual([503, 200]);
    await clock.advance(5_000);
    expect([await ask("readiness"), await ask("liveness")]).toEqual([200, 200]);
    await clock.advance(15_000);
    expect(await ask("liveness")).toBe(503);
  });
});

describe("commands in a simulated container", () => {
  test("execSync answers simple commands and fails those that take too long", async () => {
    const { clock, runtime, run } = setup();
    const { id } = await run("web");
    const result = await runtime.execSync(id, ["sh", "-c", 'echo "$GREETING world" && false'], 1_000);
    expect([result.exitCode, result.stdout.toString()]).toEqual([1, "hello world\n"]);
    const late = runtime.execSync(id, ["sleep", "10"], 1_000);
    const outcome = late.then(
      () => "ended",
      (error: CriError) => error.code,
    );
    await clock.advance(1_000);
    expect(await outcome).toBe("deadlineExceeded");
  });

  test("exec of cat copies stdin to stdout", async () => {
    const { runtime, run } = setup();
    const { id } = await run("web");
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    stdin.end("data");
    const result = await runtime.exec(id, ["cat"], false, { stdin, stdout }, new AbortController().signal);
    expect([result.exitCode, String(stdout.read())]).toEqual([0, "data"]);
  });

  test.each([
    [["tar", "-xmf", "-"], "tar -xmf -"],
    [["sh", "-c", "cat /etc/passwd | wc -l"], "sh -c cat /etc/passwd | wc -l"],
  ])("exec of %j, which is not known, is refused by name", async (command, shown) => {
    const { runtime, run } = setup();
    const { id } = await run("web");
    const stderr = new PassThrough();
    const result = await runtime.exec(id, command, false, { stderr }, new AbortController().signal);
    expect(result.exitCode).toBe(127);
    expect(String(stderr.read())).toBe(
      `sampan: pods of the simulated runtime only pretend to run, and do not know this command: ${shown}\n`,
    );
  });

  test("a shell on a terminal says which command it does not know, and goes on", async () => {
    const { runtime, run } = setup();
    const { id } = await run("web");
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    stdin.end("ls /\necho still here\n");
    await runtime.exec(id, ["sh"], true, { stdin, stdout }, new AbortController().signal);
    expect(String(stdout.read())).toMatch(/only pretend to run.*ls \/\nstill here\n$/);
  });

  test("a probe whose command is not known succeeds while the container is well", async () => {
    const { runtime, run } = setup();
    const { id } = await run("web");
    expect((await runtime.execSync(id, ["pg_isready"], 1000)).exitCode).toBe(0);
  });

  test("a forwarded port answers HTTP with the pod's name", async () => {
    const { runtime, run } = setup();
    const { sandboxId } = await run("web");
    const connection = await runtime.portForward(sandboxId, 80, new AbortController().signal);
    connection.writable.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(String(connection.readable.read())).toContain("simulated default/web");
    connection.close();
  });
});

test("events tell of starts, ends and memory kills", async () => {
  const { clock, runtime, run } = setup();
  const stop = new AbortController();
  const seen: string[] = [];
  const listening = (async () => {
    for await (const event of runtime.events(stop.signal)) seen.push(event.type);
  })();
  await clock.advance(0);
  await run("web", { [`${p}oom-after`]: "1s" });
  await clock.advance(1_000);
  stop.abort();
  await listening;
  expect(seen).toEqual(["started", "oom", "stopped"]);
});

test("the same seed gives the same identities", async () => {
  const ids = await Promise.all([setup(), setup()].map(({ run }) => run("web")));
  expect(ids[0]).toEqual(ids[1]);
});
