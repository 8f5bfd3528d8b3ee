import { expect, it } from "vitest";
import { CachedObject } from "../cache/cached-object.ts";
import { CompiledDefinitions } from "./compiled-definitions.ts";
import { CustomDefinition } from "./custom-definition.ts";
import { DefinitionRecord } from "./definition-record.ts";
import { cronTabs } from "./testing/definitions.ts";

function record(name: string): DefinitionRecord {
  const value = Buffer.from(JSON.stringify({ metadata: { name }, ...cronTabs({ group: name }) }));
  return new DefinitionRecord(CachedObject.stored("", name, 1, value));
}

const nobodyConverts = {
  post: () => Promise.reject(new Error("nobody converts")),
  newUid: () => "",
  begin: () => () => {},
};

function compileWith(compiled: string[]): (each: DefinitionRecord) => () => CustomDefinition {
  return (each) => () => {
    compiled.push(each.name);
    return new CustomDefinition(each, nobodyConverts);
  };
}

it("keeps those used last, as many as there is room for", () => {
  const [a, b, c] = [record("a"), record("b"), record("c")];
  const compiled: string[] = [];
  const compile = compileWith(compiled);
  const kept = new CompiledDefinitions(a.sizeBytes * 2.5);
  const ask = (each: DefinitionRecord): CustomDefinition => kept.get(each, compile(each));
  ask(a);
  ask(b);
  ask(a);
  ask(c);
  expect(kept.size).toBe(2);
  ask(a);
  expect(compiled).toEqual(["a", "b", "c"]);
  ask(b);
  expect(compiled).toEqual(["a", "b", "c", "b"]);
});

it("keeps the one used last however large it is", () => {
  const [a, b] = [record("a"), record("b")];
  const compiled: string[] = [];
  const compile = compileWith(compiled);
  const kept = new CompiledDefinitions(1);
  for (const each of [a, a, b, b]) kept.get(each, compile(each));
  expect([kept.size, compiled]).toEqual([1, ["a", "b"]]);
});

it("compiles anew what was forgotten", () => {
  const a = record("a");
  const compiled: string[] = [];
  const compile = compileWith(compiled);
  const kept = new CompiledDefinitions();
  kept.get(a, compile(a));
  kept.forget(a);
  kept.get(a, compile(a));
  expect([kept.size, compiled]).toEqual([1, ["a", "a"]]);
});
