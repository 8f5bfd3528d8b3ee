/**
 * Builds Kubernetes' own end-to-end tests, and the test program of their images, from the Go module proxy. Both are clients
 * that test us: nothing of them is part of the project. They land in `.cache/upstream`, which git ignores; the first build
 * takes some minutes and 3 GB of Go's cache.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const upstreamVersion = "1.36.1";
const etcdVersion = "3.6.8";
/** Of the modules that are published apart. */
const publishedVersion = `v0.${upstreamVersion.split(".").slice(1).join(".")}`;

const folder = resolve(import.meta.dirname, "../../.cache/upstream");

export interface UpstreamPrograms {
  /** Kubernetes' end-to-end tests, a Ginkgo program. */
  readonly tests: string;
  /** The program of most test images. */
  readonly agnhost: string;
  /** An API server that stands beside that of a cluster, and the store that it brings. */
  readonly sampleApiServer: string;
  readonly etcd: string;
  /** Kubernetes' source, for images' static files. */
  readonly source: string;
}

/** Undefined where no Go toolchain is on the machine. */
export function goVersion(): string | undefined {
  const result = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

/** What was built before is used again; `say` hears what takes long. */
export function buildUpstream(say: (line: string) => void): UpstreamPrograms {
  mkdirSync(folder, { recursive: true });
  const tests = join(folder, `e2e.test-${upstreamVersion}`);
  const agnhost = join(folder, `agnhost-${upstreamVersion}`);
  const source = downloadSource();
  if (!existsSync(tests) || !existsSync(agnhost)) writeModule(source);
  if (!existsSync(tests)) {
    say(`building the end-to-end tests of Kubernetes ${upstreamVersion} (once; several minutes) …`);
    go(["test", "-c", "-o", tests, "k8s.io/kubernetes/test/e2e"]);
  }
  if (!existsSync(agnhost)) {
    say("building agnhost (once) …");
    go(["build", "-o", agnhost, "-ldflags", "-s -w", "k8s.io/kubernetes/test/images/agnhost"]);
  }
  return { tests, agnhost, sampleApiServer: buildSampleApiServer(say), etcd: buildEtcd(say), source };
}

function buildSampleApiServer(say: (line: string) => void): string {
  const program = join(folder, `sample-apiserver-${upstreamVersion}`);
  if (!existsSync(program)) {
    say("building sample-apiserver (once) …");
    buildModule("sample-apiserver", "k8s.io/sample-apiserver", publishedVersion, program);
  }
  return program;
}

function buildEtcd(say: (line: string) => void): string {
  const program = join(folder, `etcd-${etcdVersion}`);
  if (!existsSync(program)) {
    say(`building etcd ${etcdVersion} (once) …`);
    buildModule("etcd", "go.etcd.io/etcd/server/v3", `v${etcdVersion}`, program);
  }
  return program;
}

/** Builds a program in a module of its own: it asks for other versions than Kubernetes' tests do. */
function buildModule(name: string, path: string, version: string, program: string): void {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "go.mod"), `module sampan.dev/${name}\n`);
  go(["get", `${path}@${version}`], own);
  go(["build", "-o", program, "-ldflags", "-s -w", path], own);
}

/** Builds the program of `oracle/`, which asks Kubernetes' own strategies; the first build takes a minute or more. */
export function buildOracle(say: (line: string) => void): string {
  const program = join(folder, `oracle-${upstreamVersion}`);
  const target = join(folder, "oracle");
  mkdirSync(target, { recursive: true });
  if (!existsSync(join(folder, "go.mod"))) {
    say(`downloading the source of Kubernetes ${upstreamVersion} (once) …`);
    writeModule(downloadSource());
  }
  const sources = resolve(import.meta.dirname, "oracle");
  for (const file of ["main.go", "strategies.go", "services.go"]) {
    copyFileSync(join(sources, file), join(target, file));
  }
  go(["build", "-o", program, "./oracle"]);
  return program;
}

/** Builds Kubernetes' API server and the etcd that it stores in; the first build takes some minutes. */
export function buildApiServer(say: (line: string) => void): {
  readonly apiServer: string;
  readonly etcd: string;
} {
  const apiServer = join(folder, `kube-apiserver-${upstreamVersion}`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(apiServer)) {
    say(`building kube-apiserver ${upstreamVersion} (once; several minutes) …`);
    if (!existsSync(join(folder, "go.mod"))) writeModule(downloadSource());
    const version = `-X k8s.io/component-base/version.gitVersion=v${upstreamVersion}`;
    go(["build", "-o", apiServer, "-ldflags", `-s -w ${version}`, "k8s.io/kubernetes/cmd/kube-apiserver"]);
  }
  return { apiServer, etcd: buildEtcd(say) };
}

function downloadSource(): string {
  const output = go(["mod", "download", "-json", `k8s.io/kubernetes@v${upstreamVersion}`]);
  return (JSON.parse(output) as { Dir: string }).Dir;
}

/**
 * Kubernetes' go.mod leads to folders of its own repository for the modules that are published apart. Ours asks for those
 * modules as published, in the version that belongs to it.
 */
function writeModule(source: string): void {
  const original = readFileSync(join(source, "go.mod"), "utf8");
  const goLine = /^go .*$/m.exec(original)?.[0] ?? "go 1.26.0";
  const required = [...original.matchAll(/^\s*(\S+) (v\S+)(?: \/\/ indirect)?$/gm)].map(
    ([, path = "", version = ""]) => ({ path, version }),
  );
  const isStaged = (version: string): boolean => version === "v0.0.0";
  const lines = [
    "module sampan.dev/upstream",
    goLine,
    `require k8s.io/kubernetes v${upstreamVersion}`,
    ...required.filter((m) => !isStaged(m.version)).map((m) => `require ${m.path} ${m.version}`),
    ...required
      .filter((m) => isStaged(m.version))
      .map((m) => `replace ${m.path} => ${m.path} ${publishedVersion}`),
  ];
  writeFileSync(join(folder, "go.mod"), `${lines.join("\n")}\n`);
  writeFileSync(
    join(folder, "programs.go"),
    'package upstream\n\nimport (\n\t_ "k8s.io/kubernetes/test/e2e"\n\t_ "k8s.io/kubernetes/test/images/agnhost/connect"\n)\n',
  );
  go(["mod", "tidy", "-e"]);
}

function go(words: readonly string[], cwd = folder): string {
  return execFileSync("go", words, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=mod" },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
}
