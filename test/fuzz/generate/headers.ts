import type { Dice } from "./dice.ts";

export type Header = readonly [name: string, value: string];

export const json = "application/json";
export const yaml = "application/yaml";
export const protobuf = "application/vnd.kubernetes.protobuf";

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const accepts: readonly string[] = [
  json,
  yaml,
  protobuf,
  table,
  `${table},${json}`,
  "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io",
  "application/yaml;as=Table;v=v1;g=meta.k8s.io",
  "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  "application/json;as=Table;v=v1beta1;g=meta.k8s.io",
  "application/json;as=x;v=v1;g=meta.k8s.io",
  "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
  "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
  "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
  "application/com.github.proto-openapi.spec.v3.v1.0+protobuf",
  "*/*",
  "application/*",
  "text/html",
  "",
  ",",
  ";;;",
  "application/json;q=0",
  "application/json;q=x",
  "application/json;stream=watch",
  "application/json;pretty=1",
  `application/json;as="Ta\\"ble"`,
  "application/cbor",
  "application/json;charset=utf-16",
  Array.from({ length: 300 }, (_, n) => `a/b${n};q=0.${n}`).join(","),
  `application/json${";a=b".repeat(500)}`,
];

export const anyAccept = (dice: Dice): string =>
  dice.weighted([
    [60, json],
    [8, protobuf],
    [6, table],
    [4, yaml],
    [22, dice.pick(accepts)],
  ]);

const contentTypes: readonly string[] = [
  "application/json; charset=utf-8",
  "APPLICATION/JSON",
  "text/plain",
  "",
  ";",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/cbor",
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
  "application/apply-patch+cbor",
  json,
  yaml,
  protobuf,
  "application/vnd.kubernetes.protobuf;stream=watch",
];

export const oddContentType = (dice: Dice): string => dice.pick(contentTypes);

const jwtOf = (header: string, payload: string): string =>
  `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}.AAAA`;

const authorizations: readonly string[] = [
  "Bearer nobody",
  "Bearer ",
  "Bearer",
  "bearer admin",
  "Basic YWRtaW46YWRtaW4=",
  "Basic ====",
  "Negotiate x",
  "",
  `Bearer ${"x".repeat(6000)}`,
  "Bearer a.b.c",
  "Bearer ...",
  `Bearer ${jwtOf('{"alg":"none"}', '{"iss":"https://kubernetes.default.svc","sub":"system:admin"}')}`,
  `Bearer ${jwtOf('{"alg":"RS256","kid":"x"}', '{"iss":"kubernetes/serviceaccount"}')}`,
  `Bearer ${jwtOf("[]", "null")}`,
  `Bearer ${jwtOf('{"alg":"ES256"}', '{"iss":"https://kubernetes.default.svc","exp":1e400}')}`,
  "Bearer abcdef.0123456789abcdef",
];

const extras: readonly (readonly Header[])[] = [
  [["impersonate-user", "jane"]],
  [["impersonate-user", ""]],
  [["impersonate-user", "system:serviceaccount:fz-a:default"]],
  [["impersonate-user", "system:serviceaccount:a"]],
  [
    ["impersonate-user", "system:node:simulated"],
    ["impersonate-group", "system:nodes"],
  ],
  [["impersonate-group", "system:masters"]],
  [["impersonate-uid", "x"]],
  [["impersonate-extra-%zz", "x"]],
  [
    ["impersonate-extra-a%2fb", "x"],
    ["impersonate-user", "jane"],
  ],
  [
    ["impersonate-extra-", "x"],
    ["impersonate-user", "jane"],
  ],
  [
    ["impersonate-extra-__proto__", "x"],
    ["impersonate-user", "jane"],
  ],
  [
    ["x-remote-user", "admin"],
    ["x-remote-group", "system:masters"],
  ],
  [["x-forwarded-for", "1.2.3.4, junk,,"]],
  [["audit-id", "x".repeat(300)]],
  [["audit-id", ""]],
  [["if-none-match", '"x"']],
  [["if-none-match", "*"]],
  [["if-modified-since", "junk"]],
  [["if-match", '"1"']],
  [["accept-encoding", "gzip"]],
  [["accept-encoding", "gzip;q=0"]],
  [["accept-encoding", `${"gzip,".repeat(500)}x`]],
  [["content-encoding", "gzip"]],
  [["content-encoding", "deflate"]],
  [["range", "bytes=0-10"]],
  [["user-agent", ""]],
  [["user-agent", `${"x".repeat(2000)}/1`]],
  [["user-agent", "Mozilla/5.0"]],
  [["user-agent", "/"]],
  [["origin", "http://evil.example.com"]],
  [["cookie", "a=b; c=d"]],
  [["x-http-method-override", "DELETE"]],
  [["x-stream-protocol-version", "v9"]],
  [["kubectl-command", "x"]],
  [["forwarded", "for=1"]],
  [["host", "evil.example.com"]],
  [
    ["x-a", "b"],
    ["x-a", "c"],
  ],
  Array.from({ length: 120 }, (_, n) => [`x-fuzz-${n}`, "v"] as const),
  [["x-large", "y".repeat(9000)]],
];

/** Of every request. */
export function baseHeaders(dice: Dice, accept: string): Header[] {
  const headers: Header[] = [["accept", accept]];
  headers.push([
    "authorization",
    dice.weighted([
      [92, "Bearer admin"],
      [3, "Bearer viewer"],
      [2, "Bearer nothing"],
      [3, dice.pick(authorizations)],
    ]),
  ]);
  return headers;
}

export const oddHeaders = (dice: Dice): readonly Header[] => dice.pick(extras);

/** Headers that HTTP/2 forbids, or that say something false of the message; only HTTP/1.1 is asked with them. */
const framing: readonly (readonly Header[])[] = [
  [["expect", "100-continue"]],
  [["expect", "a cookie"]],
  [["connection", "close"]],
  [
    ["connection", "upgrade"],
    ["upgrade", "h2c"],
  ],
  [
    ["connection", "upgrade"],
    ["upgrade", "websocket"],
  ],
  [["connection", "keep-alive, x, y"]],
  [["te", "trailers"]],
  [
    ["transfer-encoding", "chunked"],
    ["content-length", "5"],
  ],
  [["transfer-encoding", "gzip, chunked"]],
  [["transfer-encoding", "x"]],
  [["content-length", "-1"]],
  [["content-length", "x"]],
  [
    ["content-length", "5"],
    ["content-length", "6"],
  ],
  [["content-length", "99999999999999999999"]],
  [["x bad", "name"]],
  [["", "no name"]],
  [["x-control", "a\u0001b"]],
  [["x-folded", "a\r\n b"]],
  [["x-high", "\u00ff\u00fe"]],
  [["x-huge", "z".repeat(70_000)]],
  [["host", ""]],
  [
    ["host", "a"],
    ["host", "b"],
  ],
];

export const framingHeaders = (dice: Dice): readonly Header[] => dice.pick(framing);
