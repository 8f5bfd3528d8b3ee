import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RealClock } from "../../apimachinery/clock.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { FakeReader } from "../admission/testing/fake-reader.ts";
import { admissionReview } from "./review-form.ts";
import { answer, type RawHandler, RawServer } from "./testing/raw-server.ts";
import { WebhookCallError } from "./webhook-call-error.ts";
import { WebhookCaller } from "./webhook-caller.ts";

let server: RawServer;
let caller: WebhookCaller;

beforeAll(async () => {
  server = await RawServer.listen();
  caller = new WebhookCaller({
    reader: new FakeReader(),
    clock: new RealClock(),
    random: new SeededRandom(1),
  });
});
afterAll(async () => {
  caller.close();
  await server.close();
});

/** The review that comes back, or the message of the refusal, with what differs from run to run left out. */
async function outcome(handler: RawHandler, timeoutMs = 5000): Promise<unknown> {
  server.handler = handler;
  const config = { url: server.url(), caBundle: server.caBundle };
  try {
    return await caller.post(config, {}, { timeoutMs, form: admissionReview, version: "v1" });
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    const { message } = error;
    const post = `Post "https://127.0.0.1:${server.port}/?timeout=${Math.ceil(timeoutMs / 1000)}s": `;
    return message.replace(post, "POST ");
  }
}

const bytes =
  (text: string): RawHandler =>
  (socket) =>
    void socket.end(text);
const say =
  (status: string, headers: readonly string[], body: string | Buffer): RawHandler =>
  (socket) =>
    void socket.write(answer(status, headers, body));
const ok = (body: string): RawHandler => say("200 OK", ["Content-Type: application/json"], body);
const broken = "POST net/http: HTTP/1.x transport connection broken: ";
const cut = "unexpected error when reading response body. Please retry. Original error: ";

/** Writes for as long as somebody reads, and counts. */
function endless(first: string, more: string): { readonly handler: RawHandler; readonly sent: () => number } {
  let sent = 0;
  const handler: RawHandler = (socket) => {
    socket.write(first);
    const pump = (): void => {
      while (!socket.destroyed && sent < 1024 ** 3) {
        sent += more.length;
        if (!socket.write(more)) return void socket.once("drain", pump);
      }
    };
    pump();
  };
  return { handler, sent: () => sent };
}

