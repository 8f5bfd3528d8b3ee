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
    rows: [{ object: { metadata: { annotations: { "k8s.io/initial-events-end": "true" } } } }],
  });
});
