import { expect, test } from "vitest";
import type { Volume } from "../../types/core-v1.ts";
import { virtualPathWarnings } from "./virtual-paths.ts";

const items = (...paths: string[]) => paths.map((path) => ({ key: "k", path }));

test.each<[string, Volume, string[]]>([
  ["of different files is silent", { name: "v", configMap: { name: "c", items: items("a", "b") } }, []],
  [
    "names a file that is there twice",
    { name: "v", configMap: { name: "c", items: items("a", "a/") } },
    ['volume "v" (ConfigMap "c"): overlapping paths: "a" with "a"'],
  ],
  [
    "names a file below another",
    { name: "v", secret: { secretName: "s", items: items("a", "a/b", "ab") } },
    ['volume "v" (Secret "s"): overlapping paths: "a/b" with "a"'],
  ],
  [
    "names the sources of what overlaps",
    {
      name: "v",
      projected: {
        sources: [
          { serviceAccountToken: { path: "token" } },
          { configMap: { name: "c", items: items("token") } },
          {},
        ],
      },
    },
    [
      'volume "v" (Projected) has no sources provided',
      'volume "v" (Projected): overlapping paths: "token" (ConfigMap "c") with "token" (ServiceAccountToken)',
    ],
  ],
])("a volume %s", (_name, volume, expected) => {
  const warnings: string[] = [];
  virtualPathWarnings([volume], warnings);
  expect(warnings).toEqual(expected);
});
