import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { decode, encode, type Packet, RECURSION_DESIRED } from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RealClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { upstreamsOf } from "./forward.ts";
import { DnsServer } from "./server.ts";
import { testView } from "./testing/view.ts";

let server: DnsServer;
let upstream: ReturnType<typeof createSocket>;
let port: number;

beforeEach(async () => {
  // An upstream resolver that knows one address for every name.
  upstream = createSocket("udp4");
  upstream.on("message", (message, peer) => {
    const { id = 0, questions = [] } = decode(message);
    const name = questions[0]?.name ?? "";
    const answers = [{ type: "A" as const, name, ttl: 60, data: "192.0.2.80" }];
    upstream.send(encode({ type: "response", id, questions, answers }), peer.port, peer.address);
  });
  upstream.bind(0, "127.0.0.1");
  await once(upstream, "listening");
  server = new DnsServer({
    address: "127.0.0.1",
    port: 0,
    domain: "cluster.local",
    view: testView(),
    upstreams: [`127.0.0.1:${upstream.address().port}`],
    clock: new RealClock(),
    logger: silentLogger,
  });
  ({ port } = await server.listen());
});
afterEach(async () => {
  await server.close();
  upstream.close();
});

const query = (name: string, type: "A" | "AAAA" | "SRV" = "A"): Buffer =>
  encode({ type: "query", id: 7, flags: RECURSION_DESIRED, questions: [{ name, type }] });

async function overUdp(message: Buffer): Promise<Packet> {
  const socket = createSocket("udp4");
  try {
    socket.send(message, port, "127.0.0.1");
    const [answer] = (await once(socket, "message")) as [Buffer];
    return decode(answer);
  } finally {
    socket.close();
  }
}

async function overTcp(message: Buffer): Promise<Packet> {
  const socket = connect(port, "127.0.0.1");
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.write(Buffer.concat([length, message]));
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return decode(answer.subarray(2));
}

const data = (packet: Packet): unknown[] =>
  (packet.answers ?? []).map((answer) => ("data" in answer ? answer.data : null));
const rcode = (packet: Packet): number => (packet.flags ?? 0) & 0xf;

describe("DnsServer", () => {
  it("answers cluster names with authority, whatever their case", async () => {
    const answer = await overUdp(query("Web.Default.svc.cluster.LOCAL"));
    expect(data(answer)).toEqual(["10.96.0.7"]);
    expect(answer).toMatchObject({ id: 7, flag_aa: true, flag_ra: true, flag_rd: true });
  });

  it("answers the same over TCP", async () => {
    expect(data(await overTcp(query("web.default.svc.cluster.local")))).toEqual(["10.96.0.7"]);
  });

  it("tells names that do not exist from types that do not", async () => {
    const absent = await overUdp(query("absent.default.svc.cluster.local"));
    const empty = await overUdp(query("web.default.svc.cluster.local", "AAAA"));
    expect([rcode(absent), rcode(empty)]).toEqual([3, 0]);
    expect(absent.authorities?.[0]).toMatchObject({ type: "SOA", name: "cluster.local" });
  });

  it("hands other names on", async () => {
    expect(data(await overUdp(query("www.example.org")))).toEqual(["192.0.2.80"]);
  });

  it("follows an ExternalName to its addresses", async () => {
    expect(data(await overUdp(query("out.default.svc.cluster.local")))).toEqual([
      "www.example.com",
      "192.0.2.80",
    ]);
  });

  it("does not answer garbage, and goes on", async () => {
    const socket = createSocket("udp4");
    socket.send(Buffer.from("garbage"), port, "127.0.0.1");
    socket.send(Buffer.alloc(0), port, "127.0.0.1");
    expect(data(await overUdp(query("web.default.svc.cluster.local")))).toEqual(["10.96.0.7"]);
    socket.close();
  });

  it("refuses to start on a port that is taken", async () => {
    const second = new DnsServer({
      address: "127.0.0.1",
      port,
      domain: "cluster.local",
      view: testView(),
      upstreams: [],
      clock: new RealClock(),
      logger: silentLogger,
    });
    await expect(second.listen()).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

it("upstreamsOf() takes IPv4 resolvers other than our own", () => {
  const resolvConf =
    "# comment\nnameserver 192.0.2.1\nnameserver fd00::1\nnameserver 10.96.0.10\nsearch lan\n";
  expect(upstreamsOf(resolvConf, ["10.96.0.10"])).toEqual(["192.0.2.1"]);
});
