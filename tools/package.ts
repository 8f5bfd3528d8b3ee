/**
 * Makes the npm package in a folder: `npm run package` makes it in .cache/package and packs it. What a package needs at run time
 * is built into it, so that installing it fetches nothing else; what the repository needs for itself stays out.
 *
 *   node tools/package.ts [FOLDER]
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeDeclarations } from "./package/declarations.ts";
import { libraryFiles } from "./package/library.ts";
import { entriesOf, packageManifest } from "./package/manifest.ts";

const folder = resolve(process.argv[2] ?? ".cache/package");
const code = join(folder, "dist");
rmSync(folder, { recursive: true, force: true });
mkdirSync(code, { recursive: true });

const root = JSON.parse(readFileSync("package.json", "utf8")) as Parameters<typeof packageManifest>[0];
const entries = entriesOf(root);

// The command line, and the files that the library shares with it. Source maps lead to sources that are not there.
execFileSync(process.execPath, ["tools/build.ts", code], { stdio: "inherit" });
for (const map of globSync("*.map", { cwd: code })) rmSync(join(code, map));
for (const script of globSync("*.js", { cwd: code })) {
  const text = readFileSync(join(code, script), "utf8");
  writeFileSync(join(code, script), text.replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
}
for (const { name, text } of await libraryFiles(entries)) writeFileSync(join(code, name), text);
writeDeclarations(entries, join(folder, "types"));

writeFileSync(join(folder, "package.json"), `${JSON.stringify(packageManifest(root), undefined, 2)}\n`);
writeFileSync(join(code, "sampan.js"), readFileSync("tools/package/sampan.js"), { mode: 0o755 });
for (const file of ["LICENSE", "README.md"]) copyFileSync(file, join(folder, file));
