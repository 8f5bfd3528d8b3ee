import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { bootstrapSignerController, tokenCleanerController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([bootstrapSignerController, tokenCleanerController]);
});
afterEach(async () => run.stop());

const token = (fields: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" },
  type: "bootstrap.kubernetes.io/token",
  data: Object.fromEntries(
    Object.entries({
      "token-id": "abcdef",
      "token-secret": "0123456789abcdef",
      "usage-bootstrap-signing": "true",
      ...fields,
    }).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  ),
});
const info = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "cluster-info", namespace: "kube-public" },
  data: { kubeconfig: "content" },
};
const exists = (): boolean =>
  run.transport.get(resources.secrets, "bootstrap-token-abcdef", "kube-system") !== undefined;
const data = () => run.transport.get(resources.configmaps, "cluster-info", "kube-public")?.data;

describe("a bootstrap token", () => {
  it("is deleted when its time is over", async () => {
    run.transport.seed(token({ expiration: "2026-01-01T01:00:00Z" }));
    await run.settle(3_590_000);
    expect(exists()).toBe(true);
    await run.settle(20_000);
    expect(exists()).toBe(false);
  });

  it("without an end stays; one whose end cannot be read goes", async () => {
    run.transport.seed(token());
    await run.settle(1e9);
    expect(exists()).toBe(true);
    run.transport.seed(token({ expiration: "soon" }));
    await run.settle();
    expect(exists()).toBe(false);
  });

  it("signs what new nodes need to know, as long as it lasts", async () => {
    run.transport.seed(info, token({ expiration: "2026-01-01T01:00:00Z" }));
    await run.settle();
    const [header = "", content, signature] = (data()?.["jws-kubeconfig-abcdef"] ?? "").split(".");
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({ alg: "HS256", kid: "abcdef" });
    expect(content).toBe("");
    const payload = Buffer.from("content").toString("base64url");
    expect(signature).toBe(
      createHmac("sha256", "0123456789abcdef").update(`${header}.${payload}`).digest("base64url"),
    );
    await run.settle(3_700_000);
    expect(data()).toEqual({ kubeconfig: "content" });
  });

  it("that may not sign does not", async () => {
    run.transport.seed(info, token({ "usage-bootstrap-signing": "false" }));
    await run.settle();
    expect(data()).toEqual({ kubeconfig: "content" });
  });
});
