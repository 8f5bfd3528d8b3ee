import { describe, expect, test } from "vitest";
import { formatTime, VirtualClock } from "../../apimachinery/clock.ts";
import type { KubernetesObject } from "../../apimachinery/object.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { StatusError } from "../../apimachinery/status.ts";
import {
  CertificateAuthority,
  certificatesOf,
  createPki,
  createSigningRequest,
  parseJwt,
  parseSigningRequest,
  signJwt,
} from "../../pki/index.ts";
import { generateKey } from "../../pki/keys.ts";
import { FakeReader } from "../admission/testing/fake-reader.ts";
import { BootstrapTokenAuthenticator } from "./bootstrap-token.ts";
import { AuthenticatorChain, defaultAnonymousPaths } from "./chain.ts";
import { ServiceAccountAuthenticator } from "./service-account.ts";
import { defaultIssuer, ServiceAccountTokenIssuer } from "./service-account-issuer.ts";
import { StaticTokenAuthenticator } from "./static-token.ts";
import { isAnonymous, newUser, nodeNameOf, rejected, rejectionReason } from "./users.ts";
import { X509Authenticator } from "./x509.ts";

const dayMs = 86_400_000;

function object(kind: string, name: string, namespace = "default", rest: object = {}): KubernetesObject {
  return { apiVersion: "v1", kind, metadata: { name, namespace, uid: `${name}-uid` }, ...rest };
}

async function reasonOf(attempt: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof attempt === "function" ? attempt() : attempt);
  } catch (error) {
    if (!(error instanceof StatusError) || error.message !== "Unauthorized") throw error;
    return rejectionReason(error);
  }
  return "accepted";
}

