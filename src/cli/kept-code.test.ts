import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LoadedScript, loadScript } from "./kept-code.ts";

interface Program {
  readonly double: (value: number) => number;
  readonly url: string;
}

const text = (body: string): string =>
  `(function (module, require, __url) {\nmodule.exports = { double(value) { ${body} }, url: __url, fs: require("node:fs") };\n})`;

let folder: string;
let script: string;
let kept: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-code-"));
  script = join(folder, "program.script.js");
  kept = join(folder, ".cache", "program.script.js.code");
  writeFileSync(script, text("return value * 2;"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const load = (): LoadedScript<Program> => loadScript<Program>(pathToFileURL(script));

function run(): LoadedScript<Program> {
  const loaded = load();
  expect(loaded.exports.double(21)).toBe(42);
  return loaded;
}

describe("a script of the build", () => {
  it("gets its exports, Node's modules and its own address", () => {
    const { exports } = load();
    expect(exports.double(4)).toBe(8);
    expect(exports.url).toBe(pathToFileURL(script).href);
  });

  it("runs with the code that an earlier run kept, which is then left as it is", () => {
    run().keepCode();
    const { ino } = statSync(kept);
    run().keepCode();
    expect(statSync(kept).ino).toBe(ino);
  });

  it("keeps the code of functions that have run", () => {
    load().keepCode();
    const unused = statSync(kept).size;
    rmSync(kept);
    run().keepCode();
    expect(statSync(kept).size).toBeGreaterThan(unused);
  });

  it("leaves the kept code to its own user", () => {
    run().keepCode();
    expect(statSync(kept).mode & 0o777).toBe(0o600);
  });

  it.each<[string, (code: Buffer) => Buffer]>([
    ["a byte of it has changed", (code) => code.fill(code.readUInt8(200) ^ 0x10, 200, 201)],
    ["its end is missing", (code) => code.subarray(0, code.length / 2)],
    ["it is empty", () => Buffer.alloc(0)],
  ])("is compiled anew, and its code kept again, when %s", (_, damage) => {
    run().keepCode();
    const whole = readFileSync(kept);
    writeFileSync(kept, damage(Buffer.from(whole)));
    run().keepCode();
    const { ino } = statSync(kept);
    run().keepCode();
    expect(statSync(kept).ino).toBe(ino);
    expect(readFileSync(kept).length).toBeGreaterThan(whole.length / 2);
  });

  it("is compiled anew when its text is another of the same length", () => {
    run().keepCode();
    const aMinuteLater = statSync(script).mtimeMs / 1000 + 60;
    writeFileSync(script, text("return value * 3;"));
    utimesSync(script, aMinuteLater, aMinuteLater);
    expect(load().exports.double(21)).toBe(63);
  });

  it("runs all the same where nothing can be kept", () => {
    mkdirSync(join(folder, ".cache", "program.script.js.code"), { recursive: true });
    run().keepCode();
    expect(existsSync(`${kept}.${process.pid}.tmp`)).toBe(false);
  });
});
