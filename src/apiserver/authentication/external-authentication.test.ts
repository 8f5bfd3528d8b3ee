import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { CertificateAuthority } from "../../pki/index.ts";
import { AuthenticatorChain } from "./chain.ts";
import { type ExternalAuthentication, openExternalAuthentication } from "./external-authentication.ts";
import { StaticTokenAuthenticator } from "./static-token.ts";
import { TestIssuer, testKey } from "./testing/issuer.ts";
import { newUser, rejectionReason } from "./users.ts";

const ownIssuer = "https://kubernetes.default.svc";
const api = [ownIssuer];
const key = testKey.ec();

let clock: VirtualClock;
let directory: string;
let opened: ExternalAuthentication | undefined;

beforeEach(() => {
  clock = new VirtualClock(new RealClock().now());
  directory = mkdtempSync(join(tmpdir(), "authentication-"));
});

afterEach(() => {
  opened?.close();
  opened = undefined;
  rmSync(directory, { recursive: true });
});

type Options = Partial<Parameters<typeof openExternalAuthentication>[0]>;

function open(options: Options): ExternalAuthentication {
  opened = openExternalAuthentication({ clock, logger: silentLogger, ownIssuer, ...options });
  return opened;
}

function chainOf(external: ExternalAuthentication): AuthenticatorChain {
  const known = new StaticTokenAuthenticator(new Map([["known", newUser("known")]]));
  return new AuthenticatorChain({
    certificates: [],
    tokens: [known, ...external.tokens],
    audiences: api,
    anonymous: external.anonymous,
  });
}

async function nameOf(chain: AuthenticatorChain, token: string): Promise<string> {
  try {
    return (await chain.tokens.authenticateToken(token, api)).user.name;
  } catch (error) {
    return rejectionReason(error);
  }
}

describe("the configuration file", () => {
  let issuer: TestIssuer;
  const file = (): string => join(directory, "authentication.yaml");

  beforeEach(async () => {
    issuer = await TestIssuer.start({ keys: [key], nowMs: () => clock.now() });
  });
  afterEach(async () => {
    await issuer[Symbol.asyncDispose]();
  });

  function write(prefix: string, anonymous?: object, url = issuer.url): void {
    const configuration = {
      apiVersion: "apiserver.config.k8s.io/v1",
      kind: "AuthenticationConfiguration",
      jwt: [
        {
          issuer: { url, audiences: ["sampan"], certificateAuthority: issuer.ca },
          claimMappings: { username: { claim: "sub", prefix } },
        },
      ],
      ...(anonymous === undefined ? {} : { anonymous }),
    };
    writeFileSync(file(), JSON.stringify(configuration));
  }

  test("is read at the start, and its issuer's users are known as soon as it answers", async () => {
    write("a:");
    const chain = chainOf(open({ configurationFile: file() }));
    await expect.poll(() => nameOf(chain, issuer.token())).toBe("a:jane");
    expect(await nameOf(chain, "known")).toBe("known");
  });

  test("is read again when it changes", async () => {
    write("a:");
    const chain = chainOf(open({ configurationFile: file() }));
    await expect.poll(() => nameOf(chain, issuer.token())).toBe("a:jane");
    write("b:", { enabled: false });
    await clock.advance(60_000);
    await expect
      .poll(async () => {
        await clock.advance(1_000);
        return await nameOf(chain, issuer.token());
      })
      .toBe("b:jane");
    expect(
      await chain.authenticate({ certificates: [], bearerToken: undefined, path: "/livez" }),
    ).toBeUndefined();
  });

  test.each([
    ["cannot be read", () => writeFileSync(file(), "jwt: {")],
    ["names an issuer that does not answer", () => write("b:", undefined, "https://127.0.0.1:1")],
  ])("a new one that %s changes nothing", async (_what, change) => {
    write("a:");
    const chain = chainOf(open({ configurationFile: file() }));
    await expect.poll(() => nameOf(chain, issuer.token())).toBe("a:jane");
    change();
    for (let seconds = 0; seconds < 130; seconds++) await clock.advance(1_000);
    expect(await nameOf(chain, issuer.token({ exp: clock.now() / 1000 + 60 }))).toBe("a:jane");
  });

  test("a mistake in it at the start is an error", () => {
    writeFileSync(file(), "kind: Nothing");
    expect(() => open({ configurationFile: file() })).toThrow(/no kind "Nothing"/);
  });

  test("goes without the older flags", () => {
    write("a:");
    const oidc = { issuerUrl: "https://x", clientId: "y" };
    expect(() => open({ configurationFile: file(), oidc })).toThrow(
      "authentication-config file and oidc-* flags are mutually exclusive",
    );
  });

  test("a token of a foreign issuer is for the API server only", async () => {
    write("a:");
    const chain = chainOf(open({ configurationFile: file() }));
    await expect.poll(() => nameOf(chain, issuer.token())).toBe("a:jane");
    await expect(chain.tokens.authenticateToken(issuer.token(), ["vault"])).rejects.toThrow("Unauthorized");
  });

  test.each([
    [{ enabled: true, conditions: [{ path: "/livez" }] }, "/livez", true],
    [{ enabled: true, conditions: [{ path: "/livez" }] }, "/livez/ping", false],
    [{ enabled: true, conditions: [{ path: "/livez" }] }, "/readyz", false],
    [{ enabled: true }, "/api/v1/pods", true],
    [{ enabled: false }, "/livez", false],
  ])("anonymous %j: %s → %s", async (anonymous, path, isOpen) => {
    write("a:", anonymous);
    const chain = chainOf(open({ configurationFile: file() }));
    const found = await chain.authenticate({ certificates: [], bearerToken: undefined, path });
    expect(found !== undefined).toBe(isOpen);
  });
});

