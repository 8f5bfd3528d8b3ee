import { expect, test } from "vitest";
import { builtinScheme } from "../../api/builtin-scheme.ts";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { CachedObject } from "../cache/cached-object.ts";
import { bookmarkObject, objectForm } from "./encode.ts";
import { jsonType } from "./negotiate.ts";

const scheme = builtinScheme();

test.each(
  Array.from(scheme.resources(), (served) => [`${served.resource}.${served.group}`, served] as const),
)("a bookmark of %s can be shown as a table", (_, served) => {
  const negotiated = { mediaType: jsonType, as: "Table", group: "meta.k8s.io", version: "v1" } as const;
  const options = {
    scheme,
    clock: new VirtualClock(),
    negotiated,
    include: "Metadata",
    pretty: false,
  } as const;
  const bookmark = CachedObject.detached(bookmarkObject(scheme, served, 7, true));
  expect(objectForm(bookmark, served, options)).toMatchObject({
    kind: "Table",
    metadata: { resourceVersion: "7" },
    // Every kind has its name in the first cell; a bookmark has none.
    rows: [
      {
        cells: expect.arrayContaining([""]),
        object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } },
      },
    ],
  });
});

test("cells of a bookmark are never null, as Go has no such strings", () => {
  const served = scheme.resource({ group: "", version: "v1", resource: "services" });
  if (served === undefined) throw new Error("services are served");
  const negotiated = { mediaType: jsonType, as: "Table", group: "meta.k8s.io", version: "v1" } as const;
  const options = { scheme, clock: new VirtualClock(), negotiated, include: "None", pretty: false } as const;
  const bookmark = CachedObject.detached(bookmarkObject(scheme, served, 7, false));
  const [row] = (objectForm(bookmark, served, options) as unknown as { rows: { cells: unknown[] }[] }).rows;
  expect(row?.cells[0]).toBe("");
  expect(row?.cells).not.toContain(undefined);
});
