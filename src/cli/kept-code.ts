// An import of one of Node's modules makes a copy of its exports, for which `fs` loads its streams too: some percent of a
// start.
const { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } =
  process.getBuiltinModule("node:fs");
const { createRequire } = process.getBuiltinModule("node:module");
const path = process.getBuiltinModule("node:path");
const { fileURLToPath } = process.getBuiltinModule("node:url");
const { Script } = process.getBuiltinModule("node:vm");
const { crc32 } = process.getBuiltinModule("node:zlib");

export interface LoadedScript<T> {
  readonly exports: T;
  /** Keeps the code that V8 has compiled by now for the next start, unless an earlier start has kept it already. */
  readonly keepCode: () => void;
}

/** What the build wraps a script in; `url` is what the script takes for its `import.meta.url`. */
type Wrapped<T> = (module: { exports: T }, require: NodeJS.Require, url: string) => void;

/**
 * Runs a script of the build with the code that V8 compiled for it in an earlier run. Node's own cache for modules is
 * written before anything has run, so that each start compiles its functions anew; this one holds the functions as well.
 */
export function loadScript<T>(url: URL): LoadedScript<T> {
  const filename = fileURLToPath(url);
  const file = path.join(filename, "../.cache", `${path.basename(filename)}.code`);
  const writtenAtMs = statSync(filename).mtimeMs;
  const cachedData = readCode(file, writtenAtMs);
  // The build writes nothing but ASCII (tools/build.ts).
  const script = new Script(readFileSync(filename, "latin1"), {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  let isKept = cachedData !== undefined && script.cachedDataRejected !== true;
  const module = { exports: {} as T };
  (script.runInThisContext() as Wrapped<T>)(module, createRequire(url), url.href);
  const keepCode = (): void => {
    if (isKept) return;
    isKept = true;
    writeCode(file, script.createCachedData(), writtenAtMs);
  };
  return { exports: module.exports, keepCode };
}

const trailerBytes = 12;

/** V8 sees whether code is of another version of itself, but neither a changed byte nor another text of the same length. */
function readCode(file: string, writtenAtMs: number): Buffer | undefined {
  try {
    const content = readFileSync(file);
    const code = content.subarray(0, -trailerBytes);
    return content.subarray(code.length).equals(trailerOf(code, writtenAtMs)) ? code : undefined;
  } catch {
    // The first start of this build, or one by a user who may not read what another has kept.
    return undefined;
  }
}

/** A checksum of the code, and when the text that it was made of was written. */
function trailerOf(code: Buffer, writtenAtMs: number): Buffer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeUInt32LE(crc32(code));
  trailer.writeDoubleLE(writtenAtMs, 4);
  return trailer;
}

function writeCode(file: string, code: Buffer, writtenAtMs: number): void {
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(path.join(file, ".."), { recursive: true });
    writeFileSync(unfinished, Buffer.concat([code, trailerOf(code, writtenAtMs)]), { mode: 0o600 });
    renameSync(unfinished, file);
  } catch {
    // The build may belong to somebody else, or the disk be full: then the next start compiles again.
    rmSync(unfinished, { force: true });
  }
}
