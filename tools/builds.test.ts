import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BuiltFile, contentId, install } from "./builds.ts";

let dist: string;
beforeEach(() => {
  dist = mkdtempSync(join(tmpdir(), "sampan-dist-"));
});
afterEach(() => rmSync(dist, { recursive: true, force: true }));

const build = (text: string): BuiltFile[] => [
  { name: "main.js", contents: Buffer.from(text) },
  { name: "chunk.js", contents: Buffer.from("shared") },
];
const builds = (): string[] => readdirSync(dist).filter((name) => /^[0-9a-f]{12}$/.test(name));

describe("install()", () => {
  it("writes a build into a folder that its content names, and names it as the one to start", () => {
    const id = install(dist, build("one"), []);
    expect(readFileSync(join(dist, ".built"), "utf8")).toBe(`${id}\n`);
    expect(readFileSync(join(dist, id, "main.js"), "utf8")).toBe("one");
    expect(readFileSync(join(dist, "main.js"), "utf8")).toContain(`./${id}/main.js`);
    expect(install(dist, build("one"), [])).toBe(id);
    expect(builds()).toEqual([id]);
  });

  it("keeps a build that a process runs from, and the last one; others go", () => {
    const [first, second, third, fourth] = ["1", "2", "3", "4"].map(build).map(contentId);
    const running = [`node\0${dist}/${first}/main.js\0server\0`];
    for (const text of ["1", "2", "3", "4"]) install(dist, build(text), running);
    expect(new Set(builds())).toEqual(new Set([first, third, fourth]));
    expect(builds()).not.toContain(second);
    install(dist, build("4"), []);
    expect(builds()).toEqual([fourth]);
  });

  it("takes away what builds of another form, or cut short, have left", () => {
    writeFileSync(join(dist, "chunk-OLD.js"), "");
    mkdirSync(join(dist, "abc.1.tmp"));
    mkdirSync(join(dist, ".building"));
    const id = install(dist, build("one"), []);
    expect(readdirSync(dist).toSorted()).toEqual([".building", ".built", id, "main.js"].toSorted());
    expect(existsSync(join(dist, id, "chunk.js"))).toBe(true);
  });
});

it("contentId() tells builds apart by names and contents, not by order", () => {
  expect(contentId(build("a"))).toBe(contentId(build("a").toReversed()));
  expect(contentId(build("a"))).not.toBe(contentId(build("b")));
  expect(contentId([{ name: "ab", contents: Buffer.from("c") }])).not.toBe(
    contentId([{ name: "a", contents: Buffer.from("bc") }]),
  );
});
