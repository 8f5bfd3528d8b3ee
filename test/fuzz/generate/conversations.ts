import type { Dice } from "./dice.ts";
import type { FuzzConversation } from "./fuzz-request.ts";
import {
  endHeaders,
  endStream,
  frame,
  frameTypes,
  headerBlock,
  http2Preface,
  setting,
  word,
} from "./http2-frames.ts";
import { mutateBytes } from "./mutate-bytes.ts";

/** What no client library would write: see the rows below. */
export function anyConversation(dice: Dice): FuzzConversation {
  return dice.weighted<(dice: Dice) => FuzzConversation>([
    [4, brokenHttp1],
    [2, pipeline],
    [4, oddFrames],
    [4, webSocket],
    [2, spdy],
  ])(dice);
}

const authorized = "host: x\r\nauthorization: Bearer admin\r\n";
const configMaps = "/api/v1/namespaces/fz-a/configmaps";
const leave = (dice: Dice): FuzzConversation["leave"] => dice.pick(["cut", "wait", "half"]);

const whole = (method: string, path: string, headers = "", body = ""): string =>
  `${method} ${path} HTTP/1.1\r\n${authorized}${headers}\r\n${body}`;
const chunked = "transfer-encoding: chunked\r\n";
const jsonType = "content-type: application/json\r\n";
const object = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"generateName":"fz-gen-"}}';

const http1Texts: readonly (readonly [description: string, text: string])[] = [
  ["nothing", ""],
  ["half a request line", "GET /api/v1/na"],
  ["no headers' end", `GET /version HTTP/1.1\r\nhost: x\r\nx: `],
  ["bad version", `GET /version HTTP/9.9\r\n${authorized}\r\n`],
  ["HTTP/0.9", "GET /version\r\n\r\n"],
  ["HTTP/1.0", `GET /version HTTP/1.0\r\n${authorized}\r\n`],
  ["HTTP/1.0 watch", `GET ${configMaps}?watch=1&timeoutSeconds=1 HTTP/1.0\r\n${authorized}\r\n`],
  ["bare line feeds", `GET /version HTTP/1.1\nhost: x\nauthorization: Bearer admin\n\n`],
  ["leading blank lines", `\r\n\r\n\r\n${whole("GET", "/version")}`],
  ["absolute target", whole("GET", "http://other.example.com/version")],
  ["asterisk target", whole("OPTIONS", "*")],
  ["authority target", whole("CONNECT", "127.0.0.1:22")],
  ["no slash", whole("GET", "version")],
  ["spaces in the target", whole("GET", "/api/v1/ namespaces")],
  ["control bytes in the target", whole("GET", "/api/v1/\u0001\u007f")],
  ["high bytes in the target", whole("GET", "/api/v1/namespaces/\u00e9\u00ff")],
  ["a fragment", whole("GET", "/version#x")],
  ["question marks", whole("GET", "/version???=?")],
  ["long target", whole("GET", `/${"a".repeat(20_000)}`)],
  ["unknown method", whole("FROB", "/version")],
  ["method of junk", whole("\u0001\u0002", "/version")],
  ["body shorter than said", whole("POST", configMaps, `${jsonType}content-length: 500\r\n`, object)],
  ["body longer than said", whole("POST", configMaps, `${jsonType}content-length: 5\r\n`, object)],
  ["length and chunks", whole("POST", configMaps, `${jsonType}${chunked}content-length: 5\r\n`, "0\r\n\r\n")],
  ["chunk without end", whole("POST", configMaps, jsonType + chunked, `5\r\n{"a":`)],
  ["bad chunk size", whole("POST", configMaps, jsonType + chunked, "zz\r\n{}\r\n0\r\n\r\n")],
  ["huge chunk size", whole("POST", configMaps, jsonType + chunked, "ffffffffffffffff\r\n{}")],
  [
    "chunk extensions",
    whole(
      "POST",
      configMaps,
      jsonType + chunked,
      `${object.length.toString(16)};${"a=b;".repeat(500)}\r\n${object}\r\n0\r\n\r\n`,
    ),
  ],
  [
    "trailers",
    whole(
      "POST",
      configMaps,
      jsonType + chunked,
      `${object.length.toString(16)}\r\n${object}\r\n0\r\nx: y\r\nauthorization: Bearer viewer\r\n\r\n`,
    ),
  ],
  ["a GET with a body", whole("GET", configMaps, `${jsonType}content-length: 2\r\n`, "{}")],
  [
    "expectation",
    whole("POST", configMaps, `${jsonType}expect: 100-continue\r\ncontent-length: 2\r\n`, "{}"),
  ],
  [
    "a watch that is pipelined behind",
    whole("GET", `${configMaps}?watch=1&timeoutSeconds=1`) + whole("GET", "/version"),
  ],
  ["HTTP/2 preface", http2Preface.toString("latin1")],
  ["headers without end", `GET /version HTTP/1.1\r\n${"x: y\r\n".repeat(5000)}`],
  ["a header without end", `GET /version HTTP/1.1\r\nx: ${"y".repeat(200_000)}`],
  ["no host", "GET /version HTTP/1.1\r\n\r\n"],
  ["NUL in a header", whole("GET", "/version", "x: a\u0000b\r\n")],
];

