import { afterEach, expect, test } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { newForbidden, newServiceUnavailable } from "../../apimachinery/status.ts";
import { newClient } from "../../client/client.ts";
import { resources } from "../../client/resources.ts";
import { FakeTransport } from "../../client/testing/fake-transport.ts";
import { Harness, newPod } from "../testing/harness.ts";
import { StatusManager } from "./status-manager.ts";

let harness: Harness | undefined;
afterEach(() => harness?.stop());

const isOfWeb = ({ path }: { readonly path: string }): boolean => path.includes("/pods/web");

test("a pod that is gone while its status is refused goes from the node, and is not asked for again", async () => {
  harness = new Harness();
  const { transport, runtime } = harness;
  await harness.start();
  await harness.createPod("web");
  // Its name is on another node by now, as far as the server's authorizer goes.
  transport.react((request) => {
    if (isOfWeb(request) && request.method !== "DELETE")
      throw newForbidden(resources.pods, "web", "not yours");
  });
  await harness.deletePod("web");
  await harness.advance(60_000);
  transport.remove(resources.pods, "web");
  transport.seed(newPod("web", { nodeName: "node-2" }));
  await harness.advance(20_000);
  const before = transport.requests.filter(isOfWeb).length;
  await harness.advance(600_000);
  expect(transport.requests.filter(isOfWeb)).toHaveLength(before);
  expect(await runtime.listPodSandboxes()).toEqual([]);
});

test("the status of a pod is never written to another of its name", async () => {
  const clock = new VirtualClock();
  const transport = new FakeTransport({ clock });
  const statuses = new StatusManager({
    client: newClient(transport),
    clock,
    logger: silentLogger,
    signal: new AbortController().signal,
  });
  transport.seed(newPod("web"));
  const first = transport.get(resources.pods, "web");
  const forget = transport.react(({ method }) => {
    if (method === "PATCH") throw newServiceUnavailable("down");
  });
  statuses.set(first ?? newPod("web"), { phase: "Succeeded" });
  await clock.advance(1_000);
  forget();
  transport.remove(resources.pods, "web");
  transport.seed({ ...newPod("web"), status: { phase: "Pending" } });
  await clock.advance(60_000);
  expect(transport.get(resources.pods, "web")?.metadata.uid).not.toBe(first?.metadata.uid);
  expect(transport.get(resources.pods, "web")?.status).toEqual({ phase: "Pending" });
});
