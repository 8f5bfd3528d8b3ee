import { describe, expect, it } from "vitest";
import * as names from "./names.ts";

type Check = (value: string) => string[];

describe("names", () => {
  it.each<[string, Check, string[], string[]]>([
    [
      "DNS labels",
      names.dns1123LabelErrors,
      ["a", "a-b", "0", "a".repeat(63)],
      ["", "A", "-a", "a-", "a_b", "a.b", "a".repeat(64)],
    ],
    [
      "DNS subdomains",
      names.dns1123SubdomainErrors,
      ["a", "a.b", "a-b.c"],
      ["", "a..b", ".a", "A", "a_b", "a".repeat(254)],
    ],
    [
      "subdomains with underscore",
      names.dns1123SubdomainWithUnderscoreErrors,
      ["_a", "a_b.c"],
      ["A", "a.", "__a"],
    ],
    ["RFC 1035 labels", names.dns1035LabelErrors, ["a", "a1"], ["1a", "", "a.b", "A"]],
    ["wildcards", names.wildcardDns1123SubdomainErrors, ["*.a.b"], ["*", "a.*", "*.*.a", "*a"]],
    [
      "qualified names",
      names.qualifiedNameErrors,
      ["a", "A.b_c", "example.com/a"],
      ["", "/a", "a/", "a/b/c", "-a", "EX.com/a", "a".repeat(64)],
    ],
    ["label values", names.labelValueErrors, ["", "a", "A.b_c"], ["-a", "a b", "a".repeat(64), "a/b"]],
    ["C identifiers", names.cIdentifierErrors, ["a", "_A1"], ["1a", "", "a-b"]],
    ["port names", names.portNameErrors, ["http", "a-1"], ["", "-a", "a-", "a--b", "1", "A", "a".repeat(16)]],
    ["percentages", names.percentErrors, ["0%", "25%"], ["25", "%", "-1%"]],
    ["header names", names.httpHeaderNameErrors, ["X-A"], ["", "a:b", "a b"]],
    ["environment names", names.envVarNameErrors, ["A", "a.b-c_d"], ["1a", "", "a=b", "..", "..a"]],
    ["relaxed environment names", names.relaxedEnvVarNameErrors, ["1a", "a b", "~"], ["", "a=b", "ä", "a\n"]],
    [
      "config keys",
      names.configMapKeyErrors,
      ["a", "a.b", ".a"],
      ["", ".", "..", "..a", "a/b", "a".repeat(254)],
    ],
    [
      "prefixed paths",
      names.domainPrefixedPathErrors,
      ["acme.io/foo", "a/b/c"],
      ["acme.io", "/a", "a/", "A/b", "a/b c"],
    ],
    ["fully qualified names", names.fullyQualifiedNameErrors, ["a.b.c"], ["a.b", "", "A.b.c"]],
    ["path segments", names.pathSegmentErrors, ["a", "a b", "A:b"], [".", "..", "a/b", "a%b"]],
    [
      "addresses",
      names.ipErrors,
      ["1.2.3.4", "010.1.1.1", "::", "::1", "2001:db8::ffff", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8"],
      ["", "1.2.3", "256.1.1.1", "1::2::3", "1:2:3:4:5:6:7", ":::", "g::1", "1:2:3:4:5:6:7:8:9", "::1.2.3"],
    ],
    ["IPv4 addresses", names.ipv4Errors, ["1.2.3.4"], ["::1", "x"]],
    ["IPv6 addresses", names.ipv6Errors, ["::1"], ["1.2.3.4"]],
    [
      "networks",
      names.cidrErrors,
      ["10.0.0.0/8", "::/0", "2001:db8::/128"],
      ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/08", "x/8", "10.0.0.0/-1"],
    ],
  ])("tells good %s from bad", (_what, check, good, bad) => {
    expect(good.filter((value) => check(value).length > 0)).toEqual([]);
    expect(bad.filter((value) => check(value).length === 0)).toEqual([]);
  });

  it.each<[number, boolean]>([
    [0, false],
    [1, true],
    [65_535, true],
    [65_536, false],
    [1.5, false],
  ])("port %d is valid: %s", (port, valid) => {
    expect(names.portErrors(port)).toEqual(valid ? [] : ["must be between 1 and 65535, inclusive"]);
  });

  it("words messages as Kubernetes does", () => {
    expect(names.dns1123LabelErrors("A")).toEqual([
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]);
    expect(names.dns1123LabelErrors("a.b")).toEqual(["must not contain dots"]);
    expect(names.dns1123SubdomainErrors("A")).toEqual([
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
    ]);
    expect(names.labelValueErrors("a".repeat(64))).toEqual(["must be no more than 63 bytes"]);
    expect(names.qualifiedNameErrors("")).toEqual([
      "name part must be non-empty",
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ]);
    expect(names.configMapKeyErrors("..")).toEqual(["must not be '..'"]);
    expect(names.userIdErrors(-1)).toEqual(["must be between 0 and 2147483647, inclusive"]);
    expect(names.groupIdErrors(7)).toEqual([]);
  });

  it("counts bytes, not characters", () => {
    expect(names.labelValueErrors("ä".repeat(40))).toContain("must be no more than 63 bytes");
  });
});
