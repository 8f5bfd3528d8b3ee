/** What the repository's package.json says that the package needs too. */
interface RootManifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** One way into the library. */
export interface Entry {
  /** As one imports it, after `sampan`: `.`, `./vitest`. */
  readonly path: string;
  /** The file's name in the package, without its ending. */
  readonly name: string;
  readonly source: string;
}

/** The oldest Node that has all that Sampan uses: node:sqlite without a flag, iterator helpers, require of modules. */
export const oldestNode = "22.13.0";

/** The repository's manifest names the source of each entry. */
export const entriesOf = ({ exports }: RootManifest): Entry[] =>
  Object.entries(exports).map(([path, source]) => ({
    path,
    name: path === "." ? "index" : path.slice("./".length),
    source,
  }));

/** Of the package. Koffi is native code; without it the library works, and so does all that needs no system calls. */
export function packageManifest(root: RootManifest): object {
  const { name, version, description, license, dependencies } = root;
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines: { node: `>=${oldestNode}` },
    bin: { sampan: "./dist/sampan.js" },
    exports: Object.fromEntries(entriesOf(root).map((entry) => [entry.path, conditions(entry)])),
    files: ["dist", "types"],
    optionalDependencies: { koffi: dependencies["koffi"] },
    peerDependencies: { vitest: ">=3.2" },
    peerDependenciesMeta: { vitest: { optional: true } },
  };
}

/** Types come from the source's place, so that declarations find each other; code has one file for each entry. */
function conditions({ name, source }: Entry): Record<string, string> {
  return {
    types: `./types/${source.replace(/^\.\/src\//, "").replace(/\.ts$/, ".d.ts")}`,
    import: `./dist/${name}.js`,
    // Vitest itself can only be imported.
    ...(name !== "vitest" && { require: `./dist/${name}.cjs` }),
    default: `./dist/${name}.js`,
  };
}