// The expectations are what kube-apiserver 1.36.1 says of the same bytes, but where a comment tells otherwise.
describe("a connection", () => {
  test.each<[string, RawHandler, string]>([
    ["that ends without a word", (socket) => void socket.end(), "POST EOF"],
    ["that is dropped", (socket) => void socket.destroy(), "POST EOF"],
    [
      "that speaks another protocol",
      bytes("hello there\r\n\r\n"),
      `${broken}malformed HTTP status code "there"`,
    ],
    ["that says one word", bytes("hello\r\n\r\n"), `${broken}malformed HTTP response "hello"`],
    [
      "with a status of letters",
      bytes("HTTP/1.1 abc OK\r\n\r\n"),
      `${broken}malformed HTTP status code "abc"`,
    ],
    // Kubernetes takes versions as they come.
    ["of a later HTTP", bytes("HTTP/9.9 200 OK\r\n\r\n"), `${broken}malformed HTTP version "HTTP/9.9"`],
    [
      "with a header without a colon",
      bytes("HTTP/1.1 200 OK\r\nno colon here\r\n\r\n"),
      `${broken}malformed MIME header: missing colon: "no colon here"`,
    ],
    [
      "with a negative length",
      bytes("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
      `${broken}bad Content-Length "-5"`,
    ],
    [
      "with two lengths",
      bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}"),
      `${broken}http: message cannot contain multiple Content-Length headers; got ["2" "5"]`,
    ],
    [
      "that ends in the body",
      bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
      `${cut}unexpected EOF`,
    ],
    [
      "that ends in a chunk",
      bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"a":'),
      `${cut}unexpected EOF`,
    ],
    [
      "that ends before the last chunk",
      bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
      `${cut}unexpected EOF`,
    ],
    [
      "with a chunk of no length",
      bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
      `${cut}invalid byte in chunk length`,
    ],
    [
      "that is upgraded, though nobody asked for it",
      bytes("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
      "0-length response with status code: 101 and content type: application/json",
    ],
    [
      "with a packed body that is none",
      say("200 OK", ["Content-Encoding: gzip"], "not packed"),
      `${cut}gzip: invalid header`,
    ],
  ])("%s fails by that name", async (_, handler, why) => {
    expect(await outcome(handler)).toBe(why);
  });

  test("may send hints before its answer, and pack it", async () => {
    const packed = gzipSync('{"response":{"allowed":true}}');
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(10);
    const whole = Buffer.concat([Buffer.from(hints), answer("200 OK", ["Content-Encoding: gzip"], packed)]);
    expect(await outcome((socket) => void socket.write(whole))).toMatchObject({
      response: { allowed: true },
    });
  });

  test.each<[string, RawHandler, string]>([
    ["that is silent", () => undefined, "POST context deadline exceeded"],
    [
      "whose head never ends",
      (socket) => void socket.write("HTTP/1.1 200 OK\r\nA:"),
      "POST context deadline exceeded",
    ],
    [
      "whose body never ends",
      (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
      `${cut}context deadline exceeded`,
    ],
    [
      "that asks to come back later, for ever",
      say("503 Later", ["Retry-After: 1"], "wait"),
      "POST context deadline exceeded",
    ],
  ])("%s is left in time", async (_, handler, why) => {
    expect(await outcome(handler, 300)).toBe(why);
  });

  // Kubernetes reads bodies of any length, and ten times as many headers.
  test.each([
    [
      "headers",
      endless("HTTP/1.1 200 OK\r\n", `X-A: ${"a".repeat(8000)}\r\n`),
      `${broken}net/http: server response headers exceeded 1048576 bytes; aborted`,
    ],
    [
      "a header",
      endless("HTTP/1.1 200 OK\r\nX-A: ", "a".repeat(65_536)),
      `${broken}net/http: server response headers exceeded 1048576 bytes; aborted`,
    ],
    [
      "a body",
      endless("HTTP/1.1 200 OK\r\n\r\n", " ".repeat(65_536)),
      "the answer of the webhook exceeds 16777224 bytes",
    ],
  ])("that sends %s without an end is cut off", async (_, { handler, sent }, why) => {
    expect(await outcome(handler)).toBe(why);
    expect(sent()).toBeLessThan(64 * 1024 * 1024);
  });

  test("cannot hide a body without an end in a packed one", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(await outcome(say("200 OK", ["Content-Encoding: gzip"], bomb))).toBe(
      "the answer of the webhook exceeds 16777224 bytes",
    );
  });
});

describe("an answer of an error", () => {
  const status = { kind: "Status", apiVersion: "v1", status: "Failure", message: "mine", code: 507 };
  test.each<[string, string[], string, string]>([
    ["400 Bad Request", [], "no way", "the server rejected our request for an unknown reason"],
    ["401 Unauthorized", [], "who", "the server has asked for the client to provide credentials"],
    ["403 Forbidden", [], "not you", "not you"],
    ["404 Not Found", [], "<html>", "the server could not find the requested resource"],
    ["405 No", [], "", "the server does not allow this method on the requested resource"],
    ["406 No", [], "", "the server was unable to respond with a content type that the client supports"],
    ["409 Conflict", [], "c", "the server reported a conflict"],
    [
      "413 Long",
      [],
      "c",
      "the server responded with the status code 413 but did not return more information",
    ],
    ["415 Type", [], "not that", "not that"],
    [
      "418 Teapot",
      [],
      "t",
      "the server responded with the status code 418 but did not return more information",
    ],
    ["422 No", [], "t", "the server rejected our request due to an error in our request"],
    ["429 Slow", [], "s", "the server has received too many requests and has asked us to try again later"],
    ["500 No", [], " boom\n", 'an error on the server ("boom") has prevented the request from succeeding'],
    ["500 No", [], "", 'an error on the server ("") has prevented the request from succeeding'],
    [
      "500 No",
      ["Content-Type: image/png"],
      "x",
      'an error on the server ("unknown") has prevented the request from succeeding',
    ],
    ["500 No", ["Content-Type: application/json"], JSON.stringify(status), "mine"],
    ["503 No", [], "later", "the server is currently unable to handle the request"],
    [
      "504 No",
      [],
      "",
      "the server was unable to return a response in the time allotted, but may still be processing the request",
    ],
    // Redirects are not followed, where Kubernetes would.
    [
      "302 Found",
      ["Location: https://127.0.0.1:1/"],
      "",
      "the server responded with the status code 302 but did not return more information",
    ],
    [
      "307 There",
      ["Location: https://127.0.0.1:1/"],
      "",
      "the server responded with the status code 307 but did not return more information",
    ],
    ["304 Same", [], "", "the server responded with the status code 304 but did not return more information"],
  ])("%s %j %j is worded as client-go words it", async (line, headers, body, why) => {
    expect(await outcome(say(line, headers, body))).toBe(why);
  });

  test("quotes so much of a long text, and no more", async () => {
    const message = await outcome(say("500 No", [], "x".repeat(5000)));
    expect(message).toBe(
      `an error on the server ("${"x".repeat(2048)}") has prevented the request from succeeding`,
    );
  });

  test("that names a time is asked again", async () => {
    let calls = 0;
    const review = await outcome((socket) => {
      calls++;
      socket.write(
        calls < 3
          ? answer("429 Slow", ["Retry-After: 0"], "")
          : answer("200 OK", [], '{"response":{"allowed":true}}'),
      );
    });
    expect([calls, review]).toMatchObject([3, { response: { allowed: true } }]);
  });
});

describe("a body", () => {
  const typeStruct =
    'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
  const parse = "couldn't get version/kind; json parse error: ";
  const type = (found: string, field: string, wanted: string): string =>
    `json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`;
  const response = (fields: object): string => JSON.stringify({ response: fields });

  test.each<[string, string]>([
    ["", "0-length response with status code: 200 and content type: application/json"],
    ["<html>", `${parse}json: cannot unmarshal string into ${typeStruct}`],
    ["[]", `${parse}json: cannot unmarshal array into ${typeStruct}`],
    ["5", `${parse}json: cannot unmarshal number into ${typeStruct}`],
    ["true", `${parse}json: cannot unmarshal bool into ${typeStruct}`],
    ['{"response":', `${parse}unexpected end of JSON input`],
    ["{}xx", `${parse}invalid character 'x' after top-level value`],
    ['{"kind":5}', `${parse}json: cannot unmarshal number into Go struct field .kind of type string`],
    [
      '{"kind":"Pod","apiVersion":"admission.k8s.io/v1"}',
      'no kind "Pod" is registered for version "admission.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      '{"kind":"AdmissionReview","apiVersion":"v1"}',
      'no kind "AdmissionReview" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
    ],
    [
      '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1"}',
      "converting (v1beta1.AdmissionReview) to (v1.AdmissionReview): unknown conversion",
    ],
    [
      '{"kind":"Status","apiVersion":"v1","status":"Failure"}',
      "converting (v1.Status) to (v1.AdmissionReview): unknown conversion",
    ],
    ['{"response":"yes"}', type("string", "AdmissionReview.response", "v1.AdmissionResponse")],
    ['{"response":[]}', type("array", "AdmissionReview.response", "v1.AdmissionResponse")],
    [response({ uid: 5 }), type("number", "AdmissionResponse.response.uid", "types.UID")],
    [response({ allowed: "true" }), type("string", "AdmissionResponse.response.allowed", "bool")],
    [response({ allowed: 1 }), type("number", "AdmissionResponse.response.allowed", "bool")],
    [response({ status: "no" }), type("string", "AdmissionResponse.response.status", "v1.Status")],
    [response({ status: { code: "403" } }), type("string", "Status.response.status.code", "int32")],
    [response({ patch: 5 }), type("number", "AdmissionResponse.response.patch", "[]uint8")],
    [response({ patch: {} }), type("object", "AdmissionResponse.response.patch", "[]uint8")],
    [response({ patch: "!!!" }), "illegal base64 data at input byte 0"],
    [
      response({ auditAnnotations: [] }),
      type("array", "AdmissionResponse.response.auditAnnotations", "map[string]string"),
    ],
    [
      response({ auditAnnotations: { a: 1 } }),
      type("number", "AdmissionResponse.response.auditAnnotations", "string"),
    ],
    [response({ warnings: "x" }), type("string", "AdmissionResponse.response.warnings", "[]string")],
    [response({ warnings: [1] }), type("number", "AdmissionResponse.response.warnings", "string")],
  ])("of %s is none of a review", async (text, why) => {
    expect(await outcome(ok(text))).toBe(why);
  });

  test("of a type that is none is not read", async () => {
    expect(await outcome(say("200 OK", ["Content-Type: ;;;"], "{}"))).toBe(
      "Internal error occurred: mime: no media type",
    );
  });

  test.each([
    ["nothing but space", "   ", {}],
    ["null", "null", {}],
    ["YAML, whatever it is called", "response: {allowed: true, other: 1}\n", { response: { allowed: true } }],
    ["fields that nobody knows", '{"response":{"Allowed":true,"zork":1}}', { response: {} }],
  ])("of %s is read as Kubernetes reads it", async (_, text, review) => {
    expect(await outcome(ok(text))).toMatchObject(review);
  });

  test("that nests without an end is refused", async () => {
    const deep = `{"x":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    expect(await outcome(ok(deep))).toBe(`${parse}invalid character '[' exceeded max depth`);
  });
});