describe("X509Authenticator", () => {
  const clock = new VirtualClock();
  const authority = CertificateAuthority.create("kubernetes", clock.now());
  const other = CertificateAuthority.create("kubernetes", clock.now());
  const authenticatorAt = (nowMs: number): X509Authenticator =>
    new X509Authenticator({ authorities: () => authority.certificate, nowMs: () => nowMs });
  const der = (pem: string): Buffer[] => certificatesOf(pem);
  const client = authority.issueClient({ commonName: "jane", organizations: ["dev", "ops"] }, clock.now());

  test("takes the name from CN and the groups from O", () => {
    const found = authenticatorAt(clock.now()).authenticate({
      certificates: der(client.certificate),
      bearerToken: undefined,
    });
    expect(found?.user).toMatchObject({ name: "jane", groups: ["dev", "ops"] });
    expect(found?.user.extra["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(
      /^X509SHA256=[0-9a-f]{64}$/,
    );
  });

  test("knows nothing of a request without a certificate", () => {
    const found = authenticatorAt(clock.now()).authenticate({
      certificates: [],
      bearerToken: undefined,
    });
    expect(found).toBeUndefined();
  });

  const serverOnly = authority.sign(
    parseSigningRequest(createSigningRequest(generateKey(), { commonName: "s", organizations: [] })),
    ["digital signature", "server auth"],
    clock.now(),
    dayMs,
  );
  test.each([
    [
      "of another authority of the same name",
      other.issueClient({ commonName: "jane", organizations: [] }, clock.now()).certificate,
      0,
      /unknown authority/,
    ],
    ["that has ended", client.certificate, 366 * dayMs, /expired or is not yet valid/],
    ["that has not begun", client.certificate, -dayMs, /expired or is not yet valid/],
    ["for servers only", serverOnly, 0, /incompatible key usage/],
  ])("refuses a certificate %s", async (_what, certificate, afterMs, reason) => {
    const authenticator = authenticatorAt(clock.now() + afterMs);
    const request = { certificates: der(certificate), bearerToken: undefined };
    expect(await reasonOf(() => authenticator.authenticate(request))).toMatch(reason);
  });

  test("refuses bytes that are no certificate", async () => {
    const request = { certificates: [Buffer.from("hello")], bearerToken: undefined };
    expect(await reasonOf(() => authenticatorAt(clock.now()).authenticate(request))).toMatch(/malformed/);
  });

  test("a verified chain still ends with its time", async () => {
    let nowMs = clock.now();
    const authenticator = new X509Authenticator({
      authorities: () => authority.certificate,
      nowMs: () => nowMs,
    });
    const request = { certificates: der(client.certificate), bearerToken: undefined };
    expect(authenticator.authenticate(request)).toBeDefined();
    nowMs += 366 * dayMs;
    expect(await reasonOf(() => authenticator.authenticate(request))).toMatch(/expired/);
  });

  test("a leaf of a leaf is refused: only authorities sign", async () => {
    const forger = authority.issueClient({ commonName: "mallory", organizations: [] }, clock.now());
    const forged = CertificateAuthority.load(forger).issueClient(
      { commonName: "root", organizations: ["system:masters"] },
      clock.now(),
    );
    const certificates = [...der(forged.certificate), ...der(forger.certificate)];
    const attempt = () => authenticatorAt(clock.now()).authenticate({ certificates, bearerToken: undefined });
    expect(await reasonOf(attempt)).toMatch(/unknown authority/);
  });
});

describe("service account tokens", () => {
  const clock = new VirtualClock();
  const pki = createPki({ clock });
  const account = object("ServiceAccount", "robot");
  const pod = object("Pod", "web-0");
  const secret = object("Secret", "s");
  const node: KubernetesObject = { apiVersion: "v1", kind: "Node", metadata: { name: "n1", uid: "n1-uid" } };

  function setup() {
    const reader = new FakeReader()
      .put("serviceaccounts", structuredClone(account))
      .put("pods", structuredClone(pod))
      .put("secrets", structuredClone(secret))
      .put("nodes", structuredClone(node));
    let nowMs = clock.now();
    const issuer = new ServiceAccountTokenIssuer({
      issuer: defaultIssuer,
      key: pki.serviceAccountKey,
      publicKeys: pki.serviceAccountKeys,
      nowMs: () => nowMs,
      random: new SeededRandom(1),
    });
    const authenticator = new ServiceAccountAuthenticator({
      reader,
      issuers: [defaultIssuer],
      apiAudiences: [defaultIssuer],
      keys: pki.serviceAccountKeys,
      nowMs: () => nowMs,
    });
    const base = { serviceAccount: account, audiences: [defaultIssuer], expirationSeconds: 3600 };
    return {
      reader,
      issuer,
      base,
      authenticate: (token: string, audiences = [defaultIssuer]) =>
        authenticator.authenticateToken(token, audiences),
      advance: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  test("a bound token is its account's user, with groups and what it is bound to", async () => {
    const { issuer, base, authenticate } = setup();
    const found = await authenticate(issuer.issue({ ...base, pod, node }));
    expect(found).toMatchObject({
      audiences: [defaultIssuer],
      user: {
        name: "system:serviceaccount:default:robot",
        uid: "robot-uid",
        groups: ["system:serviceaccounts", "system:serviceaccounts:default"],
        extra: {
          "authentication.kubernetes.io/pod-name": ["web-0"],
          "authentication.kubernetes.io/pod-uid": ["web-0-uid"],
          "authentication.kubernetes.io/node-name": ["n1"],
          "authentication.kubernetes.io/node-uid": ["n1-uid"],
        },
      },
    });
    expect(found?.user.extra["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(
      /^JTI=[0-9a-f-]{36}$/,
    );
  });

  test("claims are those of Kubernetes", () => {
    const { issuer, base } = setup();
    const parsed = parseJwt(
      issuer.issue({ ...base, pod, expirationSeconds: 31_536_000, warnAfterSeconds: 3607 }),
    );
    const nowSeconds = clock.now() / 1000;
    expect(parsed?.claims).toMatchObject({
      iss: defaultIssuer,
      aud: [defaultIssuer],
      sub: "system:serviceaccount:default:robot",
      iat: nowSeconds,
      nbf: nowSeconds,
      exp: nowSeconds + 31_536_000,
      "kubernetes.io": {
        namespace: "default",
        serviceaccount: { name: "robot", uid: "robot-uid" },
        pod: { name: "web-0", uid: "web-0-uid" },
        warnafter: nowSeconds + 3607,
      },
    });
  });

  type Setup = ReturnType<typeof setup>;
  const recreated = (source: KubernetesObject): KubernetesObject => ({
    ...source,
    metadata: { ...source.metadata, uid: "another" },
  });
  const leaving = (source: KubernetesObject, afterMs: number): KubernetesObject => ({
    ...source,
    metadata: { ...source.metadata, deletionTimestamp: formatTime(clock.now() + afterMs) },
  });
  test.each<[string, object, (setup: Setup) => void, RegExp]>([
    ["past its end", {}, (s) => s.advance(3_700_000), /service account token has expired/],
    ["before its beginning", {}, (s) => s.advance(-3_600_000), /not valid yet/],
    [
      "of a deleted account",
      {},
      (s) => void s.reader.remove("serviceaccounts", "default/robot"),
      /"robot" not found/,
    ],
    [
      "of a recreated account",
      {},
      (s) => void s.reader.put("serviceaccounts", recreated(account)),
      /service account UID \(another\) does not match claim \(robot-uid\)/,
    ],
    [
      "of a deleted pod",
      { pod },
      (s) => void s.reader.remove("pods", "default/web-0"),
      /token has been invalidated/,
    ],
    [
      "of a recreated pod",
      { pod },
      (s) => void s.reader.put("pods", recreated(pod)),
      /pod UID \(another\) does not match service account pod ref claim \(web-0-uid\)/,
    ],
    [
      "of a pod whose grace has long passed",
      { pod },
      (s) => void s.reader.put("pods", leaving(pod, -61_000)),
      /invalidated/,
    ],
    ["of a deleted secret", { secret }, (s) => void s.reader.remove("secrets", "default/s"), /invalidated/],
    [
      "of a recreated secret",
      { secret },
      (s) => void s.reader.put("secrets", recreated(secret)),
      /secret UID \(another\)/,
    ],
    ["of a deleted node", { node }, (s) => void s.reader.remove("nodes", "n1"), /invalidated/],
    [
      "of a recreated node",
      { node },
      (s) => void s.reader.put("nodes", recreated(node)),
      /node UID \(another\)/,
    ],
    ["meant for somebody else", { audiences: ["vault"] }, () => {}, /token audiences \["vault"\] is invalid/],
  ])("a token %s is refused, also when it was accepted before", async (_what, bound, change, reason) => {
    const state = setup();
    const token = state.issuer.issue({ ...state.base, ...bound });
    await state.authenticate(token).catch(() => undefined);
    change(state);
    expect(await reasonOf(state.authenticate(token))).toMatch(reason);
  });

  test("a pod keeps its token during its grace period, and past its end within the leeway", async () => {
    const state = setup();
    const token = state.issuer.issue({ ...state.base, pod });
    state.reader.put("pods", leaving(pod, 30_000));
    expect(await state.authenticate(token)).toBeDefined();
    state.advance(3_600_000 + 59_000);
    state.reader.put("pods", structuredClone(pod));
    expect(await state.authenticate(token)).toBeDefined();
  });

  test("a node beside a pod may be gone", async () => {
    const state = setup();
    const token = state.issuer.issue({ ...state.base, pod, node });
    state.reader.remove("nodes", "n1");
    expect(await state.authenticate(token)).toBeDefined();
  });

  test("a signature of another key is refused", async () => {
    const { authenticate } = setup();
    const token = signJwt({ iss: defaultIssuer, sub: "x" }, generateKey());
    expect(await reasonOf(authenticate(token))).toMatch(/invalid signature/);
  });

  test("a subject that contradicts the private claims is refused", async () => {
    const { authenticate, base, issuer } = setup();
    const claims = parseJwt(issuer.issue(base))?.claims ?? {};
    const token = signJwt(
      { ...claims, sub: "system:serviceaccount:kube-system:admin" },
      pki.serviceAccountKey,
    );
    expect(await reasonOf(authenticate(token))).toMatch(/sub claim does not match/);
  });

  test.each(["", "abc", "a.b.c", signJwt({ iss: "https://accounts.example" }, generateKey())])(
    "a token of another kind is nobody's business: %s",
    async (token) => {
      expect(await setup().authenticate(token)).toBeUndefined();
    },
  );

  test("a legacy token lives as long as its secret holds it", async () => {
    const state = setup();
    const token = state.issuer.issueLegacy(account, secret);
    expect(await reasonOf(state.authenticate(token))).toBe("Token does not match server's copy");
    const holding = (text: string, labels: Record<string, string> = {}): KubernetesObject =>
      ({
        ...secret,
        metadata: { ...secret.metadata, labels },
        data: { token: Buffer.from(text).toString("base64") },
      }) as KubernetesObject;
    state.reader.put("secrets", holding(token));
    expect((await state.authenticate(token))?.user.name).toBe("system:serviceaccount:default:robot");
    state.reader.put("secrets", holding(token, { "kubernetes.io/legacy-token-invalid-since": "2026-01-01" }));
    expect(await reasonOf(state.authenticate(token))).toMatch(
      /^the token in secret default\/s for service account default\/robot has been marked invalid\. /,
    );
    state.reader.put("secrets", holding("another"));
    expect(await reasonOf(state.authenticate(token))).toBe("Token does not match server's copy");
    state.reader.remove("secrets", "default/s");
    expect(await reasonOf(state.authenticate(token))).toBe("Token has been invalidated");
  });

  test("the use of a legacy token is told once for a day that is not on its secret", async () => {
    const uses: string[] = [];
    const state = setup();
    const token = state.issuer.issueLegacy(account, secret);
    const day = formatTime(clock.now()).slice(0, 10);
    const authenticator = new ServiceAccountAuthenticator({
      reader: state.reader,
      issuers: [defaultIssuer],
      apiAudiences: [defaultIssuer],
      keys: pki.serviceAccountKeys,
      nowMs: () => clock.now(),
      onLegacyUse: ({ metadata }, used) => uses.push(`${metadata.name} ${used}`),
    });
    for (const last of [undefined, "2020-01-01", day]) {
      const labels = last === undefined ? {} : { "kubernetes.io/legacy-token-last-used": last };
      state.reader.put("secrets", {
        ...secret,
        metadata: { ...secret.metadata, labels },
        data: { token: Buffer.from(token).toString("base64") },
      } as KubernetesObject);
      await authenticator.authenticateToken(token, [defaultIssuer]);
    }
    expect(uses).toEqual([`s ${day}`, `s ${day}`]);
  });

  test("discovery names the issuer, the key set and its algorithms", () => {
    const { issuer } = setup();
    expect(issuer.discovery("https://10.0.0.1:6443/")).toEqual({
      issuer: defaultIssuer,
      jwks_uri: "https://10.0.0.1:6443/openid/v1/jwks",
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
    });
    expect(issuer.keySet().keys).toHaveLength(1);
  });
});

describe("bootstrap tokens", () => {
  const nowMs = Date.UTC(2026, 0, 1);
  const good = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
    "auth-extra-groups": "system:bootstrappers:workers",
    expiration: "2026-01-02T00:00:00Z",
  };
  const authenticate = async (
    changes: Record<string, string>,
    token = "abcdef.0123456789abcdef",
    type = "bootstrap.kubernetes.io/token",
  ) => {
    const data = Object.fromEntries(
      Object.entries({ ...good, ...changes }).map(([key, text]) => [
        key,
        Buffer.from(text).toString("base64"),
      ]),
    );
    const secret = object("Secret", "bootstrap-token-abcdef", "kube-system", { type, data });
    const reader = new FakeReader().put("secrets", secret);
    return new BootstrapTokenAuthenticator({ reader, nowMs: () => nowMs }).authenticateToken(token);
  };

  test("a good one introduces a node", async () => {
    expect((await authenticate({}))?.user).toMatchObject({
      name: "system:bootstrap:abcdef",
      groups: ["system:bootstrappers", "system:bootstrappers:workers"],
    });
  });

  test.each<[string, Record<string, string>, (string | undefined)?, (string | undefined)?]>([
    ["another secret part", {}, "abcdef.fedcba9876543210"],
    ["another form", {}, "ABCDEF.0123456789abcdef"],
    ["no such id", {}, "zzzzzz.0123456789abcdef"],
    ["an end that has passed", { expiration: "2025-12-31T00:00:00Z" }],
    ["an end that cannot be read", { expiration: "tomorrow" }],
    ["another use", { "usage-bootstrap-authentication": "false" }],
    ["another id inside", { "token-id": "fedcba" }],
    ["another type of secret", {}, undefined, "Opaque"],
  ])("with %s is not recognised", async (_what, changes, token, type) => {
    expect(await authenticate(changes, token, type)).toBeUndefined();
  });

  test("groups outside system:bootstrappers are refused", async () => {
    expect(await reasonOf(authenticate({ "auth-extra-groups": "system:masters" }))).toMatch(
      /bootstrap group "system:masters" is invalid/,
    );
  });
});

describe("AuthenticatorChain", () => {
  const clock = new VirtualClock();
  const authority = CertificateAuthority.create("kubernetes", clock.now());
  const client = authority.issueClient({ commonName: "jane", organizations: [] }, clock.now());
  const stray = CertificateAuthority.create("x", clock.now()).issueClient(
    { commonName: "jane", organizations: [] },
    clock.now(),
  );
  const chain = (anonymousPaths = defaultAnonymousPaths) =>
    new AuthenticatorChain({
      certificates: [
        new X509Authenticator({ authorities: () => authority.certificate, nowMs: () => clock.now() }),
      ],
      tokens: [new StaticTokenAuthenticator(new Map([["t0ken", newUser("bob", ["dev"])]]))],
      audiences: ["api"],
      anonymousPaths,
    });
  const jane = certificatesOf(client.certificate);
  const mallory = certificatesOf(stray.certificate);

  test.each([
    ["a certificate", jane, undefined, "jane"],
    ["a token", [], "t0ken", "bob"],
    ["a certificate before a token", jane, "t0ken", "jane"],
    ["a good token beside a bad certificate", mallory, "t0ken", "bob"],
  ])("accepts %s and adds system:authenticated", async (_what, certificates, bearerToken, name) => {
    const found = await chain().authenticate({ certificates, bearerToken, path: "/api" });
    expect(found?.user.name).toBe(name);
    expect(found?.user.groups).toContain("system:authenticated");
  });

  test.each([
    ["knows nothing", async () => undefined],
    ["refuses", () => Promise.reject(rejected("late"))],
  ])("goes on with the others after one that %s later", async (_what, authenticate) => {
    const nowMs = (): number => clock.now();
    const x509 = new X509Authenticator({ authorities: () => authority.certificate, nowMs });
    const tokens = [new StaticTokenAuthenticator(new Map([["t0ken", newUser("bob", [])]]))];
    const late = new AuthenticatorChain({ certificates: [{ authenticate }, x509], tokens, audiences: [] });
    const bearerToken = "t0ken";
    expect((await late.authenticate({ certificates: jane, bearerToken }))?.user.name).toBe("jane");
    expect((await late.authenticate({ certificates: [], bearerToken }))?.user.name).toBe("bob");
  });

  test.each([
    ["an unknown token", [], "nope"],
    ["a bad certificate", mallory, undefined],
    ["an empty token", [], ""],
  ])("refuses %s, even where anybody may read", async (_what, certificates, bearerToken) => {
    expect(
      await reasonOf(() => chain().authenticate({ certificates, bearerToken, path: "/healthz" })),
    ).not.toBe("accepted");
  });

  test.each([
    ["/healthz", true],
    ["/healthz/etcd", true],
    ["/livez", true],
    ["/readyz", true],
    ["/version", true],
    ["/healthzz", false],
    ["/", false],
    ["/api/v1/secrets", false],
    ["/metrics", false],
    [undefined, false],
  ])("without credentials, %s is open: %s", async (path, open) => {
    const found = await chain().authenticate({
      certificates: [],
      bearerToken: undefined,
      ...(path === undefined ? {} : { path }),
    });
    expect(found !== undefined && isAnonymous(found.user)).toBe(open);
    expect(found?.user.groups).toEqual(open ? ["system:unauthenticated"] : undefined);
  });

  test("with every path open, authorization decides on the anonymous", async () => {
    const found = await chain(["*"]).authenticate({ certificates: [], bearerToken: undefined, path: "/api" });
    expect(found?.user.name).toBe("system:anonymous");
  });
});

test.each([
  ["system:node:a", ["system:nodes"], "a"],
  ["system:node:", ["system:nodes"], ""],
  ["system:node:a", ["dev"], undefined],
  ["jane", ["system:nodes"], undefined],
])("nodeNameOf(%s of %j) is %s", (name, groups, node) => {
  expect(nodeNameOf(newUser(name, groups))).toBe(node);
});
