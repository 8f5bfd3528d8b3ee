import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseYamlDocuments } from "../../../src/apimachinery/yaml.ts";
import { cacheFolder } from "../programs.ts";

/** Definitions that people use, as their projects publish them: in the module of their Go code. */
interface Pack {
  readonly name: string;
  readonly module: string;
  readonly definitions: string;
  /** Objects of theirs, beside ours. */
  readonly examples?: string;
}

const packs: readonly Pack[] = [
  {
    name: "gateway-api",
    module: "sigs.k8s.io/gateway-api@v1.4.0",
    definitions: "config/crd/experimental/*_*.yaml",
    examples: "examples/{standard,experimental}/**/*.yaml",
  },
  {
    name: "cert-manager",
    module: "github.com/cert-manager/cert-manager@v1.19.1",
    definitions: "deploy/crds/*.yaml",
  },
  {
    name: "prometheus-operator",
    module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
    definitions: "example/prometheus-operator-crd/*.yaml",
  },
];

export interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

export interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

export interface Sample {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** What is at hand of a pack. */
export interface PackAtHand {
  readonly name: string;
  /** Why there is nothing; undefined when there is. */
  readonly missing: string | undefined;
  definitions(): Definition[];
  samples(): Sample[];
}

/** All packs. What is not there is fetched with SAMPAN_CLIENTS=1 (`npm run clients`) only. */
export const packsAtHand = (): PackAtHand[] =>
  packs.map((pack) => {
    const folder = join(cacheFolder, "definitions", basename(pack.module));
    if (!existsSync(folder) && process.env["SAMPAN_CLIENTS"] === "1") fetchPack(pack, folder);
    const missing = existsSync(folder) ? undefined : "not fetched; npm run clients does, with Go";
    return {
      name: pack.name,
      missing,
      definitions: () =>
        documentsIn<Definition>(folder, pack.definitions).filter(
          (each) => (each as unknown as Sample).kind === "CustomResourceDefinition",
        ),
      samples: () => [
        ...documentsIn<Sample>(import.meta.dirname, `${pack.name}.yaml`),
        ...(pack.examples === undefined ? [] : documentsIn<Sample>(folder, pack.examples)),
      ],
    };
  });

function documentsIn<T>(folder: string, pattern: string): T[] {
  return globSync(pattern, { cwd: folder })
    .toSorted()
    .flatMap((file) => parseYamlDocuments(readFileSync(join(folder, file), "utf8")))
    .filter((document) => document !== null && document !== undefined) as T[];
}

/** Without Go nothing is fetched, which is no error. */
function fetchPack({ module, definitions, examples }: Pack, folder: string): void {
  const { GOFLAGS: _, ...env } = process.env;
  const { stdout } = spawnSync("go", ["mod", "download", "-json", module], {
    cwd: tmpdir(),
    env,
    encoding: "utf8",
    timeout: 300_000,
  });
  const { Dir: source } = JSON.parse(stdout === "" ? "{}" : stdout) as { Dir?: string };
  if (source === undefined) return;
  const half = `${folder}.part`;
  for (const pattern of [definitions, ...(examples === undefined ? [] : [examples])]) {
    for (const file of globSync(pattern, { cwd: source })) {
      mkdirSync(join(half, file, ".."), { recursive: true });
      cpSync(join(source, file), join(half, file));
    }
  }
  renameSync(half, folder);
}
