import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { encodeDataHead, encodeSynStream, FrameParser } from "./frames.ts";
import { dictionary, HeaderReader, HeaderWriter } from "./headers.ts";
import { SpdySession, type SpdyStream } from "./session.ts";

describe("header blocks", () => {
  it("use the dictionary of 1,423 bytes", () => {
    expect(dictionary.length).toBe(1423);
  });

  it("survive a round trip, block after block", async () => {
    const writer = new HeaderWriter();
    const reader = new HeaderReader();
    for (const headers of [{ streamtype: "error", port: "80" }, {}, { "x-long": "a".repeat(100_000) }]) {
      const decoded = await reader.decode(writer.encode(Object.entries(headers)));
      expect(Object.fromEntries(decoded)).toEqual(headers);
    }
  });

  it("end with the empty block that Go's inflater waits for", () => {
    const writer = new HeaderWriter();
    for (const headers of [[["a", "b"]], []] as [string, string][][]) {
      expect(writer.encode(headers).subarray(-5)).toEqual(Buffer.from([0, 0, 0, 0xff, 0xff]));
    }
  });

  it("are read when the peer compresses them", async () => {
    const plain = Buffer.from([
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      4,
      ...Buffer.from("Port"),
      0,
      0,
      0,
      2,
      ...Buffer.from("80"),
    ]);
    const decoded = await new HeaderReader().decode(deflateSync(plain, { dictionary, level: 9 }));
    expect(decoded.get("port")).toBe("80");
  });

  it("that end early are refused", async () => {
    const plain = Buffer.from([0, 0, 0, 9, 0, 0, 0, 4]);
    await expect(new HeaderReader().decode(deflateSync(plain, { dictionary }))).rejects.toThrow(RangeError);
  });
});

describe("FrameParser", () => {
  const frame = Buffer.concat([encodeDataHead(1, 3, true), Buffer.from("abc")]);

  it("cuts frames wherever the bytes were split", () => {
    for (let at = 0; at <= frame.length; at++) {
      const parser = new FrameParser();
      const frames = [...parser.push(frame.subarray(0, at)), ...parser.push(frame.subarray(at))];
      expect(frames).toEqual([{ type: "data", streamId: 1, fin: true, data: Buffer.from("abc") }]);
    }
  });

  it("refuses another protocol", () => {
    expect(() => new FrameParser().push(Buffer.from([0x80, 9, 0, 1, 0, 0, 0, 0]))).toThrow("not SPDY/3.1");
  });
});

/** A client and a server session, and the streams that the server accepted. */
function connect(onStream: (stream: SpdyStream) => void = () => {}) {
  const [near, far] = duplexPair();
  const accepted: SpdyStream[] = [];
  const server = new SpdySession(far, {
    role: "server",
    onStream: (stream) => {
      accepted.push(stream);
      onStream(stream);
    },
  });
  return { client: new SpdySession(near, { role: "client" }), server, accepted, near };
}

describe("SpdySession", () => {
  it("carries data both ways and half-closes", async () => {
    const { client } = connect((stream) => {
      void text(stream).then((received) => stream.end(`got ${received}`));
    });
    const stream = client.openStream({ streamtype: "data", port: "80" });
    stream.write("one ");
    stream.end("two");
    expect(await text(stream)).toBe("got one two");
  });

  it("hands the headers of a stream to the server", async () => {
    const { client, accepted, server } = connect();
    client.openStream({ streamtype: "error", requestid: "7" });
    client.close();
    await server.closed;
    expect(accepted[0]?.headers.get("requestid")).toBe("7");
  });

  it("keeps many streams apart", async () => {
    const { client } = connect((stream) => stream.pipe(stream));
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`.repeat(5000));
    const echoed = await Promise.all(
      texts.map((sent) => {
        const stream = client.openStream({});
        stream.end(sent);
        return text(stream);
      }),
    );
    expect(echoed).toEqual(texts);
  });

  it("lets a large transfer through with back-pressure", async () => {
    const { client } = connect((stream) => stream.pipe(stream));
    const stream = client.openStream({});
    const sent = Buffer.alloc(9 * 1024 * 1024, "x");
    stream.end(sent);
    let received = 0;
    for await (const chunk of stream) received += (chunk as Buffer).length;
    expect(received).toBe(sent.length);
  });

  it("ends its streams when the connection breaks", async () => {
    const { client, server, accepted, near } = connect();
    client.openStream({});
    await new Promise((resolve) => setImmediate(resolve));
    near.destroy();
    await server.closed;
    expect(accepted.map((stream) => stream.destroyed)).toEqual([true]);
  });

  it("survives garbage by closing", async () => {
    const [near, far] = duplexPair();
    const server = new SpdySession(far, { role: "server", onStream: () => {} });
    near.write(Buffer.from("GET / HTTP/1.1\r\n\r\n".padEnd(300, "x")));
    near.resume();
    near.end();
    await server.closed;
    expect(far.writableEnded).toBe(true);
  });

  it("survives a header block that is no zlib", async () => {
    const [near, far] = duplexPair();
    const server = new SpdySession(far, { role: "server", onStream: () => {} });
    near.write(encodeSynStream(1, Buffer.from("not compressed at all")));
    near.resume();
    await server.closed;
    expect(far.destroyed).toBe(true);
  });
});
