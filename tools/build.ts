/**
 * Bundles the program into dist/: one entry for the command line, one per worker thread, chunks shared between them and
 * loaded when first used. Start-up is a promise, so nothing is bundled eagerly that the way to ready does not need.
 * `node tools/build.ts FOLDER` builds elsewhere.
 */
import { globSync, rmSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { build } from "esbuild";
import { writeDescriptions } from "./generate/descriptions.ts";

/** Worker threads are separate entries: `src/storage/sqlite/writer.worker.ts` → `dist/writer.worker.js`. */
const workers = globSync("src/**/*.worker.ts");

const outdir = process.argv[2] ?? "dist";
const { metafile } = await build({
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
  metafile: true,
  legalComments: "none",
  logLevel: "warning",
  // Packages in CommonJS call require for Node's own modules.
  banner: {
    js: `import { createRequire as __createRequire } from "node:module";const require = __createRequire(import.meta.url);`,
  },
});

// What an earlier build left goes only now: a build that failed leaves the last one whole.
const current = new Set(Object.keys(metafile.outputs).map((file) => resolve(file)));
for (const file of globSync([`${outdir}/*.js`, `${outdir}/*.js.map`])) {
  if (!current.has(resolve(file))) rmSync(file);
}

writeDescriptions(`${outdir}/descriptions.json`);
writeFileSync(`${outdir}/.built`, "");
