import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { silentLogger } from "../apimachinery/logger.ts";
import { CertificateAuthority } from "../pki/index.ts";
import { checkSettings, type GivenSettings, keepSettings, readSettings } from "./api-server-settings.ts";
import { requestHeaderSecurity } from "./request-header-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-request-headers-"));
afterAll(() => rmSync(folder, { recursive: true }));
const nowMs = Date.parse("2026-01-01T00:00:00Z");
const authority = CertificateAuthority.create("proxies", nowMs);
const client = authority.issueClient({ commonName: "aggregator", organizations: [] }, nowMs);
const other = authority.issueClient({ commonName: "other", organizations: [] }, nowMs);

function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const ca = file("ca.crt", authority.certificate);
const certificate = file("client.crt", client.certificate);
const key = file("client.key", client.key);
const whitespace = " ";

describe("settings of request headers", () => {
  it.each<[string, GivenSettings, string]>([
    [
      "an empty name",
      { "requestheader-client-ca-file": ca, "requestheader-username-headers": `X-Remote-User,${whitespace}` },
      '--requestheader-username-headers: empty value in "requestheader-username-headers"',
    ],
    [
      "uids under another name",
      { "requestheader-client-ca-file": ca, "requestheader-uid-headers": "X-Uid" },
      "--requestheader-uid-headers: is set without specifying the standard X-Remote-Uid header - API aggregation will not work",
    ],
    [
      "a file without certificates",
      { "requestheader-client-ca-file": key },
      `--requestheader-client-ca-file: ${key}: data does not contain any valid RSA or ECDSA certificates`,
    ],
    [
      "names without anybody to believe",
      { "requestheader-allowed-names": "proxy" },
      "--requestheader-allowed-names: nobody is believed without --requestheader-client-ca-file",
    ],
    [
      "a certificate without its key",
      { "proxy-client-cert-file": certificate },
      "--proxy-client-cert-file: nothing can be shown without --proxy-client-key-file",
    ],
    [
      "a key without its certificate",
      { "proxy-client-key-file": key },
      "--proxy-client-key-file: nothing can be shown without --proxy-client-cert-file",
    ],
  ])("do not take %s", async (_what, given, message) => {
    await expect(checkSettings(given)).rejects.toThrow(message);
  });

  it("become what the server is told", async () => {
    const directory = mkdtempSync(join(folder, "cluster-"));
    const given: GivenSettings = {
      "requestheader-client-ca-file": ca,
      "requestheader-allowed-names": "proxy, other",
      "requestheader-username-headers": "x-remote-user,X-User",
      "proxy-client-cert-file": certificate,
      "proxy-client-key-file": key,
    };
    keepSettings(directory, await checkSettings(given, directory));
    expect(requestHeaderSecurity(readSettings(directory), silentLogger)).toEqual({
      proxies: {
        authorities: authority.certificate,
        allowedNames: ["proxy", "other"],
        headers: {
          user: ["x-remote-user", "X-User"],
          uid: ["X-Remote-Uid"],
          group: ["X-Remote-Group"],
          extraPrefix: ["X-Remote-Extra-"],
        },
      },
      proxyClient: { certificate: client.certificate, key: client.key },
    });
  });

  it("do not let users of the cluster speak for others", async () => {
    const directory = mkdtempSync(join(folder, "cluster-"));
    mkdirSync(join(directory, "pki"));
    writeFileSync(join(directory, "pki/ca.crt"), authority.certificate);
    const given: GivenSettings = { "requestheader-client-ca-file": ca };
    await expect(checkSettings(given, directory)).rejects.toThrow(
      /it has the cluster's own authority; --requestheader-allowed-names must be specified to ensure/,
    );
    const named = { ...given, "requestheader-allowed-names": "proxy" };
    expect((await checkSettings(named, directory)).size).toBe(2);
  });

  it("say what aggregation misses, and refuse a key that is another's", () => {
    const warn = vi.fn();
    const settings = { "requestheader-client-ca-file": ca, "requestheader-group-headers": "X-Group" };
    requestHeaderSecurity(settings, { ...silentLogger, warn });
    expect(warn).toHaveBeenCalledWith(
      "--requestheader-group-headers is set without specifying the standard X-Remote-Group header - API aggregation will not work",
    );
    const pair = {
      "proxy-client-cert-file": certificate,
      "proxy-client-key-file": file("other.key", other.key),
    };
    expect(() => requestHeaderSecurity(pair, silentLogger)).toThrow(/key values mismatch/);
  });
});
