import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { RealClock, VirtualClock } from "../../../apimachinery/clock.ts";
import { silentLogger } from "../../../apimachinery/logger.ts";
import type { CelProgram } from "../../../cel/index.ts";
import { publicKeyToPem } from "../../../pki/keys.ts";
import { httpsGet } from "../https-get.ts";
import { type IssuerKey, TestIssuer, testKey } from "../testing/issuer.ts";
import { signTestToken } from "../testing/sign-token.ts";
import { rejectionReason } from "../users.ts";
import type { JwtConfiguration, JwtExpressions } from "./authentication-configuration.ts";
import { compileMapping, compileRule } from "./expressions.ts";
import { OidcAuthenticator } from "./oidc-authenticator.ts";

const keys = {
  ec: testKey.ec(),
  ec384: testKey.ec("ec384", "P-384", "ES384"),
  ec521: testKey.ec("ec521", "P-521", "ES512"),
  rsa: testKey.rsa(),
  rsa384: testKey.rsa("rsa384", "RS384"),
  rsa512: testKey.rsa("rsa512", "RS512"),
  pss256: testKey.rsa("pss256", "PS256"),
  pss384: testKey.rsa("pss384", "PS384"),
  pss512: testKey.rsa("pss512", "PS512"),
};
const edwards: IssuerKey = {
  id: "ed",
  algorithm: "EdDSA",
  key: generateKeyPairSync("ed25519").privateKey,
};

let clock: VirtualClock;
let issuer: TestIssuer;
const opened: OidcAuthenticator[] = [];

beforeEach(async () => {
  // Certificates are checked by TLS, which knows only the real time.
  clock = new VirtualClock(new RealClock().now());
  issuer = await TestIssuer.start({ keys: [keys.ec, keys.rsa], nowMs: () => clock.now() });
});

afterEach(async () => {
  for (const each of opened.splice(0)) each.close();
  await issuer[Symbol.asyncDispose]();
});

function newAuthenticator(
  changes: Partial<JwtConfiguration> = {},
  issuerChanges: Partial<JwtConfiguration["issuer"]> = {},
): OidcAuthenticator {
  const { ca } = issuer;
  const authenticator = new OidcAuthenticator({
    configuration: {
      issuer: { url: issuer.url, audiences: ["sampan"], ...issuerChanges },
      claimValidationRules: [],
      claimMappings: {
        username: { claim: "sub", prefix: "oidc:" },
        groups: { claim: "groups", prefix: "g:" },
        uid: { claim: "oid" },
      },
      ...changes,
    },
    clock,
    logger: silentLogger,
    fetch: (url, bearerToken) => httpsGet(url, { clock, ca, bearerToken }),
  });
  opened.push(authenticator);
  authenticator.start();
  return authenticator;
}

async function ready(authenticator: OidcAuthenticator): Promise<OidcAuthenticator> {
  await expect.poll(() => authenticator.problem).toBeUndefined();
  return authenticator;
}

async function reasonOf(authenticator: OidcAuthenticator, token: string): Promise<string> {
  try {
    const found = await authenticator.authenticateToken(token);
    return found === undefined ? "unknown" : "accepted";
  } catch (error) {
    return rejectionReason(error);
  }
}

test("claims become name, groups and uid, with their prefixes", async () => {
  const authenticator = await ready(newAuthenticator());
  const token = issuer.token({ groups: ["dev", "ops"], oid: "42" });
  expect(await authenticator.authenticateToken(token)).toEqual({
    user: { name: "oidc:jane", uid: "42", groups: ["g:dev", "g:ops"], extra: {} },
  });
});

test("a single group may be a string, and none may be there", async () => {
  const authenticator = await ready(newAuthenticator());
  const groupsOf = async (claims: object) =>
    (await authenticator.authenticateToken(issuer.token({ oid: "1", ...claims })))?.user.groups;
  expect(await groupsOf({ groups: "dev" })).toEqual(["g:dev"]);
  expect(await groupsOf({})).toEqual([]);
});

