import { afterEach, expect, test, vi } from "vitest";
import {
  Chain,
  cleanUp,
  configuration,
  everything,
  hook,
  label,
  type Review,
  serve,
} from "./testing/chain.ts";

afterEach(cleanUp);

const scaler = (): object => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "web", namespace: "default", labels: { app: "web" } },
  spec: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "web", apiVersion: "apps/v1" } },
});

const rules = (version: string): object[] => [
  { ...everything[0], apiGroups: ["autoscaling"], apiVersions: [version], resources: ["*"] },
];

/** What mutating webhooks that ask for these versions are shown, and which conversions that takes. Each adds a label of its name. */
async function seenBy(...versions: readonly string[]) {
  const seen: string[] = [];
  const server = await serve(({ request }: Review) => {
    const { apiVersion, metadata } = request.object ?? {};
    const labels = Object.keys((metadata as { labels?: object })?.labels ?? {});
    seen.push(`${String(apiVersion)} ${labels.join(" ")}`);
    return label(`hook-${seen.length}`);
  });
  const hooks = versions.map((version, index) => hook(`h${index}`, server, { rules: rules(version) }));
  const chain = new Chain().mutating(configuration("Mutating", "c", ...hooks));
  const convert = vi.spyOn(chain.scheme, "convert");
  const object = scaler() as { metadata: { labels: object } };
  const { verdict } = await chain.verdict({ object, resource: "horizontalpodautoscalers.autoscaling" });
  const conversions = convert.mock.calls.map(
    ([from, to]) => `${from.apiVersion.split("/")[1]} to ${to.version}`,
  );
  return { seen, conversions, verdict, labels: Object.keys(object.metadata.labels) };
}

// As many conversions as kube-apiserver makes: each may be a call of a webhook.
test.each<[string, string[], string[], string[]]>([
  [
    "of the same other version hand the object on in it",
    ["v1", "v1", "v1"],
    ["autoscaling/v1 app", "autoscaling/v1 app hook-1", "autoscaling/v1 app hook-1 hook-2"],
    ["v2 to v1", "v1 to v2"],
  ],
  [
    "of several versions each see what those before have made",
    ["v1", "v2", "v1"],
    ["autoscaling/v1 app", "autoscaling/v2 app hook-1", "autoscaling/v1 app hook-1 hook-2"],
    ["v2 to v1", "v1 to v2", "v2 to v1", "v1 to v2"],
  ],
  [
    "of the request's own version convert nothing",
    ["v2", "v2"],
    ["autoscaling/v2 app", "autoscaling/v2 app hook-1"],
    [],
  ],
])("mutating webhooks %s", async (_, versions, expected, conversions) => {
  const found = await seenBy(...versions);
  expect(found).toEqual({
    seen: expected,
    conversions,
    verdict: "admitted",
    labels: ["app", ...expected.map((_each, index) => `hook-${index + 1}`)],
  });
});

test("a selector sees what a webhook of another version has made", async () => {
  const seen: unknown[] = [];
  const server = await serve(({ request }) => {
    seen.push(request.object?.apiVersion);
    return label("late");
  });
  const chain = new Chain().mutating(
    configuration(
      "Mutating",
      "c",
      hook("a", server, { rules: rules("v1") }),
      hook("b", server, {
        rules: rules("v2"),
        objectSelector: { matchExpressions: [{ key: "late", operator: "Exists" }] },
      }),
    ),
  );
  await chain.verdict({ object: scaler(), resource: "horizontalpodautoscalers.autoscaling" });
  expect(seen).toEqual(["autoscaling/v1", "autoscaling/v2"]);
});
