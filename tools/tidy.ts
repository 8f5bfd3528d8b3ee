/**
 * The house rules that the compiler does not know: who may import whom, where time and chance may be taken, how long a
 * file may grow. Run by `npm run ok`; prints each breach with its line and ends with 1 when there is one.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";

/** Room → the rooms it may import, besides itself. ARCHITECTURE.md says why. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  apimachinery: [],
  api: ["apimachinery"],
  cel: ["apimachinery"],
  storage: ["apimachinery"],
  pki: ["apimachinery"],
  streaming: ["apimachinery"],
  linux: ["apimachinery"],
  images: ["apimachinery", "linux", "cri"],
  cri: ["apimachinery", "linux", "streaming", "images"],
  client: ["apimachinery", "api", "streaming"],
  apiserver: ["apimachinery", "api", "client", "storage", "cel", "pki", "streaming"],
  registry: ["apimachinery", "api", "apiserver", "cel", "pki", "streaming"],
  controller: ["apimachinery", "api", "client", "pki"],
  scheduler: ["apimachinery", "api", "client"],
  kubelet: ["apimachinery", "api", "client", "cri", "images", "streaming"],
  network: ["apimachinery", "api", "client", "linux"],
  dns: ["apimachinery", "api", "client"],
  helm: ["apimachinery", "api", "client"],
  stages: ["apimachinery", "api", "client", "cel"],
  kubectl: ["apimachinery", "api", "client", "streaming"],
  why: ["apimachinery", "api", "client"],
  history: ["apimachinery", "api", "client", "storage", "apiserver"],
};

/** Rooms that wire the others and may import all. */
const wiring = new Set(["cluster", "cli", "main.ts"]);

/** Where the machine's own time and chance are taken, once. */
const sources = new Set(["src/apimachinery/clock.ts", "src/apimachinery/random.ts"]);
const direct =
  /\bDate\.now\(|\bnew Date\(\)|(?<![.\w])setTimeout\(|(?<![.\w])setInterval\(|\bMath\.random\(|\brandomUUID\(/;

/** A file beyond this is no longer one idea. Tables and generated files do not count. */
const maxLines = 900;

export interface Breach {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** The room of a path below `src/`: its first folder, or the file's own name. */
function roomOf(file: string): string {
  return relative("src", file).split(sep)[0] ?? "";
}

/** Checks one source file. `text` is its content. */
export function checkFile(file: string, text: string): Breach[] {
  const breaches: Breach[] = [];
  const room = roomOf(file);
  const isTest = /\.test\.ts$|\/testing\//.test(file);
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    const line1 = index + 1;
    const imported = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/.exec(line)?.[1];
    if (imported !== undefined && !isTest) {
      const target = roomOf(join(dirname(file), imported));
      const allowed = wiring.has(room) || target === room || (mayImport[room] ?? []).includes(target);
      if (!allowed) breaches.push({ file, line: line1, text: `${room}/ may not import ${target}/` });
    }
    if (!isTest && !sources.has(file) && direct.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line)) {
      breaches.push({ file, line: line1, text: "time and chance come from Clock and Random" });
    }
    if (/@ts-ignore|@ts-expect-error|oxlint-disable|eslint-disable|: any\b|\bas any\b/.test(line)) {
      breaches.push({ file, line: line1, text: "types and lint are not switched off" });
    }
  }
  if (lines.length > maxLines && !isTest && !text.startsWith("// Generated")) {
    breaches.push({ file, line: lines.length, text: `longer than ${maxLines} lines: more than one idea` });
  }
  return breaches;
}

function main(): void {
  const breaches = globSync("src/**/*.ts").flatMap((file) => checkFile(file, readFileSync(file, "utf8")));
  for (const { file, line, text } of breaches) console.error(`${file}:${line}: ${text}`);
  console.log(breaches.length === 0 ? "tidy" : `${breaches.length} breaches`);
  process.exitCode = breaches.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main();
