import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize, resolve } from "node:path";
import { DeclarationTree } from "./declaration-tree.ts";
import type { Entry } from "./manifest.ts";

/** Writes the declarations that the entries reach, at the places of their sources, and no others. */
export function writeDeclarations(entries: readonly Entry[], folder: string): void {
  const made = mkdtempSync(join(tmpdir(), "sampan-types-"));
  try {
    compile(entries, made);
    const tree = new DeclarationTree((file) =>
      withoutConstructors(file, readFileSync(join(made, file), "utf8")),
    );
    for (const { source } of entries)
      tree.keepModule(
        normalize(source)
          .replace(/^src\//, "")
          .replace(/\.ts$/, ".d.ts"),
      );
    for (const [file, text] of tree.kept()) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function compile(entries: readonly Entry[], outDir: string): void {
  const settings = join(outDir, "tsconfig.json");
  const options = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    outDir,
  };
  writeFileSync(
    settings,
    JSON.stringify({
      extends: resolve("tsconfig.json"),
      compilerOptions: { ...options, rootDir: resolve("src"), typeRoots: [resolve("node_modules/@types")] },
      include: [],
      files: entries.map(({ source }) => resolve(source)),
    }),
  );
  execFileSync(resolve("node_modules/.bin/tsc"), ["-p", settings], { stdio: "inherit" });
}

/** The library's objects come from `createCluster`; what their constructors take is the whole server. */
const withoutConstructors = (file: string, text: string): string =>
  file.startsWith("cluster/library/")
    ? text
        .replace(/^ {4}(?:private )?constructor\([^]*?\);\n/gm, "")
        .replace(/^ {4}static start\([^]*?\): Promise<\w+>;\n/gm, "")
    : text;
