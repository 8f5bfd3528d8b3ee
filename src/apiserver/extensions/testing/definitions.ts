import type { UnstructuredObject } from "../../../apimachinery/object.ts";
import type { TestApi } from "../../testing/api.ts";

export const definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["cronSpec"],
      properties: {
        cronSpec: { type: "string", pattern: "^[*/0-9 ]+$" },
        image: { type: "string" },
        mode: { type: "string", enum: ["A", "B"] },
        replicas: { type: "integer", minimum: 1, maximum: 10, default: 1 },
      },
    },
    status: {
      type: "object",
      properties: { replicas: { type: "integer" }, labelSelector: { type: "string" } },
    },
  },
};

/** The definition that the documentation of Kubernetes begins with; `spec` replaces parts of it. */
export function cronTabs(spec: object = {}): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "crontabs.stable.example.com" },
    spec: {
      group: "stable.example.com",
      scope: "Namespaced",
      names: { plural: "crontabs", singular: "crontab", kind: "CronTab", shortNames: ["ct"] },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: ".spec.replicas",
              statusReplicasPath: ".status.replicas",
              labelSelectorPath: ".status.labelSelector",
            },
          },
          additionalPrinterColumns: [
            { name: "Spec", type: "string", jsonPath: ".spec.cronSpec" },
            { name: "Replicas", type: "integer", jsonPath: ".spec.replicas" },
          ],
        },
      ],
      ...spec,
    },
  };
}

/** What the question answers as soon as it answers something; rejects with the complaint after a minute. */
async function answerOf<T>(question: () => Promise<T | undefined>, complaint: string): Promise<T> {
  for (const until = performance.now() + 60_000; performance.now() < until; ) {
    const answer = await question();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(complaint);
}

/** Resolves with the definition when its objects are served. */
export async function established(api: TestApi, name: string): Promise<UnstructuredObject> {
  return await answerOf(async () => {
    const definition = await api.get(`${definitionsPath}/${name}`);
    const status = definition["status"] as { conditions?: { type: string; status: string }[] } | undefined;
    const isServed = status?.conditions?.some(
      ({ type, status: is }) => type === "Established" && is === "True",
    );
    return isServed === true ? definition : undefined;
  }, `${name} is not established`);
}

/** Resolves when the definition is not there any more. */
export async function gone(api: TestApi, name: string): Promise<void> {
  await answerOf(async () => {
    const { items } = await api.list(definitionsPath);
    return items.some(({ metadata }) => metadata.name === name) ? undefined : true;
  }, `${name} is still there`);
}

/** A definition of Things, which belong to no namespace, with the schema. */
export const definitionOf = (schemaOfThings: object, parts: object = {}): object =>
  definitionIn([
    { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schemaOfThings }, ...parts },
  ]);

/** The same in several versions. */
export function definitionIn(versions: readonly object[]): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "things.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "things", kind: "Thing" },
      versions,
    },
  };
}
