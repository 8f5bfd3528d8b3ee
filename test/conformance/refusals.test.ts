import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseApiVersion } from "../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import { OurServer } from "../upstream/oracle/ours.ts";
import type { Answer } from "../upstream/oracle/question.ts";

/**
 * What Kubernetes 1.36 makes of objects that our rules once judged otherwise: a line per object, with the causes of its
 * refusal or the warnings that it is accepted with, as `test/upstream/oracle` got them from Kubernetes itself.
 */
interface Case {
  readonly object: UnstructuredObject;
  /** What the object is a change of, in `changes.jsonl`. */
  readonly old?: UnstructuredObject;
  readonly subresource?: string;
  readonly causes?: readonly string[];
  readonly warnings?: readonly string[];
}

const casesOf = (file: string): Case[] =>
  readFileSync(new URL(file, import.meta.url), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Case);

const byKind = (cases: readonly Case[]): [string, Case[]][] => [
  ...Map.groupBy(cases, ({ object }) => `${object.apiVersion} ${object.kind}`),
];

const causesOf = ({ status }: Answer): string[] =>
  (status?.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);

/** That a version is deprecated is said of the request, whatever object it brings. */
const ofObject = (warnings: readonly string[] = []): readonly string[] =>
  warnings.filter((text) => !/^\S+ \w+ is deprecated in v1\.\d+\+/.test(text));

describe("a new object is judged as Kubernetes judges it", () => {
  let server: OurServer;

  beforeAll(async () => {
    server = await OurServer.start();
  });

  it.each(byKind(casesOf("refusals.jsonl")))("%s", async (_kind, members) => {
    for (const { object, causes = [], warnings = [] } of members) {
      const kind = { ...parseApiVersion(object.apiVersion ?? ""), kind: object.kind ?? "" };
      const info = server.scheme.resourceForKind(kind);
      expect(info, "the kind is served").toBeDefined();
      if (info === undefined) continue;
      const namespace = info.namespaced ? "default" : "";
      const question = { op: "create", subresource: "", resource: info.resource, namespace, object } as const;
      const answer = await server.ask(info, question);
      expect({ object, causes: causesOf(answer) }).toEqual({ object, causes });
      expect({ object, warnings: ofObject(answer.warnings) }).toEqual({ object, warnings });
    }
  });
});

describe("a change is judged as Kubernetes judges it", () => {
  let server: OurServer;
  const stored = new Map<string, Promise<unknown>>();

  beforeAll(async () => {
    server = await OurServer.start();
  });

  it.each(byKind(casesOf("changes.jsonl")))("%s", async (_kind, members) => {
    for (const { object, old = object, subresource = "", causes = [], warnings = [] } of members) {
      const kind = { ...parseApiVersion(old.apiVersion ?? ""), kind: old.kind ?? "" };
      const info = server.scheme.resourceForKind(kind);
      expect(info, "the kind is served").toBeDefined();
      if (info === undefined) continue;
      const key = `${old.kind}/${old.metadata.name}`;
      if (!stored.has(key)) stored.set(key, server.store(info, old));
      await stored.get(key);
      const namespace = info.namespaced ? "default" : "";
      const question = {
        op: "update",
        subresource,
        resource: info.resource,
        namespace,
        object,
        old,
      } as const;
      const answer = await server.ask(info, question);
      expect({ object, causes: causesOf(answer) }).toEqual({ object, causes });
      expect({ object, warnings: ofObject(answer.warnings) }).toEqual({ object, warnings });
    }
  });
});