describe("the webhook", () => {
  let server: Server;
  let answer: (token: string) => { code: number; status?: object };
  const asked: string[] = [];
  const kubeconfig = (): string => join(directory, "webhook.kubeconfig");

  beforeEach(async () => {
    asked.length = 0;
    const authority = CertificateAuthority.create("webhook", clock.now());
    const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
    const { key: tlsKey, certificate } = authority.issueServer("webhook", names, clock.now());
    server = createServer({ key: tlsKey, cert: certificate }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const review = JSON.parse(Buffer.concat(chunks).toString()) as {
          apiVersion: string;
          kind: string;
          spec: { token: string; audiences: string[] };
        };
        const { apiVersion, kind, spec } = review;
        asked.push([request.url, apiVersion, kind, spec.token, ...spec.audiences].join(" "));
        const { code, status } = answer(review.spec.token);
        response.statusCode = code;
        response.setHeader("content-type", "application/json");
        response.end(code === 200 ? JSON.stringify({ ...review, status }) : "no");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const config = {
      clusters: [
        {
          name: "c",
          cluster: {
            server: `https://127.0.0.1:${port}/review`,
            "certificate-authority-data": Buffer.from(authority.certificate).toString("base64"),
          },
        },
      ],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    };
    writeFileSync(kubeconfig(), JSON.stringify(config));
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const jane = { username: "jane", uid: "7", groups: ["dev"], extra: { "x.io/a": ["b"] } };

  test("says whose a token is", async () => {
    answer = () => ({ code: 200, status: { authenticated: true, user: jane } });
    const chain = chainOf(open({ webhookFile: kubeconfig() }));
    const found = await chain.tokens.authenticateToken("t", api);
    expect(found).toEqual({
      user: { name: "jane", uid: "7", groups: ["dev", "system:authenticated"], extra: { "x.io/a": ["b"] } },
      audiences: api,
    });
    expect(asked).toEqual([`/review authentication.k8s.io/v1 TokenReview t ${ownIssuer}`]);
  });

  test("is not asked again for two minutes, about good tokens and unknown ones", async () => {
    answer = (token) => ({ code: 200, status: { authenticated: token === "good", user: jane } });
    const chain = chainOf(open({ webhookFile: kubeconfig() }));
    for (const token of ["good", "bad", "good", "bad"]) await nameOf(chain, token);
    expect(asked).toHaveLength(2);
    await clock.advance(120_000);
    expect(await nameOf(chain, "good")).toBe("jane");
    expect(asked).toHaveLength(3);
  });

  test("is measured: what was remembered, what was asked and how that ended", async () => {
    answer = () => ({ code: 200, status: { authenticated: true, user: jane } });
    const external = open({ webhookFile: kubeconfig() });
    const chain = chainOf(external);
    for (const token of ["good", "good"]) await nameOf(chain, token);
    const lines = external.metrics.flatMap((metric) => metric.lines());
    for (const line of [
      'authentication_token_cache_request_total{status="miss"} 1',
      'authentication_token_cache_request_total{status="hit"} 1',
      'authentication_token_cache_request_duration_seconds_count{status="hit"} 1',
      'authentication_token_cache_fetch_total{status="ok"} 1',
      'authentication_token_cache_active_fetch_count{status="in_flight"} 0',
      'authentication_token_cache_active_fetch_count{status="blocked"} 0',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test("a user for other audiences is nobody here", async () => {
    answer = () => ({ code: 200, status: { authenticated: true, user: jane, audiences: ["vault"] } });
    const chain = chainOf(open({ webhookFile: kubeconfig() }));
    expect(await nameOf(chain, "t")).toBe("invalid bearer token");
  });

  test("its reason is the reason", async () => {
    answer = () => ({ code: 200, status: { authenticated: false, error: "locked" } });
    const chain = chainOf(open({ webhookFile: kubeconfig() }));
    expect(await nameOf(chain, "t")).toBe("[invalid bearer token, locked]");
  });

  test("that fails is asked five times, and locks nobody else out", async () => {
    answer = () => ({ code: 500 });
    const chain = chainOf(open({ webhookFile: kubeconfig() }));
    const refused = nameOf(chain, "t");
    await expect
      .poll(async () => {
        await clock.advance(5_000);
        return asked.length;
      })
      .toBe(5);
    expect(await refused).toMatch(/^\[invalid bearer token, /);
    expect(await nameOf(chain, "known")).toBe("known");
  });

  test("a kubeconfig without a server is an error at the start", () => {
    writeFileSync(kubeconfig(), "clusters: []");
    expect(() => open({ webhookFile: kubeconfig() })).toThrow(/current-context is not set/);
  });
});
