import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** Where what clients need is kept between runs: built programs, packages. Git ignores it. */
export const cacheFolder = resolve(import.meta.dirname, "../../.cache/clients");

/** Whether what is missing may be built or fetched, which takes minutes and the network. */
const mayBuild = process.env["SAMPAN_CLIENTS"] === "1";

/** A client in another language: a program that reports a line of JSON per scenario. */
export interface ClientProgram {
  /** Why it cannot run here; undefined when it can. */
  readonly missing: string | undefined;
  /** The names of its scenarios, in the order in which they run. */
  readonly scenarios: readonly string[];
  /** Builds or fetches what is not there yet. */
  readonly prepare: () => void;
  /** Before the arguments of the program. */
  readonly command: readonly [string, ...string[]];
}

function run(file: string, args: readonly string[], cwd: string, timeout: number): void {
  const { GOFLAGS: _, ...env } = process.env;
  const options = { cwd, timeout, encoding: "utf8", env: { ...env, CGO_ENABLED: "0" } } as const;
  const { status, stderr } = spawnSync(file, args, options);
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: ${stderr}`);
}

const works = (file: string, ...args: string[]): boolean => spawnSync(file, args).status === 0;

const named = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, name = ""]) => name);

/** client-go and controller-runtime. */
export function goClient(): ClientProgram {
  const { missing, file, prepare } = goProgram("go", ".");
  return {
    missing,
    scenarios: named(readFileSync(join(import.meta.dirname, "go/all.go"), "utf8"), /^\tadd\w*\("([^"]+)"/gm),
    command: [file],
    prepare,
  };
}

/** A program that runs by itself, under the eyes of a test. */
export interface BuiltProgram {
  /** Why it cannot run here; undefined when it can. */
  readonly missing: string | undefined;
  /** Where it is once it was built. */
  readonly file: string;
  /** Builds it when it is not there yet. */
  readonly prepare: () => void;
}

/** A package of a Go module in a folder beside this file. What was built from other sources is another program. */
export const goProgram = (name: string, main: string): BuiltProgram =>
  builtByGo(name, name, ["build", "-buildvcs=false"], main);

/** The tests of a package, as a program. They are to run in the package's own folder. */
export function goTests(name: string, packageName: string): BuiltProgram & { readonly folder: string } {
  const folder = join(import.meta.dirname, name, packageName);
  return { ...builtByGo(name, `${name}-tests`, ["test", "-c", "-buildvcs=false"], packageName), folder };
}

function builtByGo(name: string, program: string, verb: readonly string[], main: string): BuiltProgram {
  const folder = join(import.meta.dirname, name);
  const hash = createHash("sha256");
  for (const source of globSync("{**/*.go,go.mod,go.sum}", { cwd: folder }).sort()) {
    hash.update(source).update(readFileSync(join(folder, source)));
  }
  const file = join(cacheFolder, `${program}-${hash.digest("hex").slice(0, 12)}`);
  const isBuilt = existsSync(file);
  const hasGo = isBuilt || works("go", "version");
  return {
    missing: !hasGo ? "needs Go" : isBuilt || mayBuild ? undefined : "not built; npm run clients does",
    file,
    prepare() {
      if (existsSync(file)) return;
      mkdirSync(cacheFolder, { recursive: true });
      run("go", [...verb, "-mod=readonly", "-o", file, main], folder, 600_000);
    },
  };
}

/** The official Python client, in an environment of its own. */
export function pythonClient(): ClientProgram {
  const { missing, file, prepare } = pythonEnvironment("python", "requirements.txt", "kubernetes");
  const program = join(import.meta.dirname, "python/scenarios.py");
  const scenarios = named(readFileSync(program, "utf8"), /^@scenario\("([^"]+)"/gm);
  return { missing, scenarios, command: [file, program], prepare };
}

/** A suite on controller-runtime's envtest as Python has it; its file is the interpreter that runs it. */
export function pythonSuite(): BuiltProgram & { readonly source: string } {
  const environment = pythonEnvironment("python-envtest", "requirements-envtest.txt", "kubernetes_lite");
  return { ...environment, source: join(import.meta.dirname, "python/envtest_suite.py") };
}

/** An interpreter with the packages of a file, known by one of them. */
function pythonEnvironment(name: string, requirements: string, packageName: string): BuiltProgram {
  const folder = join(import.meta.dirname, "python");
  const environment = join(cacheFolder, name);
  const file = join(environment, "bin/python");
  const isInstalled = (): boolean => works(file, "-c", `import ${packageName}`);
  const isReady = isInstalled();
  const hasPython = isReady || works("python3", "-c", "import venv");
  return {
    missing: !hasPython
      ? "needs Python"
      : isReady || mayBuild
        ? undefined
        : "not installed; npm run clients does",
    file,
    prepare() {
      if (isInstalled()) return;
      mkdirSync(cacheFolder, { recursive: true });
      run("python3", ["-m", "venv", environment], folder, 120_000);
      run(file, ["-m", "pip", "install", "--quiet", "-r", requirements], folder, 300_000);
    },
  };
}

/** Jest, which the repository has no other use for. */
export function jestProgram(): BuiltProgram {
  const folder = join(cacheFolder, "jest");
  const file = join(folder, "node_modules/jest/bin/jest.js");
  return {
    missing: existsSync(file) || mayBuild ? undefined : "not installed; npm run clients does",
    file,
    prepare() {
      if (existsSync(file)) return;
      mkdirSync(folder, { recursive: true });
      const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
      run("npm", ["install", "--prefix", folder, ...quiet, "jest@30"], folder, 300_000);
    },
  };
}

/** A suite on fabric8's kube-api-test; its file is the folder of the libraries that it runs with. */
export function javaSuite(): BuiltProgram & { readonly source: string } {
  const folder = join(import.meta.dirname, "java");
  const pom = join(folder, "pom.xml");
  const hash = createHash("sha256").update(readFileSync(pom)).digest("hex").slice(0, 12);
  const file = join(cacheFolder, `java-${hash}`);
  const isFetched = existsSync(file);
  const hasJava = works("java", "-version") && (isFetched || works("mvn", "--version"));
  return {
    missing: !hasJava
      ? "needs Java 17 and Maven"
      : isFetched || mayBuild
        ? undefined
        : "not fetched; npm run clients does",
    file,
    source: join(folder, "Suite.java"),
    prepare() {
      if (existsSync(file)) return;
      mkdirSync(cacheFolder, { recursive: true });
      const libraries = `-DoutputDirectory=${file}`;
      run("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", libraries], folder, 600_000);
    },
  };
}
