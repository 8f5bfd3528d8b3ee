/**
 * Bundles the program into dist/: modules for the command line, in chunks that are loaded when first used; one script for
 * the server, which is kept together with the code that V8 compiles for it (src/cli/kept-code.ts); a file per worker thread.
 * Start-up is a promise, so nothing is evaluated eagerly that the way to ready does not need.
 * `node tools/build.ts FOLDER` builds straight into that folder.
 */
import { globSync, rmSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { type BuildOptions, build, type OutputFile, type Plugin } from "esbuild";
import { prebuiltName } from "../src/api/openapi/index.ts";
import { install, writeFiles } from "./builds.ts";
import { descriptions } from "./generate/descriptions.ts";
import { prebuiltOpenApi } from "./generate/openapi.ts";

/** Worker threads are separate entries: `src/storage/sqlite/writer.worker.ts` → `dist/writer.worker.js`. */
const workers = globSync("src/**/*.worker.ts");

const folder = process.argv[2];
// As deep as the folder that a build is installed in: source maps say how to get from there to the sources.
const outdir = resolve(folder ?? "dist/new");

const common: BuildOptions = {
  outdir,
  bundle: true,
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
  charset: "ascii",
  legalComments: "none",
  logLevel: "warning",
};

const modules: BuildOptions = {
  ...common,
  format: "esm",
  // Packages in CommonJS call require for Node's own modules.
  banner: {
    js: `import { createRequire as __createRequire } from "node:module";const require = __createRequire(import.meta.url);`,
  },
};

/** Modules `x.bundled.ts` stand for `x.ts` in the command line. */
const bundled: Plugin = {
  name: "bundled",
  setup: (program) =>
    program.onResolve({ filter: /\/server-program\.ts$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.replace(/\.ts$/, ".bundled.ts")),
    })),
};

const commandLine: BuildOptions = {
  ...modules,
  entryPoints: { main: "src/main.ts" },
  chunkNames: "chunk-[hash]",
  splitting: true,
  plugins: [bundled],
};

/** All in one file, modules that are loaded later too: what has not run yet costs nothing but the text. */
const server: BuildOptions = {
  ...common,
  entryPoints: { "server.script": "src/cli/server-program.ts" },
  format: "cjs",
  supported: { "dynamic-import": false },
  define: { "import.meta.url": "__url" },
  banner: { js: "(function (module, require, __url) {" },
  footer: { js: "})" },
};

/** A thread has no use for what others share; one file is loaded faster than several. */
const threads: BuildOptions = {
  ...modules,
  entryPoints: Object.fromEntries(workers.map((file) => [basename(file, ".ts"), file] as const)),
};

// Written when all is whole: a build that fails leaves the last one as it was.
const built = await Promise.all(
  [commandLine, server, threads].map((options) => build({ ...options, write: false })),
);
const outputFiles: OutputFile[] = built.flatMap((result) => result.outputFiles);

const prose = descriptions();
const files = [
  ...outputFiles.map(({ path, contents }) => ({ name: relative(outdir, path), contents })),
  { name: "descriptions.json", contents: Buffer.from(prose) },
  { name: prebuiltName, contents: await prebuiltOpenApi(prose) },
];
if (folder === undefined) install(resolve("dist"), files);
else {
  writeFiles(outdir, files);
  const current = new Set(files.map(({ name }) => name));
  for (const name of globSync(["*.js", "*.js.map"], { cwd: outdir }))
    if (!current.has(name)) rmSync(join(outdir, name));
}
