import { build } from "esbuild";
import { type Entry, oldestNode } from "./manifest.ts";

interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** Where the helper for Vitest, which is a module of its own, finds what it shares with the others. */
const shared = { name: "testCluster", source: "./src/cluster/library/testing/test-cluster.ts" };

const [oldestMajor = 0, oldestMinor = 0] = oldestNode.split(".").map(Number);

/** Said before anything else runs: an older Node would fail later, and not say why. */
const versionCheck = `{const [a,b]=process.versions.node.split(".").map(Number);
if(a<${oldestMajor}||a===${oldestMajor}&&b<${oldestMinor})throw new Error("sampan needs Node.js ${oldestNode} or newer, and this is "+process.version)}
`;

/**
 * The library is one CommonJS script, and each entry a few lines that hand out what is in it: both `import` and
 * `require` get the same objects, Jest can load it, and one file is read faster than two hundred. Modules that are loaded
 * when first needed are in it too; until then they cost no more than their text.
 */
export async function libraryFiles(entries: readonly Entry[]): Promise<TextFile[]> {
  const parts = [...entries.filter(({ name }) => name !== "vitest"), shared];
  const { outputFiles } = await build({
    stdin: {
      contents: parts
        .map(({ name, source }) => `export * as ${camelCase(name)} from "${source}";`)
        .join("\n"),
      resolveDir: ".",
      loader: "ts",
    },
    bundle: true,
    write: false,
    platform: "node",
    format: "cjs",
    // What an older Node cannot read at all it could not refuse either.
    target: "node20",
    supported: { "dynamic-import": false },
    external: ["koffi"],
    define: { "import.meta.url": "__url" },
    banner: { js: `${versionCheck}const __url=require("node:url").pathToFileURL(__filename).href;` },
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
  });
  const script = { name: "library.cjs", text: outputFiles[0]?.text ?? "" };
  const ways = await Promise.all(
    entries.map(async (entry) => (entry.name === "vitest" ? [await vitest(entry)] : await wayIn(entry))),
  );
  return [script, ...ways.flat()];
}

async function wayIn({ name, source }: Entry): Promise<TextFile[]> {
  const names = Object.keys((await import(new URL(`../../${source}`, import.meta.url).href)) as object);
  return [
    {
      name: `${name}.js`,
      // Node would look through the whole script for names of exports if it were imported.
      text: `import { createRequire } from "node:module";
export const { ${names.join(", ")} } = createRequire(import.meta.url)("./${name}.cjs");
`,
    },
    { name: `${name}.cjs`, text: `module.exports = require("./library.cjs").${camelCase(name)};\n` },
  ];
}

/** Its own code alone: Vitest is the one that runs the tests, and all else is in the script. */
async function vitest({ name, source }: Entry): Promise<TextFile> {
  const { outputFiles } = await build({
    entryPoints: [source],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["vitest"],
    logLevel: "warning",
    plugins: [
      {
        name: "shared",
        setup: (program) => {
          program.onResolve({ filter: /\/test-cluster\.ts$/ }, () => ({
            path: "shared",
            namespace: "shared",
          }));
          program.onLoad({ filter: /.*/, namespace: "shared" }, () => ({
            contents: `import { createRequire } from "node:module";
export const { TestCluster } = createRequire(import.meta.url)("./library.cjs").${shared.name};`,
          }));
        },
      },
    ],
  });
  return { name: `${name}.js`, text: outputFiles[0]?.text ?? "" };
}

const camelCase = (name: string): string =>
  name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
