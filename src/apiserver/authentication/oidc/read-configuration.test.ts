import { describe, expect, test } from "vitest";
import { CertificateAuthority } from "../../../pki/index.ts";
import { configurationOfFlags } from "./flags.ts";
import { readConfiguration } from "./read-configuration.ts";

const ownIssuer = "https://kubernetes.default.svc.cluster.local";
const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n";
const ca = CertificateAuthority.create("issuer", 0).certificate;

interface Mapping {
  claim?: string;
  prefix?: string;
  expression?: string;
}

function jwt(issuer: object = {}, rest: object = {}, username: Mapping = { claim: "sub", prefix: "" }) {
  return {
    issuer: { url: "https://login.example", audiences: ["sampan"], ...issuer },
    claimMappings: { username },
    ...rest,
  };
}

const read = (configuration: object, version = "v1") =>
  readConfiguration(
    JSON.stringify({
      apiVersion: `apiserver.config.k8s.io/${version}`,
      kind: "AuthenticationConfiguration",
      ...configuration,
    }),
    [ownIssuer],
  );

const problem = (configuration: object): string => {
  try {
    read(configuration);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test.each(["v1", "v1beta1"])("%s is read, with what is left out left out", (version) => {
  expect(
    read({ jwt: [jwt({ certificateAuthority: ca, discoveryURL: "https://d.example/x" })] }, version),
  ).toEqual({
    jwt: [
      {
        issuer: {
          url: "https://login.example",
          audiences: ["sampan"],
          certificateAuthority: ca,
          discoveryURL: "https://d.example/x",
        },
        claimValidationRules: [],
        claimMappings: { username: { claim: "sub", prefix: "" } },
      },
    ],
  });
});

test("a configuration without issuers is one", () => {
  expect(read({})).toEqual({ jwt: [] });
});

test("anonymous requests are allowed on the paths named", () => {
  expect(read({ anonymous: { enabled: true, conditions: [{ path: "/livez" }] } }).anonymous).toEqual({
    enabled: true,
    conditions: [{ path: "/livez" }],
  });
});

test.each([
  [
    "another version",
    "apiVersion: apiserver.config.k8s.io/v9\nkind: AuthenticationConfiguration\n",
    /no kind "AuthenticationConfiguration" is registered for version "apiserver.config.k8s.io\/v9"/,
  ],
  [
    "another kind",
    "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n",
    /no kind "AuthorizationConfiguration" is registered/,
  ],
  ["a list", "- 1\n", /must be an object/],
  ["an unknown field", `${head}jwts: []\n`, /strict decoding error: unknown field "jwts"$/],
  [
    "an unknown field further in",
    `${head}jwt:\n- issuer: {urls: x}\n`,
    /unknown field "jwt\[0\].issuer.urls"$/,
  ],
  ["a wrong type", `${head}jwt: 1\n`, /cannot unmarshal|expected/],
  ["a key twice", `${head}jwt: []\njwt: []\n`, /key "jwt" already set in map/],
])("%s is refused", (_what, text, why) => {
  expect(() => readConfiguration(text, [])).toThrow(why);
});

const at = "jwt[0].issuer";
const undeclared = (name: string, text: string, column = 1) =>
  `compilation failed: ERROR: <input>:1:${column}: undeclared reference to '${name}' (in container '')\n | ${text}\n | ${".".repeat(column - 1)}^`;

test.each<[string, object, string]>([
  ["no url", jwt({ url: "" }), `${at}.url: Required value`],
  ["http", jwt({ url: "http://x" }), `${at}.url: Invalid value: "http://x": URL scheme must be https`],
  [
    "a password in the url",
    jwt({ url: "https://a:b@x" }),
    `${at}.url: Invalid value: "https://a:b@x": URL must not contain a username or password`,
  ],
  [
    "a query in the url",
    jwt({ url: "https://x?a=b" }),
    `${at}.url: Invalid value: "https://x?a=b": URL must not contain a query`,
  ],
  [
    "a fragment in the url",
    jwt({ url: "https://x#a" }),
    `${at}.url: Invalid value: "https://x#a": URL must not contain a fragment`,
  ],
  [
    "the cluster's own issuer",
    jwt({ url: ownIssuer }),
    `${at}.url: Invalid value: "${ownIssuer}": URL must not overlap with disallowed issuers: [${ownIssuer}]`,
  ],
  [
    "a discovery URL that is the issuer",
    jwt({ discoveryURL: "https://login.example/" }),
    `${at}.discoveryURL: Invalid value: "https://login.example/": discoveryURL must be different from URL`,
  ],
  [
    "no audiences",
    jwt({ audiences: [] }),
    `${at}.audiences: Required value: at least one ${at}.audiences is required`,
  ],
  ["an empty audience", jwt({ audiences: [""] }), `${at}.audiences[0]: Required value`],
  [
    "several audiences without a policy",
    jwt({ audiences: ["a", "b"] }),
    `${at}.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be MatchAny for multiple audiences`,
  ],
  [
    "another policy",
    jwt({ audienceMatchPolicy: "MatchAll" }),
    `${at}.audienceMatchPolicy: Invalid value: "MatchAll": audienceMatchPolicy must be empty or MatchAny for single audience`,
  ],
  [
    "no certificates in the authority",
    jwt({ certificateAuthority: "x" }),
    `${at}.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates`,
  ],
  [
    "an egress selector",
    jwt({ egressSelectorType: "cluster" }),
    `${at}.egressSelectorType: Invalid value: "cluster": egress selectors are not supported by this server: it reaches issuers directly`,
  ],
  [
    "no user name",
    jwt({}, {}, {}),
    "jwt[0].claimMappings.username: Required value: claim or expression is required",
  ],
  [
    "a claim without prefix",
    jwt({}, {}, { claim: "sub" }),
    "jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing",
  ],
  [
    "an expression of what is not there",
    jwt({}, {}, { expression: "user.sub" }),
    `jwt[0].claimMappings.username.expression: Invalid value: "user.sub": ${undeclared("user", "user.sub")}`,
  ],
  [
    "an address that nobody verified",
    jwt({}, {}, { expression: "claims.email" }),
    'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
  ],
  [
    "a prefix of an expression",
    jwt({}, {}, { expression: "claims.sub", prefix: "a:" }),
    'jwt[0].claimMappings.username.prefix: Invalid value: "a:": may not be specified when expression is set',
  ],
  [
    "claim and expression",
    jwt({}, {}, { claim: "a", expression: "b" }),
    `jwt[0].claimMappings.username: Invalid value: "": claim and expression can't both be set`,
  ],
  [
    "a rule that gives no truth",
    jwt({}, { claimValidationRules: [{ expression: "claims.a" }] }),
    `jwt[0].claimValidationRules[0].expression: Invalid value: "claims.a": must evaluate to bool`,
  ],
  [
    "a rule said twice",
    jwt({}, { claimValidationRules: [{ expression: "true" }, { expression: "true" }] }),
    `jwt[0].claimValidationRules[1].expression: Duplicate value: "true"`,
  ],
  [
    "an empty rule",
    jwt({}, { claimValidationRules: [{}] }),
    "jwt[0].claimValidationRules[0]: Required value: claim or expression is required",
  ],
  [
    "a claim ruled twice",
    jwt({}, { claimValidationRules: [{ claim: "a" }, { claim: "a" }] }),
    `jwt[0].claimValidationRules[1].claim: Duplicate value: "a"`,
  ],
  [
    "a rule for users",
    jwt({}, { userValidationRules: [{ expression: "claims.a == 1" }] }),
    `jwt[0].userValidationRules[0].expression: Invalid value: "claims.a == 1": ${undeclared("claims", "claims.a == 1")}`,
  ],
])("%s: refused by name", (_what, configuration, why) => {
  expect(problem({ jwt: [configuration] })).toBe(why);
});

test("keys and expressions of extra values are checked", () => {
  const extra = [{ key: "Example.com/a", valueExpression: "claim.a" }, { key: "x.k8s.io/a" }, { key: "a" }];
  const claimMappings = { username: { claim: "sub", prefix: "" }, extra };
  const where = "jwt[0].claimMappings.extra";
  const text = problem({ jwt: [jwt({}, { claimMappings })] });
  for (const part of [
    `${where}[0].key: Invalid value: "Example.com/a": must be lowercase`,
    `${where}[0].valueExpression: Invalid value: "claim.a": ${undeclared("claim", "claim.a")}`,
    `${where}[1].key: Invalid value: "x.k8s.io/a": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use`,
    `${where}[1].valueExpression: Required value`,
    `${where}[2].key: Invalid value: "a": must be a domain-prefixed path`,
  ]) {
    expect(text).toContain(part);
  }
});

test("an issuer may be named once only", () => {
  expect(problem({ jwt: [jwt(), jwt()] })).toBe(
    'jwt[1].issuer.url: Duplicate value: "https://login.example"',
  );
});

test("paths make sense only where anonymous requests are allowed", () => {
  expect(problem({ anonymous: { enabled: false, conditions: [{ path: "/x" }] } })).toMatch(
    /^anonymous.conditions: Invalid value: .*: enabled should be set to true when conditions are defined$/,
  );
});

describe("flags", () => {
  const flags = { issuerUrl: "https://login.example", clientId: "sampan" };

  test("are one issuer whose users carry its name, signed by RS256", () => {
    expect(configurationOfFlags({ ...flags, requiredClaims: "a=b,c=d=e" }, [])).toEqual({
      issuer: { url: "https://login.example", audiences: ["sampan"] },
      claimValidationRules: [
        { claim: "a", requiredValue: "b" },
        { claim: "c", requiredValue: "d=e" },
      ],
      claimMappings: { username: { claim: "sub", prefix: "https://login.example#" } },
      signingAlgorithms: ["RS256"],
    });
  });

  test("addresses carry no prefix, and '-' means none", () => {
    const prefixOf = (more: object) =>
      configurationOfFlags({ ...flags, ...more }, [])?.claimMappings.username.prefix;
    expect(prefixOf({ usernameClaim: "email" })).toBe("");
    expect(prefixOf({ usernamePrefix: "-" })).toBe("");
    expect(prefixOf({ usernamePrefix: "o:" })).toBe("o:");
  });

  test("none of them set is no issuer", () => {
    expect(configurationOfFlags({ issuerUrl: undefined }, [])).toBeUndefined();
  });

  test.each<[object, RegExp]>([
    [{ issuerUrl: "https://x" }, /oidc-issuer-url and oidc-client-id must be specified together/],
    [{ groupsClaim: "g" }, /oidc-issuer-url and oidc-client-id must be specified together/],
    [{ ...flags, signingAlgorithms: "RS256,EdDSA" }, /^oidc: unsupported signing alg: "EdDSA"$/],
    [
      { ...flags, issuerUrl: "http://x" },
      /^issuer.url: Invalid value: "http:\/\/x": URL scheme must be https$/,
    ],
    [{ ...flags, issuerUrl: ownIssuer }, /must not overlap/],
    [{ ...flags, requiredClaims: "a" }, /must be formatted as key=value/],
  ])("%o is refused", (given, why) => {
    expect(() => configurationOfFlags(given, [ownIssuer])).toThrow(why);
  });
});

test("expressions are compiled, and rules of claims stay apart", () => {
  const configuration = {
    jwt: [
      jwt(
        {},
        {
          claimMappings: {
            username: { expression: "claims.email_verified ? claims.email : claims.sub" },
            groups: { expression: "claims.roles" },
            extra: [{ key: "example.com/team", valueExpression: "claims.team" }],
          },
          claimValidationRules: [
            { claim: "hd", requiredValue: "x" },
            { expression: "claims.exp > 0", message: "m" },
          ],
          userValidationRules: [{ expression: "!user.username.startsWith('system:')" }],
        },
      ),
    ],
  };
  const [only] = read(configuration).jwt;
  expect(only?.claimValidationRules).toEqual([{ claim: "hd", requiredValue: "x" }]);
  expect(only?.expressions?.username?.source).toContain("claims.email");
  expect(only?.expressions?.groups?.source).toBe("claims.roles");
  expect(only?.expressions?.uid).toBeUndefined();
  expect(only?.expressions?.extra.map(({ key }) => key)).toEqual(["example.com/team"]);
  expect(only?.expressions?.claimRules.map(({ message }) => message)).toEqual(["m"]);
  expect(only?.expressions?.userRules).toHaveLength(1);
});