function brokenHttp1(dice: Dice): FuzzConversation {
  const [description, text] = dice.pick(http1Texts);
  const bytes = Buffer.from(text, "latin1");
  const isBent = dice.percent(30);
  const sent = isBent ? mutateBytes(dice, bytes) : bytes;
  const at = sent.length === 0 ? 0 : dice.below(sent.length);
  const steps = dice.percent(30) ? [sent.subarray(0, at), dice.below(20), sent.subarray(at)] : [sent];
  const name = `${description}${isBent ? ", bent" : ""}`;
  return { type: "conversation", protocol: "http/1.1", description: name, steps, leave: leave(dice) };
}

function pipeline(dice: Dice): FuzzConversation {
  const requests = Array.from({ length: 2 + dice.below(12) }, () =>
    dice.pick([
      whole("GET", "/version"),
      whole("GET", `${configMaps}?limit=2`),
      whole("GET", "/nope"),
      whole("HEAD", "/healthz"),
      whole("POST", configMaps, `${jsonType}content-length: ${object.length}\r\n`, object),
      whole("DELETE", `${configMaps}/fz-0`),
      whole("GET", `${configMaps}?watch=1&timeoutSeconds=1&resourceVersion=0`),
      whole("POST", configMaps, `${jsonType}content-length: 2\r\n`, "{]"),
    ]),
  );
  const bytes = Buffer.from(requests.join(""), "latin1");
  const sent = dice.percent(20) ? bytes.subarray(0, dice.below(bytes.length)) : bytes;
  const description = `pipeline of ${requests.length}`;
  return { type: "conversation", protocol: "http/1.1", description, steps: [sent], leave: leave(dice) };
}

const requestHeaders = (path: string, method = "GET"): (readonly [string, string])[] => [
  [":method", method],
  [":scheme", "https"],
  [":authority", "x"],
  [":path", path],
  ["authorization", "Bearer admin"],
];
const versionBlock = headerBlock(requestHeaders("/version"));
const noBytes = Buffer.alloc(0);

