import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  checkSettings,
  type GivenSettings,
  keepSettings,
  readSettings,
  settingsForRestart,
} from "./api-server-settings.ts";
import { InstanceError } from "./instance.ts";

let directory = "";
let policy = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sampan-settings-"));
  policy = join(directory, "policy.yaml");
  writeFileSync(policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n");
});
afterEach(() => rmSync(directory, { recursive: true }));

const keep = async (given: GivenSettings): Promise<void> =>
  keepSettings(directory, await checkSettings(given, directory));

describe("settings of the API server", () => {
  it("are kept, files as copies that only their owner may read", async () => {
    await keep({ "audit-policy-file": policy, "audit-log-maxsize": "5", "audit-log-path": "audit.log" });
    const kept = readSettings(directory);
    expect(kept["audit-log-maxsize"]).toBe("5");
    expect(kept["audit-log-path"]).toBe(resolve("audit.log"));
    const copy = kept["audit-policy-file"] ?? "";
    expect(copy).not.toBe(policy);
    expect(readFileSync(copy, "utf8")).toBe(readFileSync(policy, "utf8"));
    expect(statSync(copy).mode & 0o777).toBe(0o600);
  });

  it("stay when none is given, and go with an empty value", async () => {
    await keep({ "audit-policy-file": policy, "audit-log-maxsize": "5" });
    await keep({});
    await keep({ "audit-log-maxage": "7" });
    expect(Object.keys(readSettings(directory)).toSorted()).toEqual([
      "audit-log-maxage",
      "audit-log-maxsize",
      "audit-policy-file",
    ]);
    const copy = readSettings(directory)["audit-policy-file"] ?? "";
    await keep({ "audit-policy-file": "" });
    expect(readSettings(directory)["audit-policy-file"]).toBeUndefined();
    expect(() => statSync(copy)).toThrow(/ENOENT/);
  });

  it("need a restart where their content changes, unless the server follows it", async () => {
    const encryption = join(directory, "encryption.yaml");
    const head = "{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: ";
    writeFileSync(encryption, `${head}[{resources: [secrets], providers: [{identity: {}}]}]}`);
    const given = { "audit-policy-file": policy, "audit-log-maxsize": "5" };
    const encrypted = { ...given, "encryption-provider-config": encryption };
    const forRestart = async (settings: GivenSettings): Promise<string[]> =>
      settingsForRestart(directory, await checkSettings(settings, directory)).map(({ name }) => name);
    await keep(given);
    expect(await forRestart(given)).toEqual([]);
    expect(await forRestart(encrypted)).toEqual(["encryption-provider-config"]);
    await keep(encrypted);
    writeFileSync(encryption, `${readFileSync(encryption, "utf8")} # changed`);
    expect(await forRestart(encrypted)).toEqual([]);
    expect(await forRestart({ "encryption-provider-config": "" })).toEqual(["encryption-provider-config"]);
    writeFileSync(policy, `${readFileSync(policy, "utf8")}# changed\n`);
    expect(await forRestart(encrypted)).toEqual(["audit-policy-file"]);
  });

  it("of a path may name standard output", async () => {
    await keep({ "audit-policy-file": policy, "audit-log-path": "-" });
    expect(readSettings(directory)["audit-log-path"]).toBe("-");
  });

  it.each<[GivenSettings, RegExp]>([
    [{ "audit-policy-file": "/nowhere/policy.yaml" }, /--audit-policy-file: there is no file \/nowhere/],
    [{ "audit-policy-file": "/" }, /--audit-policy-file: \/ cannot be read: .*EISDIR/],
    [{ "audit-log-format": "legacy" }, /--audit-log-format: "legacy" is not supported/],
    [{ "audit-log-maxsize": "-1" }, /--audit-log-maxsize: -1 can't be a negative number/],
    [{ "audit-log-maxbackup": "many" }, /--audit-log-maxbackup: many is no whole number/],
    [{ "audit-log-path": "audit.log" }, /--audit-log-path: nothing is audited without --audit-policy-file/],
    [{ "audit-log-path": "audit.log", "audit-policy-file": "" }, /nothing is audited without/],
    [{ "audit-webhook-mode": "blocking" }, /--audit-webhook-mode: "blocking" is not supported/],
    [{ "audit-webhook-mode": "batch" }, /--audit-webhook-mode: nothing is audited without/],
    [{ "audit-webhook-batch-max-size": "0" }, /a batch has one event at least/],
    [{ "audit-webhook-batch-max-wait": "5" }, /"5" is no duration such as 30s/],
    [{ "audit-webhook-initial-backoff": "-1s" }, /-1s is not positive/],
    [{ "audit-webhook-config-file": "/nowhere" }, /--audit-webhook-config-file: there is no file/],
  ])("%j is refused, by name", async (given, message) => {
    const failure = await checkSettings(given, directory).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InstanceError);
    expect((failure as InstanceError).message).toMatch(message);
    expect(readSettings(directory)).toEqual({});
  });
});
