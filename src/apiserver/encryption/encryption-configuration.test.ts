import { describe, expect, it } from "vitest";
import { parseEncryptionConfiguration } from "./encryption-configuration.ts";

const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n";
const secret = Buffer.alloc(32, 7).toString("base64");
const rule = (resources: string, providers: string): string =>
  `${head}resources: [{resources: ${resources}, providers: ${providers}}]`;
const provider = (text: string): string => rule("[secrets]", `[${text}]`);

describe("parseEncryptionConfiguration()", () => {
  it("reads resources and providers in their order", () => {
    const { rules } = parseEncryptionConfiguration(`${head}
resources:
- resources: [secrets, widgets.example.com, "*.apps"]
  providers:
  - aesgcm: {keys: [{name: k2, secret: ${secret}}, {name: k1, secret: ${secret}}]}
  - kms: {apiVersion: v2, name: vault, endpoint: "unix:///run/kms.sock", timeout: 1m500ms}
  - identity: {}
- resources: ["*."]
  providers: [{secretbox: {keys: [{name: s, secret: ${secret}}]}}]
- resources: ["*.*"]
  providers: [{kms: {apiVersion: v2, name: other, endpoint: "unix:///run/kms.sock"}}]
`);
    expect(rules.map((each) => each.resources)).toEqual([
      [
        { group: "", resource: "secrets" },
        { group: "example.com", resource: "widgets" },
        { group: "apps", resource: "*" },
      ],
      [{ group: "", resource: "*" }],
      [{ group: "*", resource: "*" }],
    ]);
    expect(rules[0]?.providers).toMatchObject([
      { type: "aesgcm", keys: [{ name: "k2" }, { name: "k1" }] },
      { type: "kms", name: "vault", endpoint: "unix:///run/kms.sock", timeoutMs: 60_500 },
      { type: "identity" },
    ]);
    expect(rules[2]?.providers).toMatchObject([{ timeoutMs: 3_000 }]);
  });

  it.each([
    [head, "resources: Required value: at least one resources is required"],
    [`${head}resource: []`, 'strict decoding error: unknown field "resource"'],
    [
      rule("[]", "[]"),
      "[resources[0].resources: Required value: at least one resources[0].resources is required, " +
        "resources[0].providers: Required value: at least one resources[0].providers is required]",
    ],
    [rule("[Secrets]", "[{identity: {}}]"), "resource name should not contain capital letters"],
    [rule('["*"]', "[{identity: {}}]"), "use '*.' to encrypt all the resources from core API group"],
    [rule("[secrets, secrets]", "[{identity: {}}]"), "the same resource cannot be specified multiple times"],
    [rule('[secrets, "*."]', "[{identity: {}}]"), "using overlapping resources such as 'secrets' and '*.'"],
    [rule('["*.*", pods]', "[{identity: {}}]"), "using overlapping resources"],
    [rule("[events.events.k8s.io]", "[{identity: {}}]"), "Use 'events' instead in the config file"],
    [rule("[ingresses.extensions]", "[{identity: {}}]"), "'extensions' group has been removed"],
    [rule('["pods.*"]', "[{identity: {}}]"), "encrypting the same resource across groups is not supported"],
    [rule("[serviceipallocations]", "[{identity: {}}]"), "resources which do not have REST API/s"],
    [provider("{}"), "resources[0].providers[0]: Invalid value: {}: provider does not contain any of"],
    [
      provider(`{identity: {}, aesgcm: {keys: [{name: a, secret: ${secret}}]}}`),
      "more than one provider specified in a single element",
    ],
    [
      provider("{aesgcm: {}}"),
      "resources[0].providers[0].aesgcm.keys: Required value: at least one keys is required",
    ],
    [
      provider(`{aesgcm: {keys: [{secret: ${secret}}]}}`),
      "resources[0].providers[0].aesgcm.keys[0].name: Required value: name is a mandatory field for a key",
    ],
    [
      provider("{aescbc: {keys: [{name: a}]}}"),
      "resources[0].providers[0].aescbc.keys[0].secret: Required value: secret is a mandatory field for a key",
    ],
    [
      provider("{aesgcm: {keys: [{name: a, secret: hunter-2}]}}"),
      'resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded',
    ],
    [
      provider("{aesgcm: {keys: [{name: a, secret: aHVudGVyMg==}]}}"),
      'Invalid value: "REDACTED": secret is not of the expected length, got 7, expected one of [16 24 32]',
    ],
    [
      provider(`{secretbox: {keys: [{name: a, secret: ${Buffer.alloc(16).toString("base64")}}]}}`),
      "got 16, expected one of [32]",
    ],
    [
      provider('{kms: {name: a, endpoint: "unix:///x"}}'),
      'kms.apiVersion: Invalid value: "v1": KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.',
    ],
    [provider('{kms: {apiVersion: v3, name: a, endpoint: "unix:///x"}}'), "only v1 and v2 are supported"],
    [provider('{kms: {apiVersion: v2, name: "a:b", endpoint: "unix:///x"}}'), "must not contain ':'"],
    [provider("{kms: {apiVersion: v2, name: a}}"), "endpoint is a mandatory field for a kms"],
    [
      provider('{kms: {apiVersion: v2, name: a, endpoint: "http://x"}}'),
      'unsupported scheme "http" for KMS provider, only unix is supported',
    ],
    [
      provider('{kms: {apiVersion: v2, name: a, endpoint: "unix:///x", timeout: "-1s"}}'),
      "timeout should be a positive value",
    ],
    [
      provider('{kms: {apiVersion: v2, name: a, endpoint: "unix:///x", cachesize: 5}}'),
      "cachesize is not supported in v2",
    ],
    [
      rule(
        "[secrets]",
        '[{kms: {apiVersion: v2, name: a, endpoint: "unix:///x"}}, {kms: {apiVersion: v2, name: a, endpoint: "unix:///y"}}]',
      ),
      "duplicate KMS provider name a, names must be unique",
    ],
    [
      `${head}resources: [{resources: ["*."], providers: [{identity: {}}]}, {resources: [secrets], providers: [{identity: {}}]}]`,
      'resource "secrets" is masked by earlier rule "*."',
    ],
  ])("refuses %j", (text, message) => {
    expect(() => parseEncryptionConfiguration(text)).toThrow(message);
  });

  it("never shows a key", () => {
    const text = provider("{aesgcm: {keys: [{name: a, secret: aHVudGVyMg==}]}, identity: {}}");
    let shown = "";
    try {
      parseEncryptionConfiguration(text);
    } catch (error) {
      shown = String(error);
    }
    expect(shown).toContain("more than one provider");
    expect(shown).not.toContain("aHVudGVyMg");
  });
});
