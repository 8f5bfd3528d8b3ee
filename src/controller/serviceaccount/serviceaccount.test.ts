import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resources } from "../../client/resources.ts";
import { rootCaController } from "../root-ca/index.ts";
import { type ControllerRun, runControllers } from "../testing/run-controllers.ts";
import { serviceAccountController } from "./index.ts";

let run: ControllerRun;
beforeEach(() => {
  run = runControllers([serviceAccountController, rootCaController(() => "CA")]);
});
afterEach(async () => run.stop());

const namespace = (name: string, extra: object = {}) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name, ...extra },
  spec: {},
});
const accounts = () =>
  run.transport
    .list(resources.serviceaccounts)
    .map(({ metadata: { namespace, name } }) => `${namespace}/${name}`);
const published = () => run.transport.get(resources.configmaps, "kube-root-ca.crt", "work");

describe("every namespace", () => {
  it("gets its default account and the cluster's CA", async () => {
    run.transport.seed(namespace("work"), namespace("play"));
    await run.settle();
    expect(accounts()).toEqual(["play/default", "work/default"]);
    expect(published()?.data).toEqual({ "ca.crt": "CA" });
    expect(published()?.metadata.annotations?.["kubernetes.io/description"]).toBeDefined();
  });

  it("gets them again when somebody deletes or changes them", async () => {
    run.transport.seed(namespace("work"));
    await run.settle();
    run.transport.remove(resources.serviceaccounts, "default", "work");
    run.transport.modify(
      resources.configmaps,
      "kube-root-ca.crt",
      (object) => (object.data = { "ca.crt": "X", y: "z" }),
      "work",
    );
    await run.settle();
    expect(accounts()).toEqual(["work/default"]);
    expect(published()?.data).toEqual({ "ca.crt": "CA" });
    run.transport.remove(resources.configmaps, "kube-root-ca.crt", "work");
    await run.settle();
    expect(published()).toBeDefined();
  });

  it("gets nothing while it is being deleted", async () => {
    run.transport.seed(namespace("work", { deletionTimestamp: "2026-01-01T00:00:00Z" }));
    await run.settle();
    expect([accounts(), published()]).toEqual([[], undefined]);
  });
});
