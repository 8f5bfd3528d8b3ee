import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { silentLogger } from "../apimachinery/logger.ts";
import { SeededRandom } from "../apimachinery/random.ts";
import { checkAuthenticationConfiguration, externalAuthentication } from "./authentication-settings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "settings-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const context = () => ({
  directory,
  clock: new VirtualClock(),
  random: new SeededRandom(1),
  logger: silentLogger,
});

test("without settings nobody else is asked", () => {
  expect(externalAuthentication({ "audit-log-path": "-" }, context())).toBeUndefined();
});

test("half of the oidc flags are an error", () => {
  expect(() => externalAuthentication({ "oidc-client-id": "x" }, context())).toThrow(
    "oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set",
  );
});

test("a configuration that claims the cluster's own tokens is refused", () => {
  const issuer = { url: "https://kubernetes.default.svc.cluster.local", audiences: ["x"] };
  const claimMappings = { username: { claim: "sub", prefix: "" } };
  const configuration = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthenticationConfiguration",
    jwt: [{ issuer, claimMappings }],
  };
  expect(() => checkAuthenticationConfiguration(JSON.stringify(configuration))).toThrow(
    /must not overlap with disallowed issuers/,
  );
});
