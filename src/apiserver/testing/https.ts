import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import { gunzipSync } from "node:zlib";
import { RealClock } from "../../apimachinery/clock.ts";
import { CertificateAuthority, type Credential } from "../../pki/index.ts";
import type { ApiServer } from "../server.ts";
import { TestApi } from "./api.ts";
import { startTestServer } from "./test-server.ts";

/** The server's HTTPS port and a client of it, as tests use them. */
export interface HttpsFixture {
  readonly port: number;
  readonly authority: CertificateAuthority;
  request(path: string, options?: HttpsRequest): Promise<HttpsResponse>;
  close(): Promise<void>;
}

export interface HttpsRequest {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
  /** Present the client's certificate instead of the token "admin". */
  readonly certificate?: Credential;
  /** Resolve after so many bytes of the body: watches do not end. */
  readonly untilBytes?: number;
}

export interface HttpsResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  json<T = Record<string, unknown>>(): T;
}

/** A server on the machine's own time, its port, and what acts on it as the administrator. */
export async function serveForTest(): Promise<{ readonly https: HttpsFixture; readonly api: TestApi }> {
  const clock = new RealClock();
  const { server, transport } = await startTestServer({ clock });
  return { https: await listenForTest(server, clock.now()), api: new TestApi(transport) };
}

/** Opens a port with a certificate of its own authority. Certificates are checked against the machine's own time. */
export async function listenForTest(server: ApiServer, nowMs: number): Promise<HttpsFixture> {
  const authority = CertificateAuthority.create("test", nowMs);
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
  const { key, certificate: cert } = authority.issueServer("kube-apiserver", names, nowMs);
  const tls = { key, cert, clientCa: authority.certificate };
  const port = await server.listen({ tls, address: "127.0.0.1", port: 0 });
  const sessions: ClientHttp2Session[] = [];
  const open = (certificate?: Credential): ClientHttp2Session => {
    const client = certificate === undefined ? {} : { key: certificate.key, cert: certificate.certificate };
    const session = connect(`https://127.0.0.1:${port}`, { ca: authority.certificate, ...client });
    session.on("error", () => undefined);
    sessions.push(session);
    return session;
  };
  const shared = open();
  return {
    port,
    authority,
    request: (path, options = {}) =>
      send(options.certificate === undefined ? shared : open(options.certificate), path, options),
    close: async () => {
      for (const session of sessions) session.destroy();
      await server.close();
    },
  };
}

function send(session: ClientHttp2Session, path: string, options: HttpsRequest): Promise<HttpsResponse> {
  const { method = "GET", headers = {}, body, certificate, untilBytes } = options;
  const token = certificate === undefined ? { authorization: "Bearer admin" } : {};
  return new Promise((resolve, reject) => {
    // Node ends the stream of a DELETE by itself unless told otherwise, body or not.
    const stream = session.request(
      { ":path": path, ":method": method, ...token, ...headers },
      { endStream: body === undefined },
    );
    let received: HttpsResponse["headers"] = {};
    const chunks: Buffer[] = [];
    let length = 0;
    const done = (): void => {
      const raw = Buffer.concat(chunks);
      const bytes = received["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
      const text = bytes.toString();
      resolve({
        status: Number(received[":status"]),
        headers: received,
        bytes,
        text,
        json: () => JSON.parse(text),
      });
    };
    stream.on("response", (found) => {
      received = found;
    });
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (untilBytes !== undefined && length >= untilBytes) {
        done();
        stream.close();
      }
    });
    stream.on("end", done);
    stream.on("error", reject);
    if (body !== undefined) stream.end(body);
  });
}
