import { describe, expect, it } from "vitest";
import { StatusError } from "../../apimachinery/status.ts";
import { CertificateAuthority, certificatesOf } from "../../pki/index.ts";
import { namedUser, namesUser, RequestHeaderAuthenticator } from "./request-header.ts";
import { newUser, rejectionReason } from "./users.ts";
import { X509Authenticator } from "./x509.ts";

const headers = (...pairs: readonly (readonly [string, string])[]) => ({
  headerNames: () => [...new Set(pairs.map(([name]) => name))],
  headerValues: (name: string) => pairs.filter(([each]) => each === name).map(([, value]) => value),
});

describe("whom headers name", () => {
  it.each([
    ["nobody without a name", headers(["x-remote-group", "dev"]), undefined],
    ["nobody by an empty name", headers(["x-remote-user", ""]), undefined],
    [
      "a user with groups, each in a header of its own",
      headers(["x-remote-user", "jane"], ["x-remote-group", "dev, ops"], ["x-remote-group", "all"]),
      newUser("jane", ["dev, ops", "all"]),
    ],
    [
      "with uid and extra facts",
      headers(["x-remote-user", "jane"], ["x-remote-uid", "7"], ["x-remote-extra-example.com%2fscopes", "a"]),
      newUser("jane", [], { uid: "7", extra: { "example.com/scopes": ["a"] } }),
    ],
    [
      "with a key that is escaped badly, as it stands",
      headers(["x-remote-user", "jane"], ["x-remote-extra-50%", "a"]),
      newUser("jane", [], { extra: { "50%": ["a"] } }),
    ],
    ["in UTF-8", headers(["x-remote-user", Buffer.from("Łukasz").toString("latin1")]), newUser("Łukasz")],
  ])("is %s", (_what, source, user) => {
    expect(namedUser(source)).toEqual(user);
  });
});

it("other headers may be told of: of names the first that says something, of groups all", () => {
  const names = {
    user: ["X-User", "X-Remote-User"],
    uid: [],
    group: ["X-Group", "X-Team"],
    extraPrefix: ["X-More-", "X-Remote-Extra-"],
  };
  const source = headers(
    ["x-user", ""],
    ["x-remote-user", "jane"],
    ["x-remote-uid", "7"],
    ["x-team", "dev"],
    ["x-group", "ops"],
    ["x-remote-group", "none"],
    ["x-remote-extra-a", "2"],
    ["x-more-a", "1"],
  );
  expect(namedUser(source, names)).toEqual(newUser("jane", ["ops", "dev"], { extra: { a: ["1", "2"] } }));
  const said = ["x-user", "x-remote-user", "x-team", "x-more-b", "x-remote-uid", "x-request-id"];
  expect(said.filter((header) => namesUser(names, header))).toEqual(said.slice(0, 4));
});

describe("a proxy", () => {
  const nowMs = 1_000_000;
  const authority = CertificateAuthority.create("front-proxy-ca", nowMs);
  const other = CertificateAuthority.create("kubernetes", nowMs);
  const authenticator = new RequestHeaderAuthenticator({
    proxies: new X509Authenticator({ authorities: () => authority.certificate, nowMs: () => nowMs }),
    allowedNames: ["front-proxy-client"],
  });
  const jane = newUser("jane", ["dev"]);
  const janes = headers(["x-remote-user", "jane"], ["x-remote-group", "dev"]);
  const shown = (by: CertificateAuthority, commonName: string): readonly Uint8Array[] =>
    certificatesOf(by.issueClient({ commonName, organizations: [] }, nowMs).certificate);
  const ask = async (certificates: readonly Uint8Array[], namedAs = janes): Promise<unknown> => {
    try {
      return await authenticator.authenticate({ certificates, bearerToken: undefined, headers: namedAs });
    } catch (error) {
      return error instanceof StatusError ? [error.code, rejectionReason(error)] : error;
    }
  };

  it("is believed whom it names", async () => {
    expect(await ask(shown(authority, "front-proxy-client"))).toEqual({ user: jane });
  });

  it("of another name is not", async () => {
    expect(await ask(shown(authority, "someone"))).toEqual([
      401,
      "x509: subject with cn=someone is not in the allowed list",
    ]);
  });

  it("of any name is believed where no names are told", () => {
    const any = new RequestHeaderAuthenticator({
      proxies: new X509Authenticator({ authorities: () => authority.certificate, nowMs: () => nowMs }),
      allowedNames: [],
    });
    const certificates = shown(authority, "someone");
    expect(any.authenticate({ certificates, bearerToken: undefined, headers: janes })).toEqual({
      user: jane,
    });
  });

  it("with a certificate of a client is not", async () => {
    expect(await ask(shown(other, "front-proxy-client"))).toEqual([
      401,
      "x509: certificate signed by unknown authority",
    ]);
  });

  it("without a certificate is nobody", async () => {
    expect(await ask([])).toBeUndefined();
  });

  it("that names nobody is nobody", () => {
    const certificates = shown(authority, "front-proxy-client");
    expect(authenticator.authenticate({ certificates, bearerToken: undefined })).toBeUndefined();
  });
});