/** Sequences of frames that the protocol forbids, or that are many. */
const frameRows: readonly (readonly [description: string, make: (dice: Dice) => Buffer[]])[] = [
  ["a request", () => [frame(1, endHeaders | endStream, 1, versionBlock)]],
  [
    "streams that are reset at once",
    () =>
      Array.from({ length: 200 }, (_, n) => [
        frame(1, endHeaders | endStream, 2 * n + 1, versionBlock),
        frame(3, 0, 2 * n + 1, word(8)),
      ]).flat(),
  ],
  [
    "watches that are reset at once",
    () =>
      Array.from({ length: 100 }, (_, n) => [
        frame(1, endHeaders | endStream, 2 * n + 1, headerBlock(requestHeaders(`${configMaps}?watch=1`))),
        frame(3, 0, 2 * n + 1, word(8)),
      ]).flat(),
  ],
  [
    "continuations without end",
    () => [
      frame(1, 0, 1, versionBlock),
      ...Array.from({ length: 500 }, () => frame(9, 0, 1, headerBlock([["x-a", "b".repeat(100)]]))),
    ],
  ],
  [
    "continuations without bytes",
    () => [frame(1, 0, 1, versionBlock), ...Array.from({ length: 2000 }, () => frame(9, 0, 1, noBytes))],
  ],
  ["a continuation of nothing", () => [frame(9, endHeaders, 1, versionBlock)]],
  [
    "another frame between continuations",
    () => [frame(1, 0, 1, versionBlock), frame(6, 0, 0, Buffer.alloc(8))],
  ],
  ["a flood of settings", () => Array.from({ length: 2000 }, () => frame(4, 0, 0, noBytes))],
  ["a flood of pings", () => Array.from({ length: 2000 }, () => frame(6, 0, 0, Buffer.alloc(8)))],
  [
    "a flood of priorities",
    () => Array.from({ length: 2000 }, (_, n) => frame(2, 0, 2 * n + 1, Buffer.from([0, 0, 0, 0, 16]))),
  ],
  [
    "a stream that depends on itself",
    () => [
      frame(1, endHeaders | endStream | 32, 1, Buffer.concat([word(1), Buffer.from([16]), versionBlock])),
    ],
  ],
  [
    "odd settings",
    () => [
      frame(4, 0, 0, Buffer.concat([setting(4, 2 ** 31), setting(5, 1), setting(99, 5), setting(3, 0)])),
    ],
  ],
  ["settings of a wrong size", () => [frame(4, 0, 0, Buffer.alloc(5))]],
  ["settings on a stream", () => [frame(4, 0, 1, noBytes)]],
  [
    "no window for answers",
    () => [frame(4, 0, 0, setting(4, 0)), frame(1, endHeaders | endStream, 1, versionBlock)],
  ],
  ["a window that overflows", () => [frame(8, 0, 0, word(0x7fffffff)), frame(8, 0, 0, word(0x7fffffff))]],
  ["a window of nothing", () => [frame(8, 0, 0, word(0))]],
  ["data of no stream", () => [frame(0, 0, 5, Buffer.from("x"))]],
  [
    "data behind the end",
    () => [frame(1, endHeaders | endStream, 1, versionBlock), frame(0, 0, 1, Buffer.from("x"))],
  ],
  ["padding longer than the frame", () => [frame(1, endHeaders | 8, 1, Buffer.from([255, 0]))]],
  ["a stream of an even number", () => [frame(1, endHeaders | endStream, 2, versionBlock)]],
  [
    "a stream number that goes back",
    () => [
      frame(1, endHeaders | endStream, 5, versionBlock),
      frame(1, endHeaders | endStream, 3, versionBlock),
    ],
  ],
  ["a promise of the client", () => [frame(5, endHeaders, 1, Buffer.concat([word(2), versionBlock]))]],
  [
    "a farewell",
    () => [
      frame(7, 0, 0, Buffer.concat([word(0), word(0)])),
      frame(1, endHeaders | endStream, 1, versionBlock),
    ],
  ],
  ["a frame of an unknown type", () => [frame(77, 255, 1, Buffer.alloc(50))]],
  ["a frame that is too large", () => [frame(0, 0, 1, Buffer.alloc(20_000))]],
  [
    "a huge header list",
    () => [
      frame(
        1,
        endHeaders | endStream,
        1,
        headerBlock([
          ...requestHeaders("/version"),
          ...Array.from({ length: 300 }, (_, n) => [`x-${n}`, "y".repeat(30)] as const),
        ]),
      ),
    ],
  ],
  ["headers without pseudo-headers", () => [frame(1, endHeaders | endStream, 1, headerBlock([["a", "b"]]))]],
  [
    "pseudo-headers twice",
    () => [
      frame(1, endHeaders | endStream, 1, headerBlock([...requestHeaders("/version"), [":path", "/x"]])),
    ],
  ],
  [
    "names in upper case",
    () => [frame(1, endHeaders | endStream, 1, headerBlock([...requestHeaders("/version"), ["X-A", "b"]]))],
  ],
  ["an empty path", () => [frame(1, endHeaders | endStream, 1, headerBlock(requestHeaders("")))]],
  [
    "CONNECT",
    () => [
      frame(
        1,
        endHeaders,
        1,
        headerBlock([
          [":method", "CONNECT"],
          [":authority", "x:1"],
        ]),
      ),
    ],
  ],
  [
    "extended CONNECT",
    () => [
      frame(
        1,
        endHeaders,
        1,
        headerBlock([
          ...requestHeaders("/api/v1/namespaces/fz-a/pods/fz-0/exec", "CONNECT"),
          [":protocol", "websocket"],
        ]),
      ),
    ],
  ],
  [
    "line feeds in a value",
    () => [
      frame(1, endHeaders | endStream, 1, headerBlock([...requestHeaders("/version"), ["x", "a\r\nb: c"]])),
    ],
  ],
  [
    "a bad header table index",
    () => [frame(1, endHeaders | endStream, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))],
  ],
  [
    "a header table that grows",
    () => [frame(1, endHeaders | endStream, 1, Buffer.from([0x3f, 0xff, 0xff, 0xff, 0x0f]))],
  ],
  [
    "a content-length that lies",
    () => [
      frame(
        1,
        endHeaders,
        1,
        headerBlock([...requestHeaders(configMaps, "POST"), ["content-length", "500"]]),
      ),
      frame(0, endStream, 1, Buffer.from(object)),
    ],
  ],
  [
    "a body without end",
    () => [
      frame(1, endHeaders, 1, headerBlock(requestHeaders(configMaps, "POST"))),
      frame(0, 0, 1, Buffer.from(object)),
    ],
  ],
  [
    "data without bytes",
    () => [
      frame(1, endHeaders, 1, headerBlock(requestHeaders(configMaps, "POST"))),
      ...Array.from({ length: 2000 }, () => frame(0, 0, 1, noBytes)),
    ],
  ],
  [
    "trailers",
    () => [
      frame(
        1,
        endHeaders,
        1,
        headerBlock([...requestHeaders(configMaps, "POST"), ["content-type", "application/json"]]),
      ),
      frame(0, 0, 1, Buffer.from(object)),
      frame(
        1,
        endHeaders | endStream,
        1,
        headerBlock([
          ["x-trailer", "1"],
          ["authorization", "Bearer viewer"],
        ]),
      ),
    ],
  ],
  [
    "many streams at once",
    () => Array.from({ length: 300 }, (_, n) => frame(1, endHeaders | endStream, 2 * n + 1, versionBlock)),
  ],
  [
    "frames of junk",
    (dice) =>
      Array.from({ length: 20 }, () =>
        frame(dice.below(12), dice.below(256), dice.below(4), dice.bytes(dice.below(40))),
      ),
  ],
];

