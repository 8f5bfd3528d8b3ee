/**
 * Builds operators from the Go module proxy, into `.cache/operators`, which git ignores. They are programs that test us:
 * nothing of them is part of the project.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const folder = resolve(import.meta.dirname, "../../../.cache/operators");

export interface GoModule {
  readonly module: string;
  readonly version: string;
}

/** A module at a version: its source, and its programs. */
export class ModuleBuild {
  /** Manifests and samples lie there too. */
  readonly source: string;
  readonly #folder: string;
  readonly #module: GoModule;
  readonly #say: (line: string) => void;

  /** Downloads it; `say` hears what takes long. */
  constructor(module: GoModule, say: (line: string) => void) {
    this.#module = module;
    this.#say = say;
    this.#folder = join(folder, `${basename(module.module)}-${module.version}`);
    mkdirSync(this.#folder, { recursive: true });
    const output = this.#go(["mod", "download", "-json", `${module.module}@${module.version}`]);
    this.source = (JSON.parse(output) as { Dir: string }).Dir;
  }

  /** The static program of a package below the module; what was built before is used again. */
  program(main: string, flags: readonly string[] = []): string {
    const file = join(this.#folder, basename(main));
    if (existsSync(file)) return file;
    const path = `${this.#module.module}/${main}`;
    this.#say(`building ${path} ${this.#module.version} (once; minutes) …`);
    this.#writeModule();
    this.#go(["get", `${path}@${this.#module.version}`]);
    this.#go(["build", "-o", file, "-ldflags", ["-s -w", ...flags].join(" "), path]);
    return file;
  }

  /** A module of ours that asks for it, with the replacements that its own go.mod makes by other published modules. */
  #writeModule(): void {
    const original = readFileSync(join(this.source, "go.mod"), "utf8");
    const goLine = /^go .*$/m.exec(original)?.[0] ?? "go 1.26.0";
    const replaced = [...original.matchAll(/^(?:replace)?\s+(\S+(?: v\S+)? => [^.\s]\S* v\S+)/gm)];
    const lines = [
      "module sampan.dev/operators",
      goLine,
      `require ${this.#module.module} ${this.#module.version}`,
      ...replaced.map(([, replacement]) => `replace ${replacement}`),
    ];
    writeFileSync(join(this.#folder, "go.mod"), `${lines.join("\n")}\n`);
  }

  #go(words: readonly string[]): string {
    const { GOFLAGS: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync("go", words, {
      cwd: this.#folder,
      encoding: "utf8",
      env: { ...env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=mod" },
      maxBuffer: 1 << 28,
    });
    if (status !== 0) throw new Error(`go ${words.join(" ")}: ${stderr}`);
    return stdout;
  }
}
