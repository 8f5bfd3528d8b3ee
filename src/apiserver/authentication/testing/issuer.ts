import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { CertificateAuthority } from "../../../pki/index.ts";
import { signTestToken } from "./sign-token.ts";

export interface IssuerKey {
  readonly id: string;
  readonly algorithm: string;
  readonly key: KeyObject;
}

export const testKey = {
  ec: (id = "ec", namedCurve = "P-256", algorithm = "ES256"): IssuerKey => ({
    id,
    algorithm,
    key: generateKeyPairSync("ec", { namedCurve }).privateKey,
  }),
  rsa: (id = "rsa", algorithm = "RS256", modulusLength = 2048): IssuerKey => ({
    id,
    algorithm,
    key: generateKeyPairSync("rsa", { modulusLength }).privateKey,
  }),
};

/**
 * An OpenID Connect issuer over HTTPS with an authority of its own. What it answers can be changed while it runs.
 *
 *   await using issuer = await TestIssuer.start({ keys: [testKey.ec()] });
 *   const token = issuer.token({ sub: "jane", aud: "sampan" });
 */
export class TestIssuer {
  readonly #server: Server;
  readonly authority: CertificateAuthority;
  port = 0;
  readonly requests: string[] = [];
  keys: IssuerKey[];
  /** Claimed in the discovery document. */
  issuer: string;
  cacheControl: string | undefined;
  /** Answers of other paths: bodies. */
  readonly bodies = new Map<string, string>();
  status = 200;
  readonly #nowMs: () => number;

  constructor(server: Server, authority: CertificateAuthority, keys: IssuerKey[], nowMs: () => number) {
    this.#server = server;
    this.authority = authority;
    this.keys = keys;
    this.issuer = "";
    this.#nowMs = nowMs;
  }

  static async start({
    keys,
    nowMs,
    port = 0,
    authority = CertificateAuthority.create("issuer", nowMs()),
  }: {
    keys: IssuerKey[];
    nowMs: () => number;
    port?: number;
    authority?: CertificateAuthority;
  }): Promise<TestIssuer> {
    const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const server = authority.issueServer("issuer", names, nowMs());
    const https = createServer({ key: server.key, cert: server.certificate });
    const issuer = new TestIssuer(https, authority, keys, nowMs);
    https.on("request", (request, response) => {
      const path = request.url ?? "";
      issuer.requests.push(path);
      const body = issuer.#answer(path);
      if (issuer.cacheControl !== undefined) response.setHeader("cache-control", issuer.cacheControl);
      response.statusCode = body === undefined ? 404 : issuer.status;
      response.end(body ?? "not here");
    });
    await new Promise<void>((resolve) => https.listen(port, "127.0.0.1", resolve));
    issuer.port = (https.address() as AddressInfo).port;
    issuer.issuer = issuer.url;
    return issuer;
  }

  get ca(): string {
    return this.authority.certificate;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  /** A token for the audience "sampan", good for an hour; `changes` replace claims, undefined ones are left out. */
  token(
    changes: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
    signer?: IssuerKey,
  ): string {
    const key = signer ?? this.keys[0];
    if (key === undefined) throw new Error("the issuer has no key");
    const nowSeconds = Math.floor(this.#nowMs() / 1000);
    const claims = { iss: this.issuer, sub: "jane", aud: "sampan", exp: nowSeconds + 3600, ...changes };
    return signTestToken({ alg: key.algorithm, kid: key.id, ...header }, claims, key.key, key.algorithm);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(path: string): string | undefined {
    if (path === "/.well-known/openid-configuration") {
      return JSON.stringify({ issuer: this.issuer, jwks_uri: `${this.url}/keys` });
    }
    if (path === "/keys") {
      const keys = this.keys.map(({ id, key, algorithm }) => {
        const { kty, crv, x, y, n, e } = key.export({ format: "jwk" });
        return { kid: id, use: "sig", alg: algorithm, kty, crv, x, y, n, e };
      });
      return JSON.stringify({ keys });
    }
    return this.bodies.get(path);
  }
}
