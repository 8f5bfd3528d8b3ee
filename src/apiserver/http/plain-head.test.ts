import { expect, test } from "vitest";
import { parsePlainHead } from "./plain-head.ts";

const parse = (text: string) => parsePlainHead(Buffer.from(text, "latin1"), undefined);

test("a request in one piece is read: method, target, fields, and where the body begins", () => {
  const text = "POST /api/v1/pods?a=b HTTP/1.1\r\nHost: x\r\nAccept:\t a, b \r\nContent-Length: 2\r\n\r\n{}";
  const head = parse(text);
  expect(head).toMatchObject({ method: "POST", url: "/api/v1/pods?a=b", bodyAt: text.length - 2 });
  expect(head?.fields.headers).toEqual({ host: "x", accept: "a, b", "content-length": "2" });
  expect(head?.fields.rawHeaders).toEqual(["Host", "x", "Accept", "a, b", "Content-Length", "2"]);
});

test("fields that are sent again are not read again", () => {
  const first = parse("GET /a HTTP/1.1\r\nHost: x\r\nAccept: y\r\n\r\n");
  const again = Buffer.from("GET /b HTTP/1.1\r\nHost: x\r\nAccept: y\r\n\r\n");
  const next = parsePlainHead(again, first?.fields);
  expect(next?.url).toBe("/b");
  expect(next?.fields).toBe(first?.fields);
});

test.each([
  ["HTTP/1.1 with nothing but a host", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["an empty value", "GET / HTTP/1.1\r\nHost: x\r\nAccept:\r\n\r\n"],
  ["keep-alive", "GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive\r\n\r\n"],
  ["another method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a path with codes", "GET /a%20b?c=%zz HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a body of length 0", "DELETE / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"],
])("plain is %s", (_, text) => {
  expect(parse(text)).toBeDefined();
});

test.each([
  ["half a head", "GET / HTTP/1.1\r\nHost: x\r\n"],
  ["a body of which some is missing", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}"],
  ["more than one request", "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a body without a length", "POST / HTTP/1.1\r\nHost: x\r\n\r\n{}"],
  ["HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\n\r\n"],
  ["no host", "GET / HTTP/1.1\r\nAccept: x\r\n\r\n"],
  ["no fields at all", "GET / HTTP/1.1\r\n\r\n"],
  ["HEAD", "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["CONNECT", "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a method that is none", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a percent sign that begins no code", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"],
  ["a target that is a whole URL", "GET https://x/ HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a space in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["two spaces", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["a target that is not ASCII", "GET /\xfc HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["lines that end with a line feed alone", "GET / HTTP/1.1\nHost: x\n\n\r\n\r\n"],
  ["a line feed in a value", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"],
  ["a carriage return in a value", "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"],
  ["a space before the colon", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n"],
  ["a folded line", "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"],
  ["a line without a colon", "GET / HTTP/1.1\r\nHost: x\r\nfoo\r\n\r\n"],
  ["a field without a name", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n"],
  ["a value that is not ASCII", "GET / HTTP/1.1\r\nHost: x\r\nA: \xfc\r\n\r\n"],
  ["a zero byte", "GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n"],
  ["two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\ncontent-length: 2\r\n\r\n{}"],
  ["a length with a sign", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}"],
  ["a length with a comma", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 2\r\n\r\n{}"],
  ["an empty length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"],
  [
    "chunks",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["a connection that is to end", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
  ["an upgrade", "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
  ["an expectation", "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n"],
  ["a field sent twice", "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\n\r\n"],
  ["a field that is no field of an object", "GET / HTTP/1.1\r\nHost: x\r\n__proto__: 1\r\n\r\n"],
])("not plain is %s", (_, text) => {
  expect(parse(text)).toBeUndefined();
});
