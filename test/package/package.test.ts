/** The npm package as its user has it: packed, installed into an empty project, and used by each test runner. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jestProgram } from "../clients/programs.ts";

const repository = resolve(import.meta.dirname, "../..");
const missing = spawnSync("npm", ["--version"]).status === 0 ? undefined : "needs npm";

let project = "";
const installed = (): string => join(project, "node_modules/sampan");

/** A command in the project; both streams are one text, as somebody reads them. */
function run(file: string, ...args: string[]): { status: number | null; text: string } {
  const env = { PATH: process.env["PATH"], HOME: project, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(file, args, {
    cwd: project,
    encoding: "utf8",
    timeout: 120_000,
    env,
  });
  return { status, text: stdout + stderr };
}

const node = (...args: string[]): ReturnType<typeof run> => run(process.execPath, ...args);

/** Of the repository's own tools. */
function link(...names: string[]): void {
  for (const name of names) {
    mkdirSync(join(project, "node_modules", name, ".."), { recursive: true });
    symlinkSync(join(repository, "node_modules", name), join(project, "node_modules", name));
  }
}

/** By the types that the project has, whatever folders around it have. */
const check = (path: string): ReturnType<typeof run> =>
  run(join(repository, "node_modules/.bin/tsc"), "-p", path, "--typeRoots", "node_modules/@types");

describe.skipIf(missing !== undefined)(
  `the npm package${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    beforeAll(() => {
      project = mkdtempSync(join(tmpdir(), "sampan-package-"));
      const made = join(project, "made");
      execFileSync(process.execPath, ["tools/package.ts", made], { cwd: repository });
      cpSync(join(import.meta.dirname, "project"), project, { recursive: true });
      writeFileSync(
        join(project, "package.json"),
        '{ "name": "project", "private": true, "type": "module" }',
      );
      const packed = run("npm", "pack", made, "--silent").text.trim().split("\n").at(-1) ?? "";
      const { status, text } = run(
        "npm",
        "install",
        "--offline",
        "--omit=optional",
        "--no-audit",
        `./${packed}`,
      );
      if (status !== 0) throw new Error(`the package cannot be installed: ${text}`);
      link("vitest", "@types/node");
    }, 300_000);

    afterAll(() => rmSync(project, { recursive: true, force: true }));

    test("holds what is needed and nothing else", () => {
      const files = globSync("**/*.*", { cwd: installed() });
      const expected = /^(package\.json|README\.md|dist\/[^/]+\.(js|cjs|json|bin)|types\/[^.]+\.d\.ts)$/;
      expect(files.filter((file) => !expected.test(file))).toEqual([]);
      // Declarations reach no further than what is public; else a constructor or a field is to be marked @internal.
      expect(
        files.filter((file) => /^types\/(?!api|client|cluster|apimachinery)/.test(file)).length,
      ).toBeLessThan(40);
      const isOurs = (file: string): boolean =>
        [repository, homedir()].some(
          (path) => path.length > 1 && readFileSync(join(installed(), file), "utf8").includes(`${path}/`),
        );
      expect(files.filter((file) => file !== "README.md" && isOurs(file))).toEqual([]);
    });

    test("has types that a strict project can be checked with", () => {
      const { status, text } = check(".");
      expect(text).toBe("");
      expect(status).toBe(0);
    });

    test("is enough for the example of an operator", () => {
      const example = join(project, "operator");
      cpSync(join(repository, "examples/operator"), example, { recursive: true });
      // Its settings lead to the sources here; a project of its own has no such lines.
      const settings = readFileSync(join(example, "tsconfig.json"), "utf8");
      writeFileSync(
        join(example, "tsconfig.json"),
        settings.replace(/,\s*\/\/[^\n]*\s*"paths": \{[^}]*\}/, ""),
      );
      const { status, text } = check("operator");
      expect(text).toBe("");
      expect(status).toBe(0);
    });

    test("runs under node:test", () => {
      const { status, text } = node("--test", "--test-reporter=tap", "node-test.ts");
      expect(text).toMatch(/^ok 1 - createCluster$/m);
      expect(text).toMatch(/^ok 2 - withCluster$/m);
      expect(status).toBe(0);
    });

    test("runs under Vitest, and tells of what failed", () => {
      const { status, text } = node("node_modules/vitest/vitest.mjs", "run", "--dir", ".", "vitest.spec.ts");
      expect(text).toMatch(/1 failed \| 1 passed/);
      expect(text).toMatch(/sampan: "a failure" failed with seed \d+: SAMPAN_SEED=\d+ runs it again/);
      expect(text).toContain("Scaled up replica set");
      expect(status).toBe(1);
    });

    const jest = jestProgram();
    test.skipIf(jest.missing !== undefined)(
      `runs under Jest, and tells of what failed${jest.missing === undefined ? "" : ` (${jest.missing})`}`,
      { timeout: 400_000 },
      () => {
        jest.prepare();
        const config = JSON.stringify({ rootDir: project, testMatch: ["**/*.spec.cjs"], transform: {} });
        const { status, text } = node(jest.file, "--config", config);
        expect(text).toContain("1 failed, 1 passed, 2 total");
        expect(text).toMatch(/sampan: "a failure" failed with seed \d+/);
        expect(status).toBe(1);
      },
    );

    test("is the same whether it is imported or required", () => {
      const script = `
      const required = require("sampan");
      import("sampan").then((imported) => {
        console.log(Object.keys(required).every((name) => required[name] === imported[name]), Object.keys(required).join());
      });`;
      expect(node("-e", script)).toEqual({
        status: 0,
        text: expect.stringMatching(/^true .*\bcreateCluster\b/),
      });
    });

    test.each(["require('sampan')", "import('sampan')"])(
      "says which Node it needs to an older one: %s",
      (load) => {
        const older = 'Object.defineProperty(process.versions, "node", { value: "20.19.0" });';
        const { status, text } = node("-e", older + load);
        expect(text).toMatch(/Error: sampan needs Node\.js 22\.13\.0 or newer, and this is v/);
        expect(status).toBe(1);
      },
    );

    test("brings the command line", () => {
      expect(existsSync(join(project, "node_modules/.bin/sampan"))).toBe(true);
      const { status, text } = node("node_modules/.bin/sampan", "version");
      expect(text).toMatch(/^sampan \d+\.\d+\.\d+ \(Kubernetes v1\.36/);
      expect(status).toBe(0);
      expect(node("node_modules/.bin/sampan", "envtest", "assets").status).toBe(0);
      expect(run("assets/kube-apiserver", "--version").text).toContain("Kubernetes v1.36");
    });
  },
);
