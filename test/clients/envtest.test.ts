import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { program, removeProgram } from "../e2e/sampan.ts";
import { eventually, freePort } from "../harness/cluster.ts";
import { goTests, javaSuite, pythonSuite } from "./programs.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-envtest-"));
});
afterAll(() => {
  removeProgram();
  rmSync(folder, { recursive: true, force: true });
});

function sampan(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const options = { encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder } } as const;
  return spawnSync(process.execPath, [...program(), ...args], options);
}

const stdoutOf = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: "utf8" });

describe("sampan envtest", { timeout: 60_000 }, () => {
  test("writes the three programs and prints the folder alone", () => {
    const assets = join(folder, "plain");
    expect(sampan("envtest", assets)).toMatchObject({ status: 0, stdout: `${assets}\n`, stderr: "" });
    expect(readdirSync(assets).sort()).toEqual(["etcd", "kube-apiserver", "kubectl"]);
    expect(stdoutOf(join(assets, "kube-apiserver"), "--version")).toContain("Kubernetes v1.36.0");
    // By the help envtest finds out which flags there are.
    const help = stdoutOf(join(assets, "kube-apiserver"), "--help");
    expect(help).toMatch(/^\s*--secure-port\b/m);
    expect(help).not.toMatch(/^\s*--insecure-port\b/m);
    expect(stdoutOf(join(assets, "etcd"), "--help")).toMatch(/^\s*--unsafe-no-fsync\b/m);
    expect(stdoutOf(join(assets, "kubectl"), "version", "--client")).toContain("Client Version");
  });

  test.each([
    [["envtest"], "envtest needs a folder to write to"],
    [["envtest", "/dev/null/assets"], "the programs cannot be written to /dev/null/assets: ENOTDIR"],
    [["envtest", "x", "--nodes", "many"], "--nodes many: how many is a number"],
    [
      ["envtest", "x", "--controllers", "all,deploymnt-controller"],
      /invalid argument "deploymnt-controller" for "--controllers": there are all, deployment-controller, /,
    ],
    [["stand-in", "kubelet"], 'there is no stand-in of "kubelet"'],
    [["stand-in", "kube-apiserver", "--insecure-port=0"], "Error: unknown flag: --insecure-port"],
    [["stand-in", "kube-apiserver", "--secure-port"], "Error: flag needs an argument: --secure-port"],
    [["stand-in", "kube-apiserver", "--secure-port=https"], 'invalid argument "https" for "--secure-port"'],
    [
      ["stand-in", "kube-apiserver", "--bind-address=localhost"],
      'invalid argument "localhost" for "--bind-address" flag: failed to parse IP: "localhost"',
    ],
    [
      ["stand-in", "kube-apiserver", "--service-cluster-ip-range=10.0.0.0"],
      'invalid argument "10.0.0.0" for "--service-cluster-ip-range"',
    ],
    [["stand-in", "kube-apiserver", "--authorization-mode=AlwaysAllow"], "AlwaysAllow is not supported"],
    [["stand-in", "kube-apiserver", "--client-ca-file=/no/such.crt"], "--client-ca-file: open /no/such.crt"],
    [
      ["stand-in", "kube-apiserver", "--disable-admission-plugins=ServiceAcount"],
      'Error: disable-admission-plugins plugin "ServiceAcount" is unknown',
    ],
    [
      ["stand-in", "kube-apiserver", "--sampan-controllers=none-such"],
      '"none-such" for "--sampan-controllers"',
    ],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = sampan(...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(status).not.toBe(0);
  });

  test("an API server whose suite was killed ends by itself", async () => {
    const assets = sampan("envtest", join(folder, "orphan")).stdout.trim();
    const port = await freePort();
    const suite = spawn("sh", ["-c", `'${assets}/kube-apiserver' --secure-port=${port} & wait`], {
      stdio: "ignore",
    });
    const healthy = (): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const request = get({
          port,
          host: "127.0.0.1",
          path: "/healthz",
          rejectUnauthorized: false,
          agent: false,
        });
        request.on("response", (response) => resolve(response.resume().statusCode));
        request.on("error", reject);
      });
    await eventually(async () => expect(await healthy()).toBe(200));
    suite.kill("SIGKILL");
    await once(suite, "exit");
    await eventually(async () => expect(await healthy().catch(() => "gone")).toBe("gone"));
  });
});

describe("a suite as kubebuilder lays one out, with controller-runtime's own envtest", () => {
  const suite = goTests("operator", "./internal/controller");

  test.skipIf(suite.missing !== undefined)(
    `runs unchanged${suite.missing === undefined ? "" : ` (${suite.missing})`}`,
    { timeout: 700_000 },
    () => {
      suite.prepare();
      const assets = sampan("envtest", join(folder, "suite")).stdout.trim();
      const { status, stdout, stderr } = spawnSync(suite.file, ["-test.v"], {
        cwd: suite.folder,
        encoding: "utf8",
        timeout: 120_000,
        env: { PATH: process.env["PATH"], HOME: folder, KUBEBUILDER_ASSETS: assets },
      });
      expect(stdout.match(/^--- FAIL.*$/gm) ?? [], stdout + stderr).toEqual([]);
      expect(stdout.match(/^--- PASS/gm)).toHaveLength(6);
      expect(status).toBe(0);
      expect(existsSync(assets)).toBe(true);
    },
  );
});

describe("a suite in Java, with fabric8's kube-api-test", () => {
  const suite = javaSuite();

  test.skipIf(suite.missing !== undefined)(
    `runs unchanged${suite.missing === undefined ? "" : ` (${suite.missing})`}`,
    { timeout: 900_000 },
    () => {
      suite.prepare();
      // Where it looks for programs that it need not download.
      const home = join(folder, "kube-api-test");
      const os = { linux: "linux", darwin: "darwin", win32: "windows" }[process.platform as "linux"];
      const arch = process.arch === "x64" ? "amd64" : process.arch;
      sampan("envtest", join(home, "k8s", `1.36.0-${os}-${arch}`));
      const { status, stdout, stderr } = spawnSync(
        "java",
        ["-cp", join(suite.file, "*"), suite.source, home],
        {
          encoding: "utf8",
          timeout: 180_000,
          env: { PATH: process.env["PATH"], HOME: folder },
        },
      );
      expect(stdout.match(/^FAIL.*$/gm) ?? [], stdout + stderr).toEqual([]);
      expect(stdout.match(/^PASS/gm), stderr).toHaveLength(4);
      expect(status).toBe(0);
    },
  );
});

describe("a suite in Python, with kubernetes_lite's envtest", () => {
  const suite = pythonSuite();

  test.skipIf(suite.missing !== undefined)(
    `runs unchanged${suite.missing === undefined ? "" : ` (${suite.missing})`}`,
    { timeout: 700_000 },
    () => {
      suite.prepare();
      const assets = sampan("envtest", join(folder, "python")).stdout.trim();
      const { status, stdout, stderr } = spawnSync(suite.file, [suite.source], {
        encoding: "utf8",
        timeout: 120_000,
        env: { PATH: process.env["PATH"], HOME: folder, KUBEBUILDER_ASSETS: assets },
      });
      expect(stdout.match(/^FAIL.*$/gm) ?? [], stdout + stderr).toEqual([]);
      expect(stdout.match(/^PASS/gm), stderr).toHaveLength(3);
      expect(status).toBe(0);
    },
  );
});
