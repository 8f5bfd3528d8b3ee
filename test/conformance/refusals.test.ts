import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parseApiVersion } from "../../src/apimachinery/gvk.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import { OurServer } from "../upstream/oracle/ours.ts";

/**
 * What Kubernetes 1.36 makes of objects that our rules once judged otherwise: a line per object, with the causes of its
 * refusal or the warnings that it is accepted with, as `test/upstream/oracle` got them from Kubernetes itself.
 */
interface Case {
  readonly object: UnstructuredObject;
  readonly causes?: readonly string[];
  readonly warnings?: readonly string[];
}

const cases = readFileSync(new URL("refusals.jsonl", import.meta.url), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

const byKind = Map.groupBy(cases, ({ object }) => `${object.apiVersion} ${object.kind}`);

describe("a new object is judged as Kubernetes judges it", () => {
  let server: OurServer;

  beforeAll(async () => {
    server = await OurServer.start();
  });

  it.each([...byKind])("%s", async (_kind, members) => {
    for (const { object, causes = [], warnings = [] } of members) {
      const kind = { ...parseApiVersion(object.apiVersion ?? ""), kind: object.kind ?? "" };
      const info = server.scheme.resourceForKind(kind);
      expect(info, "the kind is served").toBeDefined();
      if (info === undefined) continue;
      const namespace = info.namespaced ? "default" : "";
      const question = { op: "create", subresource: "", resource: info.resource, namespace, object } as const;
      const answer = await server.ask(info, question);
      const found = (answer.status?.details?.causes ?? []).map(
        ({ field, message }) => `${field}: ${message}`,
      );
      expect({ object, causes: found }).toEqual({ object, causes });
      expect({ object, warnings: answer.warnings ?? [] }).toEqual({ object, warnings });
    }
  });
});
