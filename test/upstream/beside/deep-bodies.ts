/** Lays side by side what both servers say of bodies that are nested deeply. */
import { setTimeout as wait } from "node:timers/promises";
import type { BothServers } from "./both-servers.ts";
import type { Answer, Ask } from "./send.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const things = "/apis/deep.example.com/v1/things";
const json = "application/json";

const nested = (depth: number, open = '{"a":', close = "}"): string =>
  `${open.repeat(depth)}1${close.repeat(depth)}`;

const definition = (schema: string, plural = "things"): string =>
  `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"${plural}.deep.example.com"},` +
  `"spec":{"group":"deep.example.com","scope":"Cluster","names":{"plural":"${plural}","kind":"${plural.toUpperCase()}"},` +
  `"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":${schema}}}]}}`;

const thing = (name: string, free: string): string =>
  `{"apiVersion":"deep.example.com/v1","kind":"THINGS","metadata":{"name":"${name}"},"free":${free}}`;

const withBody = (method: string, path: string, type: string, body: string): Ask => ({
  method,
  path,
  headers: { "content-type": type },
  body,
});
const post = (path: string, body: string, type = json): Ask => withBody("POST", path, type, body);
const patch = (name: string, type: string, body: string): Ask =>
  withBody("PATCH", `${things}/${name}?fieldManager=me`, `application/${type}`, body);

function asks(): [string, Ask][] {
  const schemas = (depth: number): string =>
    nested(depth, '{"type":"object","properties":{"a":').replace(/1(}+)$/, '{"type":"string"}$1$1');
  return [
    ...[900, 1_100, 3_000, 9_000, 9_998, 9_999, 10_000, 20_000].flatMap((depth): [string, Ask][] => [
      [`objects ${depth}`, post(things, thing(`o${depth}`, nested(depth)))],
      [`lists ${depth}`, post(things, thing(`l${depth}`, nested(depth, "[", "]")))],
      [`a read ${depth}`, { path: `${things}/o${depth}` }],
    ]),
    ["950 merged", patch("o900", "merge-patch+json", `{"other":${nested(950)}}`)],
    [
      "950 patched",
      patch("o900", "json-patch+json", `[{"op":"add","path":"/third","value":${nested(950)}}]`),
    ],
    ["950 applied", patch("applied", "apply-patch+yaml", thing("applied", nested(950)))],
    ["950 applied again", patch("applied", "apply-patch+yaml", thing("applied", nested(950, "[", "]")))],
    ["950 as YAML", post(things, thing("yaml950", nested(950, "[", "]")), "application/yaml")],
    ["950 updated", withBody("PUT", `${things}/yaml950`, json, thing("yaml950", nested(950)))],
    ["950 read as YAML", { path: `${things}/o900`, headers: { accept: "application/yaml" } }],
    ["950 deleted", { method: "DELETE", path: `${things}/applied` }],
    ["a broken text", post(things, thing("broken", `${nested(3_000)}}`))],
    ["a list", { path: things }],
    ["merge", patch("o900", "merge-patch+json", `{"free":${nested(3_000)}}`)],
    ["merge too deep", patch("o900", "merge-patch+json", `{"free":${nested(11_000)}}`)],
    [
      "json patch",
      patch("o900", "json-patch+json", `[{"op":"add","path":"/free","value":${nested(3_000)}}]`),
    ],
    ["an update", withBody("PUT", `${things}/o1100`, json, thing("o1100", nested(2_000)))],
    ["apply", patch("o3000x", "apply-patch+yaml", thing("o3000x", nested(3_000)))],
    ["apply too deep", patch("o3000y", "apply-patch+yaml", thing("o3000y", nested(11_000)))],
    ["yaml", post(things, thing("yaml", nested(3_000)), "application/yaml")],
    ["yaml too deep", post(things, thing("yaml2", nested(11_000)), "application/yaml")],
    ["a config map", post("/api/v1/namespaces/default/configmaps", `{"data":${nested(3_000)}}`)],
    [
      "unknown fields",
      post("/api/v1/namespaces/default/configmaps", `{"metadata":{"name":"x"},"x":${nested(3_000)}}`),
    ],
    ["a schema", post(definitions, definition(schemas(600), "deeps"))],
    ["a deeper schema", post(definitions, definition(schemas(2_000), "deepers"))],
    ["a deletion", { method: "DELETE", path: `${things}/o3000` }],
  ];
}

export async function compareDeepBodies(both: BothServers, wanted: RegExp): Promise<void> {
  if (!wanted.test("depths")) return;
  await both.ask(
    post(definitions, definition('{"type":"object","x-kubernetes-preserve-unknown-fields":true}')),
  );
  await wait(5_000);
  for (const [label, ask] of asks()) {
    const [theirs, ours] = await both.ask(ask);
    both.asked++;
    both.note(`depths: ${label}`, label, said(theirs), said(ours));
  }
}

/** Of what was accepted, only that it was: the rest is compared elsewhere. */
const said = ({ code, body }: Answer): string =>
  code >= 200 && code < 300 ? String(code) : `${code} ${body.toString()}`;