function oddFrames(dice: Dice): FuzzConversation {
  const [description, make] = dice.pick(frameRows);
  const opening = dice.percent(95) ? [http2Preface, frame(frameTypes.settings, 0, 0, noBytes)] : [];
  const frames = make(dice);
  const isBent = dice.percent(15);
  const bytes = Buffer.concat([...opening, ...frames]);
  const steps = [isBent ? mutateBytes(dice, bytes) : bytes];
  const name = `${description}${isBent ? ", bent" : ""}`;
  return { type: "conversation", protocol: "h2", description: name, steps, leave: leave(dice) };
}

const streams = [
  "exec?command=sh&stdin=true&stdout=true&container=c",
  "exec?command=sh&stdin=true&stdout=true&tty=true",
  "exec?stdout=true",
  "exec?command=x",
  "attach?stdin=true&stdout=true",
  "portforward?ports=80",
  "portforward",
  "proxy/x",
  "log?follow=true",
] as const;
const pod = (dice: Dice): string =>
  `/api/v1/namespaces/${dice.pick(["fz-a", "fz-b"])}/pods/fz-${dice.below(6)}`;
const webSocketProtocols = [
  "v5.channel.k8s.io",
  "v4.channel.k8s.io",
  "channel.k8s.io",
  "base64.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "SPDY/3.1+portforward.k8s.io",
  "portforward.k8s.io",
  "junk",
  "",
] as const;

