/**
 * `npm run bench -- NAME [options]` runs bench/NAME.ts; without a name it lists what there is, each with the first
 * sentence of its file.
 */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

const folder = import.meta.dirname;

const names = globSync("*.ts", { cwd: folder })
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run" && !name.endsWith(".test"))
  .toSorted();

/** What the header of the file says, up to its first full stop. */
function summaryOf(name: string): string {
  const text = readFileSync(join(folder, `${name}.ts`), "utf8");
  const header = /\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? "";
  const flat = header
    .replaceAll(/\n\s*\*/g, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return /^.*?[.:](?= |$)/.exec(flat)?.[0].replace(/:$/, ".") ?? flat;
}

const name = process.argv[2];
if (name === undefined || !names.includes(name)) {
  if (name !== undefined) console.error(`There is no benchmark "${name}".\n`);
  console.log("npm run bench -- NAME [options]\n");
  for (const known of names) console.log(`  ${known.padEnd(22)} ${summaryOf(known)}`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  // The benchmark sees its own arguments, as when it is run by itself.
  process.argv.splice(2, 1);
  await import(join(folder, `${name}.ts`));
}
