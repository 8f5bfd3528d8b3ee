import { afterEach, expect, it } from "vitest";
import type { AdmissionPlugin } from "../admission/admission.ts";
import { NamespaceLifecycle } from "../admission/namespace-lifecycle.ts";
import { cronTabs, definitionsPath, established, gone } from "../extensions/testing/definitions.ts";
import { failure, TestApi } from "../testing/api.ts";
import { openSecurity, startTestServer, type TestServer } from "../testing/test-server.ts";

let started: TestServer | undefined;

afterEach(() => started?.server.close());

/** Asked about an object called "late" it takes its time, as a webhook may: until `answer` is called. */
class Slow implements AdmissionPlugin {
  readonly name = "Slow";
  readonly #asked = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<void>();
  readonly asked = this.#asked.promise;
  readonly answer = this.#answered.resolve;

  handles({ object }: Parameters<AdmissionPlugin["handles"]>[0]): boolean {
    return object?.metadata.name === "late";
  }

  validate(): Promise<void> {
    this.#asked.resolve();
    return this.#answered.promise;
  }
}

async function start(slow: Slow): Promise<TestApi> {
  started = await startTestServer({
    security: ({ reader, nowMs }) => openSecurity([new NamespaceLifecycle({ reader, nowMs }), slow]),
  });
  const api = new TestApi(started.transport);
  await api.post("/api/v1/namespaces", {
    metadata: { name: "going", finalizers: ["example.com/hold"] },
  });
  return api;
}

const apply = { fieldManager: "test" };

it.each(["POST", "apply"])(
  "a namespace that goes while a webhook is asked takes no more (%s)",
  async (how) => {
    const slow = new Slow();
    const api = await start(slow);
    const path = "/api/v1/namespaces/going/configmaps";
    const late = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "late" } };
    const creating = failure(
      how === "POST" ? api.post(path, late) : api.patch("apply", `${path}/late`, late, apply),
    );
    await slow.asked;
    await api.delete("/api/v1/namespaces/going");
    slow.answer();
    expect(await creating).toMatchObject({
      code: 403,
      message: expect.stringContaining(
        "unable to create new content in namespace going because it is being terminated",
      ),
    });
    expect((await api.list(path)).items).toEqual([]);
  },
);

it.each([
  ["is being taken away", ["example.com/hold"], 403],
  ["is gone", [], 404],
])("a definition that %s when a webhook answers takes no more", async (_how, finalizers, code) => {
  const slow = new Slow();
  const api = await start(slow);
  const name = "crontabs.stable.example.com";
  const path = "/apis/stable.example.com/v1/namespaces/going/crontabs";
  const cronTab = (called: string): object => ({
    apiVersion: "stable.example.com/v1",
    kind: "CronTab",
    metadata: { name: called, finalizers },
    spec: { cronSpec: "*" },
  });
  await api.post(definitionsPath, cronTabs());
  await established(api, name);
  await api.post(path, cronTab("first"));
  const creating = failure(api.post(path, cronTab("late")));
  await slow.asked;
  await api.delete(`${definitionsPath}/${name}`);
  if (code === 404) await gone(api, name);
  slow.answer();
  expect((await creating).code).toBe(code);
});