function webSocket(dice: Dice): FuzzConversation {
  const isWatch = dice.percent(15);
  const path = isWatch ? `${configMaps}?watch=1&timeoutSeconds=1` : `${pod(dice)}/${dice.pick(streams)}`;
  const key = dice.percent(90) ? "dGhlIHNhbXBsZSBub25jZQ==" : dice.pick(["", "x", "x".repeat(5000)]);
  const version = dice.percent(90) ? "13" : dice.pick(["0", "99", "x"]);
  const protocol = dice.pick(webSocketProtocols);
  const head =
    `connection: Upgrade\r\nupgrade: ${dice.percent(95) ? "websocket" : "WEBSOCKET, x"}\r\nsec-websocket-key: ${key}\r\n` +
    `sec-websocket-version: ${version}\r\n${protocol === "" ? "" : `sec-websocket-protocol: ${protocol}\r\n`}`;
  const request = Buffer.from(whole("GET", path, head), "latin1");
  const frames = Array.from({ length: dice.below(8) }, () => webSocketFrame(dice));
  const steps = dice.percent(50)
    ? [Buffer.concat([request, ...frames])]
    : [request, dice.below(15), ...frames];
  const description = `WebSocket ${protocol} to ${path} with ${frames.length} frames`;
  return { type: "conversation", protocol: "http/1.1", description, steps, leave: leave(dice) };
}

/** Masked or not, of any kind, with lengths that need not be true. */
function webSocketFrame(dice: Dice): Buffer {
  const opcode = dice.weighted([
    [5, 2],
    [2, 1],
    [1, 0],
    [1, 8],
    [1, 9],
    [1, 10],
    [1, dice.below(16)],
  ]);
  const channel = Buffer.from([dice.pick([0, 1, 2, 3, 4, 5, 9, 255])]);
  const content = dice.pick([
    Buffer.from("hello\n"),
    Buffer.from('{"Width":80,"Height":24}'),
    Buffer.from('{"Width":-1,"Height":1e400}'),
    Buffer.from("{"),
    Buffer.alloc(0),
    dice.bytes(20),
    Buffer.alloc(70_000, "x"),
  ]);
  const payload = Buffer.concat([channel, content]);
  const first = (dice.percent(85) ? 0x80 : 0) | (dice.percent(5) ? 0x40 : 0) | opcode;
  const mask = dice.percent(92) ? 0x80 : 0;
  const claimed = dice.percent(92) ? payload.length : dice.pick([0, 1e6, 2 ** 31, 2 ** 52]);
  const length = Buffer.alloc(claimed < 126 ? 1 : claimed < 65_536 ? 3 : 9);
  length[0] = mask | (claimed < 126 ? claimed : claimed < 65_536 ? 126 : 127);
  if (length.length === 3) length.writeUInt16BE(claimed, 1);
  if (length.length === 9) length.writeBigUInt64BE(BigInt(claimed), 1);
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([
    Buffer.from([first]),
    length,
    mask === 0 ? Buffer.alloc(0) : Buffer.alloc(4),
    payload,
  ]);
}

function spdy(dice: Dice): FuzzConversation {
  const path = `${pod(dice)}/${dice.pick(streams)}`;
  const protocol = dice.pick(["v4.channel.k8s.io", "portforward.k8s.io", "x", ""] as const);
  const head =
    "connection: Upgrade\r\nupgrade: SPDY/3.1\r\n" +
    (protocol === "" ? "" : `x-stream-protocol-version: ${protocol}\r\n`);
  const request = Buffer.from(
    whole(dice.pick(["POST", "GET"]), path, `${head}content-length: 0\r\n`),
    "latin1",
  );
  const frames = Array.from({ length: dice.below(8) }, () => spdyFrame(dice));
  const description = `SPDY ${protocol} to ${path} with ${frames.length} frames`;
  const steps = [request, dice.below(15), ...frames];
  return { type: "conversation", protocol: "http/1.1", description, steps, leave: leave(dice) };
}

/** A control frame (version 3, type, flags, length) or a data frame, with a payload that is junk. */
function spdyFrame(dice: Dice): Buffer {
  const payload = dice.pick([
    dice.bytes(dice.below(60)),
    Buffer.concat([word(1), word(0), Buffer.from([0, 0]), dice.bytes(30)]),
    Buffer.concat([word(1), word(5)]),
    word(1),
    Buffer.alloc(0),
    Buffer.alloc(40_000, 255),
  ]);
  const type = dice.pick([1, 2, 3, 4, 6, 7, 8, 9, 99]);
  const head = dice.percent(75) ? Buffer.from([0x80, 3, 0, type]) : word(dice.below(9));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(dice.percent(92) ? payload.length : 0xffffff);
  length[0] = dice.below(4);
  return Buffer.concat([head, length, payload]);
}