describe("algorithms", () => {
  test.each(Object.entries(keys))("%s is verified", async (_name, key) => {
    issuer.keys = [key];
    const authenticator = await ready(newAuthenticator());
    expect(await reasonOf(authenticator, issuer.token({ oid: "1" }))).toBe("accepted");
  });

  test("EdDSA, none, and a public key as an HMAC secret are refused", async () => {
    const authenticator = await ready(newAuthenticator());
    const claims = { iss: issuer.url, sub: "jane", aud: "sampan", exp: clock.now() / 1000 + 60, oid: "1" };
    const pem = publicKeyToPem(keys.rsa.key);
    const forged = [
      issuer.token({ oid: "1" }, {}, edwards),
      `${signTestToken({ alg: "none" }, claims, "", "HS256").split(".").slice(0, 2).join(".")}.AA`,
      signTestToken({ alg: "HS256", kid: "rsa" }, claims, pem, "HS256"),
      signTestToken({ alg: "RS256", kid: "rsa" }, claims, pem, "HS256"),
    ];
    const reasons = await Promise.all(forged.map((token) => reasonOf(authenticator, token)));
    expect(reasons.map((reason) => reason.replace(/expected \[.*\] /, ""))).toEqual([
      'oidc: verify token: oidc: id token signed with unsupported algorithm, got "EdDSA"',
      'oidc: verify token: oidc: id token signed with unsupported algorithm, got "none"',
      'oidc: verify token: oidc: id token signed with unsupported algorithm, got "HS256"',
      "oidc: verify token: failed to verify signature: failed to verify id token signature",
    ]);
  });

  test("only the algorithms of the configuration count", async () => {
    const authenticator = await ready(newAuthenticator({ signingAlgorithms: ["RS256"] }));
    expect(await reasonOf(authenticator, issuer.token())).toBe(
      'oidc: verify token: oidc: id token signed with unsupported algorithm, expected ["RS256"] got "ES256"',
    );
  });

  test("a key is used with its own algorithm only", async () => {
    issuer.keys = [keys.rsa];
    const authenticator = await ready(newAuthenticator());
    const token = issuer.token({ oid: "1" }, { alg: "PS256" }, { ...keys.rsa, algorithm: "PS256" });
    expect(await reasonOf(authenticator, token)).toMatch(/failed to verify id token signature/);
  });
});

describe("what a token must say", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["another audience", { aud: "vault" }, /expected audience "sampan" got \["vault"\]$/],
    ["no audience", { aud: undefined }, /expected audience "sampan" got \[\]$/],
    [
      "an end that has passed",
      { exp: 1 },
      /token is expired \(Token Expiry: 1970-01-01 00:00:01 \+0000 UTC\)$/,
    ],
    ["no end", { exp: undefined }, /token is expired \(Token Expiry: 0001-01-01/],
    ["an end that is no number", { exp: "9999999999" }, /token is expired/],
    ["no name", { sub: undefined }, /^oidc: parse username claims "sub": claim not present$/],
    [
      "a name that is a number",
      { sub: 1 },
      /"sub": json: cannot unmarshal number into Go value of type string$/,
    ],
    [
      "groups that are numbers",
      { groups: [1] },
      /^oidc: parse groups claim "groups": json: cannot unmarshal array/,
    ],
    ["no uid where one is mapped", { oid: undefined }, /^oidc: parse uid claim "oid": claim not present$/],
  ])("%s: refused", async (_what, claims, reason) => {
    const authenticator = await ready(newAuthenticator());
    expect(await reasonOf(authenticator, issuer.token({ oid: "1", ...claims }))).toMatch(reason);
  });

  test("a beginning of validity may lie a minute ahead, not more", async () => {
    const authenticator = await ready(newAuthenticator());
    const at = (seconds: number) => issuer.token({ oid: "1", nbf: Math.floor(clock.now() / 1000) + seconds });
    expect(await reasonOf(authenticator, at(59))).toBe("accepted");
    expect(await reasonOf(authenticator, at(62))).toMatch(/before the nbf \(not before\) time/);
  });

  test("its end has no grace", async () => {
    const authenticator = await ready(newAuthenticator());
    const token = issuer.token({ oid: "1" });
    await clock.advance(3_601_000);
    expect(await reasonOf(authenticator, token)).toMatch(/token is expired/);
  });

  test("required claims must be there with their value", async () => {
    const claimValidationRules = [{ claim: "hd", requiredValue: "example.com" }];
    const authenticator = await ready(newAuthenticator({ claimValidationRules }));
    const reason = (claims: object) => reasonOf(authenticator, issuer.token({ oid: "1", ...claims }));
    expect(await reason({ hd: "example.com" })).toBe("accepted");
    expect(await reason({})).toBe("oidc: required claim hd not present in ID token");
    expect(await reason({ hd: "evil.com" })).toBe(
      "oidc: required claim hd value does not match. Got = evil.com, want = example.com",
    );
    expect(await reason({ hd: true })).toMatch(/^oidc: parse claim hd: json: cannot unmarshal bool/);
  });

  test("an address is believed unless the issuer says that it is not verified", async () => {
    const claimMappings = { username: { claim: "email", prefix: "" } };
    const authenticator = await ready(newAuthenticator({ claimMappings }));
    const reason = (claims: object) => reasonOf(authenticator, issuer.token({ email: "j@x.io", ...claims }));
    expect(await reason({})).toBe("accepted");
    expect(await reason({ email_verified: true })).toBe("accepted");
    expect(await reason({ email_verified: false })).toBe("oidc: email not verified");
    expect(await reason({ email_verified: "true" })).toMatch(/^oidc: parse 'email_verified' claim/);
  });

  test("one audience of several is enough", async () => {
    const authenticator = await ready(newAuthenticator({}, { audiences: ["a", "b"] }));
    expect(await reasonOf(authenticator, issuer.token({ oid: "1", aud: ["x", "b"] }))).toBe("accepted");
    expect(await reasonOf(authenticator, issuer.token({ oid: "1", aud: ["x"] }))).toMatch(
      /expected audience in \["a" "b"\] got \["x"\]$/,
    );
  });
});

