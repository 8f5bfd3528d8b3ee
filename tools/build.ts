/**
 * Bundles the program into dist/: one entry for the command line, one per worker thread, chunks shared between them and
 * loaded when first used. Start-up is a promise, so nothing is bundled eagerly that the way to ready does not need.
 * `node tools/build.ts FOLDER` builds straight into that folder.
 */
import { globSync, rmSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { install, writeFiles } from "./builds.ts";
import { descriptions } from "./generate/descriptions.ts";

/** Worker threads are separate entries: `src/storage/sqlite/writer.worker.ts` → `dist/writer.worker.js`. */
const workers = globSync("src/**/*.worker.ts");

const folder = process.argv[2];
// As deep as the folder that a build is installed in: source maps say how to get from there to the sources.
const outdir = resolve(folder ?? "dist/new");
const { outputFiles } = await build({
  entryPoints: Object.fromEntries(
    ["src/main.ts", ...workers].map((file) => [basename(file, ".ts"), file] as const),
  ),
  outdir,
  chunkNames: "chunk-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  // Native code and its loader stay in node_modules; so does what is only for development.
  external: ["koffi"],
  sourcemap: "linked",
  // V8 keeps the text of what it runs: without comments and indentation that is a third less, and all of it is ASCII,
  // which takes one byte per character. Names and lines stay, so that a stack trace still says where it was.
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 160,
  // Written when it is whole: a build that fails leaves the last one as it was.
  write: false,
  legalComments: "none",
  logLevel: "warning",
  // Packages in CommonJS call require for Node's own modules.
  banner: {
    js: `import { createRequire as __createRequire } from "node:module";const require = __createRequire(import.meta.url);`,
  },
});

const files = [
  ...outputFiles.map(({ path, contents }) => ({ name: relative(outdir, path), contents })),
  { name: "descriptions.json", contents: Buffer.from(descriptions()) },
];
if (folder === undefined) install(resolve("dist"), files);
else {
  writeFiles(outdir, files);
  const current = new Set(files.map(({ name }) => name));
  for (const name of globSync(["*.js", "*.js.map"], { cwd: outdir }))
    if (!current.has(name)) rmSync(join(outdir, name));
}
