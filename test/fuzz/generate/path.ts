import type { ResourceInfo } from "../../../src/api/scheme.ts";
import type { Dice } from "./dice.ts";

/** The path of a collection; of all namespaces when the namespace is "". */
export function collectionPath(info: ResourceInfo, namespace: string): string {
  const root = info.group === "" ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`;
  const inside = info.namespaced && namespace !== "" ? `/namespaces/${namespace}` : "";
  return `${root}${inside}/${info.resource}`;
}

const oddSegments: readonly string[] = [
  "",
  ".",
  "..",
  "%2e%2e",
  "%2f",
  "%2F..%2f",
  "%00",
  "%",
  "%zz",
  "%ff",
  "%c0%af",
  "%e9",
  "a%20b",
  "+",
  ";x=y",
  "*",
  ":",
  "@",
  "status",
  "scale",
  "proxy",
  "exec",
  "log",
  "namespaces",
  "v1",
  "v1alpha1",
  "watch",
  "finalize",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "x".repeat(254),
  "x".repeat(4000),
  "%41".repeat(300),
  "fz-0:80",
  "https:fz-0:http",
  "system:serviceaccount:a:b",
];

/** Bends a path in one place. */
export function mutatePath(dice: Dice, path: string): string {
  const segments = path.split("/");
  const at = 1 + dice.below(Math.max(1, segments.length - 1));
  return dice.weighted<() => string>([
    [4, () => segments.with(Math.min(at, segments.length - 1), dice.pick(oddSegments)).join("/")],
    [3, () => segments.toSpliced(at, 0, dice.pick(oddSegments)).join("/")],
    [2, () => segments.toSpliced(at, 1).join("/")],
    [2, () => `${path}/${dice.pick(oddSegments)}`],
    [1, () => `${path}/`],
    [1, () => `/${path}`],
    [1, () => percentEncoded(dice, path)],
    [1, () => path.toUpperCase()],
    [1, () => `${path}/${"a/".repeat(dice.pick([10, 1000]))}`],
    [1, () => `/api/v1/watch${path.slice(7)}`],
  ])();
}

/** Some characters as their codes, which mean the same. */
function percentEncoded(dice: Dice, path: string): string {
  return Array.from(path, (character) =>
    dice.percent(20) ? `%${character.charCodeAt(0).toString(16).padStart(2, "0")}` : character,
  ).join("");
}

/** Paths that name no resource. */
export const otherPaths: readonly string[] = [
  "/",
  "/api",
  "/api/",
  "/apis",
  "/apis/apps",
  "/apis/apps/v1",
  "/apis/nope",
  "/apis/apps/v9",
  "/api/v1",
  "/api/v2",
  "/version",
  "/version/",
  "/healthz",
  "/livez",
  "/readyz",
  "/readyz/ping",
  "/readyz/nope",
  "/livez/../readyz",
  "/metrics",
  "/metrics/slis",
  "/openapi/v3",
  "/openapi/v3/api/v1",
  "/openapi/v3/apis/apps/v1",
  "/openapi/v3/apis/nope/v1",
  "/.well-known/openid-configuration",
  "/openid/v1/jwks",
  "/debug/api_priority_and_fairness/dump_queues",
  "/debug/api_priority_and_fairness/dump_requests",
  "/debug/api_priority_and_fairness/dump_priority_levels",
  "/debug/pprof",
  "/logs",
  "/nope",
  "/favicon.ico",
  "/index.html",
  "/apis/metrics.k8s.io/v1beta1/nodes",
];