describe("other issuers", () => {
  test("a token of another issuer is not this one's to judge", async () => {
    const authenticator = await ready(newAuthenticator());
    expect(await reasonOf(authenticator, issuer.token({ iss: "https://evil.example" }))).toBe("unknown");
    expect(await reasonOf(authenticator, "not a token")).toBe("unknown");
  });

  test("a key of another issuer does not sign for this one, whatever its name", async () => {
    const authenticator = await ready(newAuthenticator());
    for (const kid of ["ec", "rsa", "../keys", "", undefined]) {
      const forged = issuer.token({ oid: "1" }, { kid }, testKey.ec("ec"));
      expect(await reasonOf(authenticator, forged)).toMatch(/failed to verify id token signature/);
    }
  });

  test("keys and addresses in the header of a token are not looked at", async () => {
    const authenticator = await ready(newAuthenticator());
    const forger = testKey.ec("forger");
    const jwk = { ...forger.key.export({ format: "jwk" }), d: undefined };
    const forged = issuer.token({ oid: "1" }, { jwk, jku: `${issuer.url}/evil`, x5u: "https://x" }, forger);
    expect(await reasonOf(authenticator, forged)).toMatch(/failed to verify id token signature/);
    expect(issuer.requests).not.toContain("/evil");
  });

  test("a critical header that nobody knows is refused", async () => {
    const authenticator = await ready(newAuthenticator());
    expect(await reasonOf(authenticator, issuer.token({ oid: "1" }, { crit: ["b64"] }))).toMatch(/crit/);
  });
});

