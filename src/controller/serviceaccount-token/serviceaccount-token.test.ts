import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Secret } from "../../api/types/core-v1.ts";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { serviceAccountTokenController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  const issuer = {
    issueLegacy: (account: { metadata: { name?: string | undefined } }) =>
      `token of ${account.metadata.name}`,
  };
  run = runControllers([serviceAccountTokenController(issuer, () => "CA")]);
});
afterEach(async () => run.stop());

const account = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "robot", namespace: "default", uid: "sa-1" },
};
const secret = (extra: Partial<Secret> = {}, annotations: Record<string, string> = {}): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: {
    name: "s",
    namespace: "default",
    annotations: { "kubernetes.io/service-account.name": "robot", ...annotations },
  },
  type: "kubernetes.io/service-account-token",
  ...extra,
});
const stored = () => run.transport.get(resources.secrets, "s");
const text = (key: string): string => Buffer.from(stored()?.data?.[key] ?? "", "base64").toString();

describe("a Secret for a token", () => {
  it("is filled, and says whose it is", async () => {
    run.transport.seed(account, secret());
    await run.settle();
    expect(["token", "namespace", "ca.crt"].map(text)).toEqual(["token of robot", "default", "CA"]);
    expect(stored()?.metadata.annotations).toEqual({
      "kubernetes.io/service-account.name": "robot",
      "kubernetes.io/service-account.uid": "sa-1",
    });
  });

  it("keeps what it has, and learns a new CA", async () => {
    const data = { token: "YWJj", namespace: "ZGVm", "ca.crt": "b2xk", extra: "eA==" };
    run.transport.seed(account, secret({ data }));
    await run.settle();
    expect(stored()?.data).toEqual({ ...data, "ca.crt": Buffer.from("CA").toString("base64") });
  });

  it("goes with its account", async () => {
    run.transport.seed(account, secret());
    await run.settle();
    run.transport.remove(resources.serviceaccounts, "robot");
    await run.settle();
    expect(stored()).toBeUndefined();
  });

  it.each<[string, Secret]>([
    ["of an account that is gone", secret({}, { "kubernetes.io/service-account.name": "nobody" })],
    ["of another account of that name", secret({}, { "kubernetes.io/service-account.uid": "sa-0" })],
  ])("%s is deleted", async (_, given) => {
    run.transport.seed(account, given);
    await run.settle();
    expect(stored()).toBeUndefined();
  });

  it("of an account that was made anew stays, though the cache shows the former", async () => {
    run.transport.seed(account);
    await run.settle();
    await run.holdBack("serviceaccounts");
    run.transport.remove(resources.serviceaccounts, "robot");
    run.transport.seed({ ...account, metadata: { ...account.metadata, uid: "sa-2" } });
    run.transport.seed(secret({}, { "kubernetes.io/service-account.uid": "sa-2" }));
    await run.settle();
    expect(text("token")).toBe("token of robot");
  });

  it("of another type is left alone", async () => {
    run.transport.seed(account, secret({ type: "Opaque" }));
    await run.settle();
    expect(stored()?.data).toBeUndefined();
  });
});
