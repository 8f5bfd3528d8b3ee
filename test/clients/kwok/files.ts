import { spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { parseYamlDocuments } from "../../../src/apimachinery/yaml.ts";

/** kwok as its authors publish it: its Stages and its test data are read where Go keeps the module, and nothing else. */
const module = "sigs.k8s.io/kwok@v0.8.0";

const folder = join(process.env["GOMODCACHE"] ?? join(homedir(), "go/pkg/mod"), module);

/** Why kwok's files are not there; undefined when they are. Fetches them where that is allowed. */
export function kwokMissing(): string | undefined {
  if (existsSync(folder)) return undefined;
  if (process.env["SAMPAN_CLIENTS"] !== "1")
    return `${module} is not in Go's cache; npm run clients fetches it`;
  const { GOFLAGS: _, ...env } = process.env;
  const { error } = spawnSync("go", ["mod", "download", module], {
    cwd: homedir(),
    timeout: 300_000,
    env: { ...env, GOFLAGS: "-mod=mod" },
  });
  return existsSync(folder) ? undefined : error === undefined ? `${module} cannot be fetched` : "needs Go";
}

export interface KwokObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
}

const objectsIn = (path: string): KwokObject[] =>
  parseYamlDocuments(readFileSync(path, "utf8")).filter(
    (object): object is KwokObject => object !== null && object !== undefined,
  );

/** The objects of a file of kwok. */
export const kwokObjects = (path: string): KwokObject[] => objectsIn(join(folder, path));

/** The Stages below a folder, without what kustomize makes of them. */
export const kwokStages = (path: string): KwokObject[] =>
  globSync("*.yaml", { cwd: join(folder, path) })
    .toSorted()
    .flatMap((file) => kwokObjects(join(path, file)))
    .filter(({ kind }) => kind === "Stage");

/** The folders that Stages lie in: `kustomize/stage/pod/fast`. */
export const stageFolders = (): string[] =>
  globSync("kustomize/stage/*/*/", { cwd: folder })
    .map((path) => path.replace(/\/$/, ""))
    .filter((path) => kwokStages(path).length > 0)
    .toSorted();

/** An object, and what kwok says that the Stages of its folder do to it. */
export interface KwokCase {
  /** `pod/general/pod-create`. */
  readonly name: string;
  readonly folder: string;
  readonly input: KwokObject;
  readonly output: unknown;
}

export function kwokCases(): KwokCase[] {
  return stageFolders().flatMap((path) =>
    globSync("testdata/*.input.yaml", { cwd: join(folder, path) })
      .toSorted()
      .flatMap((file) => {
        const [input] = kwokObjects(join(path, file));
        const [output] = parseYamlDocuments(
          readFileSync(join(folder, path, file.replace(".input.", ".output.")), "utf8"),
        );
        const name = `${path.replace("kustomize/stage/", "")}/${basename(file, ".input.yaml")}`;
        return input === undefined ? [] : [{ name, folder: path, input, output }];
      }),
  );
}