describe("reaching the issuer", () => {
  test("one that is down is asked again until it answers, and refuses tokens until then", async () => {
    const { port, authority } = issuer;
    await issuer[Symbol.asyncDispose]();
    const authenticator = newAuthenticator();
    await expect.poll(() => authenticator.problem).toMatch(/ECONNREFUSED/);
    const token = issuer.token({ oid: "1" });
    expect(await reasonOf(authenticator, token)).toBe("oidc: authenticator not initialized");
    issuer = await TestIssuer.start({ keys: [keys.ec], nowMs: () => clock.now(), port, authority });
    await clock.advance(10_000);
    await ready(authenticator);
    expect(await reasonOf(authenticator, token)).toBe("accepted");
  });

  test("one that says it is another is not believed", async () => {
    issuer.issuer = "https://other.example";
    const authenticator = newAuthenticator();
    await expect
      .poll(() => authenticator.problem)
      .toBe(
        `oidc: issuer did not match the issuer returned by provider, expected "${issuer.url}" got "https://other.example"`,
      );
    issuer.issuer = issuer.url;
    await clock.advance(10_000);
    await ready(authenticator);
  });

  test("its document may be somewhere else", async () => {
    const document = { issuer: "https://login.example/tenant", jwks_uri: `${issuer.url}/keys` };
    issuer.bodies.set("/elsewhere", JSON.stringify(document));
    const authenticator = await ready(
      newAuthenticator({}, { url: document.issuer, discoveryURL: `${issuer.url}/elsewhere` }),
    );
    expect(await reasonOf(authenticator, issuer.token({ iss: document.issuer, oid: "1" }))).toBe("accepted");
  });

  test("a server of another authority is not believed", async () => {
    const { ca } = await TestIssuer.start({ keys: [], nowMs: () => clock.now() }).then(async (other) => {
      await other[Symbol.asyncDispose]();
      return other;
    });
    await expect(httpsGet(`${issuer.url}/keys`, { clock, ca })).rejects.toThrow(/certificate/);
  });

  test("plain http is never asked", async () => {
    await expect(httpsGet("http://127.0.0.1:1/", { clock })).rejects.toThrow("is not an https URL");
  });
});

describe("keys change", () => {
  const keyRequests = (): number => issuer.requests.filter((path) => path === "/keys").length;

  test("a token of a new key makes the set be fetched again", async () => {
    const authenticator = await ready(newAuthenticator());
    expect(await reasonOf(authenticator, issuer.token({ oid: "1" }))).toBe("accepted");
    issuer.keys = [testKey.ec("next")];
    expect(await reasonOf(authenticator, issuer.token({ oid: "1" }))).toBe("accepted");
    expect(keyRequests()).toBe(2);
  });

  test("not before the time that the issuer promised", async () => {
    issuer.cacheControl = "public, max-age=3600";
    const authenticator = await ready(newAuthenticator());
    await reasonOf(authenticator, issuer.token({ oid: "1" }));
    issuer.keys = [testKey.ec("next")];
    const long = () => issuer.token({ oid: "1", exp: clock.now() / 1000 + 86_400 });
    expect(await reasonOf(authenticator, long())).toMatch(/failed to verify id token signature/);
    expect(keyRequests()).toBe(1);
    await clock.advance(3_600_000);
    expect(await reasonOf(authenticator, long())).toBe("accepted");
  });

  test("known keys are good while the issuer is down", async () => {
    const authenticator = await ready(newAuthenticator());
    const token = issuer.token({ oid: "1" });
    expect(await reasonOf(authenticator, token)).toBe("accepted");
    issuer.status = 500;
    expect(await reasonOf(authenticator, token)).toBe("accepted");
    expect(await reasonOf(authenticator, issuer.token({ oid: "1" }, {}, testKey.ec("next")))).toMatch(
      /fetching keys oidc: get keys failed: 500/,
    );
  });

  test("many at once ask once", async () => {
    const authenticator = await ready(newAuthenticator());
    const tokens = Array.from({ length: 20 }, (_, index) => issuer.token({ oid: String(index) }));
    await Promise.all(tokens.map((token) => reasonOf(authenticator, token)));
    expect(keyRequests()).toBe(1);
  });
});

describe("distributed claims", () => {
  const pointTo = (endpoint: object) => ({
    oid: "1",
    _claim_names: { groups: "src1" },
    _claim_sources: { src1: endpoint },
  });

  test("groups are fetched from where the token points to", async () => {
    const authenticator = await ready(newAuthenticator());
    issuer.bodies.set("/groups", issuer.token({ groups: ["far"] }));
    const token = issuer.token(pointTo({ endpoint: `${issuer.url}/groups`, access_token: "x" }));
    // The issuer of the answer becomes known with the first token that needs it.
    await expect.poll(() => reasonOf(authenticator, token)).toBe("accepted");
    expect((await authenticator.authenticateToken(token))?.user.groups).toEqual(["g:far"]);
  });

  test("an answer that somebody else signed is refused", async () => {
    const authenticator = await ready(newAuthenticator());
    issuer.bodies.set("/groups", issuer.token({ groups: ["far"] }, {}, testKey.ec("forger")));
    const token = issuer.token(pointTo({ endpoint: `${issuer.url}/groups` }));
    await expect
      .poll(() => reasonOf(authenticator, token))
      .toMatch(/could not expand distributed claims: failed to verify signature/);
  });
});

