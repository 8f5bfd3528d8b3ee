/**
 * Builds the oracle: Kubernetes' own environment of expressions, from the Go module proxy. It is a client that tests us, no
 * part of the project; it lands in `.cache/cel-oracle`, which git ignores.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const folder = resolve(import.meta.dirname, "../../../.cache/cel-oracle");
const source = join(import.meta.dirname, "main.go");

const goMod = `module sampan.dev/cel-oracle

go 1.26.0

require (
	github.com/google/cel-go v0.26.0
	k8s.io/apiextensions-apiserver v0.36.1
	k8s.io/apimachinery v0.36.1
	k8s.io/apiserver v0.36.1
)
`;

/** The path of the program; undefined where no Go toolchain is on the machine. */
export function buildOracle(say: (line: string) => void): string | undefined {
  if (spawnSync("go", ["version"]).status !== 0) return undefined;
  const program = join(folder, "oracle");
  const copy = join(folder, "main.go");
  mkdirSync(folder, { recursive: true });
  const isNew = !existsSync(copy) || readFileSync(copy, "utf8") !== readFileSync(source, "utf8");
  if (!isNew && existsSync(program)) return program;
  if (!existsSync(join(folder, "go.mod"))) writeFileSync(join(folder, "go.mod"), goMod);
  copyFileSync(source, copy);
  say("building the oracle of expressions (once; a minute or two) …");
  const go = (...words: string[]) =>
    execFileSync("go", words, {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=mod" },
    });
  go("mod", "tidy", "-e");
  go("build", "-o", "oracle", ".");
  return program;
}