describe("expressions", () => {
  const none = { extra: [], claimRules: [], userRules: [] };
  const mapping = (expression: string): CelProgram => compiled(compileMapping(expression));
  const rule = (variable: "claims" | "user", expression: string, message = "") => ({
    program: compiled(compileRule(variable, expression)),
    message,
  });
  const withExpressions = (expressions: JwtExpressions) =>
    newAuthenticator({ claimMappings: { username: { claim: "", prefix: "" } }, expressions });

  test("claims become a user", async () => {
    const authenticator = await ready(
      withExpressions({
        ...none,
        username: mapping("'dex:' + claims.preferred.name"),
        groups: mapping("claims.roles.split(',').filter(r, r != 'none') + ['']"),
        uid: mapping("string(claims.number + 0.5)"),
        extra: [
          { key: "example.com/team", program: mapping("claims.example__dot__com__slash__team") },
          { key: "example.com/none", program: mapping("claims.?nothing.orValue('')") },
        ],
      }),
    );
    const token = issuer.token({
      preferred: { name: "jane" },
      roles: "dev,none,ops",
      number: 42,
      "example.com/team": ["a", "", "b"],
    });
    expect(await authenticator.authenticateToken(token)).toEqual({
      user: {
        name: "dex:jane",
        uid: "42.5",
        groups: ["dev", "ops"],
        extra: { "example.com/team": ["a", "b"] },
      },
    });
  });

  test.each<[string, JwtExpressions, Record<string, unknown>, string]>([
    [
      "a claim that is not there",
      { ...none, username: mapping("claims.name") },
      {},
      "oidc: error evaluating username claim expression: expression 'claims.name' resulted in error: no such key: name",
    ],
    [
      "a name that is no text",
      { ...none, username: mapping("claims.number") },
      { number: 1 },
      "oidc: error evaluating username claim expression: username claim expression must return a string",
    ],
    [
      "an empty name",
      { ...none, username: mapping("''") },
      {},
      "oidc: empty username via CEL expression is not allowed",
    ],
    [
      "groups of numbers",
      { ...none, username: mapping("'a'"), groups: mapping("claims.numbers") },
      { numbers: [1] },
      "oidc: error evaluating group claim expression: expression must return a string or a list of strings",
    ],
    [
      "a rule of claims that is broken",
      { ...none, username: mapping("'a'"), claimRules: [rule("claims", "claims.exp < 1", "too long")] },
      {},
      "oidc: error evaluating claim validation expression: validation expression 'claims.exp < 1' failed: too long",
    ],
    [
      "a name that users may not have",
      {
        ...none,
        username: mapping("'system:admin'"),
        userRules: [rule("user", "!user.username.startsWith('system:')", "reserved")],
      },
      {},
      "oidc: error evaluating user info validation rule: validation expression '!user.username.startsWith('system:')' failed: reserved",
    ],
    [
      "a regular expression that would take for ever, and costs more than a call may",
      {
        ...none,
        username: mapping("'a'"),
        claimRules: [
          rule(
            "claims",
            "claims.text.matches('(a+)+$') && claims.list.all(x, claims.list.all(y, claims.list.all(z, true)))",
          ),
        ],
      },
      { text: `${"a".repeat(30)}!a`, list: Array.from({ length: 100 }, (_, index) => index) },
      "oidc: error evaluating claim validation expression: expression 'claims.text.matches('(a+)+$') && claims.list.all(x, claims.list.all(y, claims.list.all(z, true)))' resulted in error: operation cancelled: actual cost limit exceeded",
    ],
  ])("%s: refused by name", async (_what, expressions, claims, why) => {
    const authenticator = await ready(withExpressions(expressions));
    expect(await reasonOf(authenticator, issuer.token(claims))).toBe(why);
  });
});

function compiled(program: CelProgram | string): CelProgram {
  if (typeof program === "string") throw new Error(program);
  return program;
}
