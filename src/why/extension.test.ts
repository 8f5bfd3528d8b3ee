import { describe, expect, it } from "vitest";
import { resources } from "../client/resources.ts";
import type { EmbeddedCluster } from "../cluster/library/embedded-cluster.ts";
import { cats, deployment, does, lines, type Situation, told } from "./testing/situation.ts";

/** Events about webhooks, as the API server writes them; without a uid, which the test does not know. */
const webhookEvents =
  (about: object, ...events: readonly (readonly [type: string, message: string])[]) =>
  async (cluster: EmbeddedCluster): Promise<void> => {
    for (const [index, [type, message]] of events.entries())
      await cluster.client.resource(resources.events).create({
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: `event-${index}`, namespace: "default" },
        involvedObject: about,
        type,
        message,
        lastTimestamp: new Date(cluster.clock.now()).toISOString(),
      });
  };

const situations: readonly Situation[] = [
  {
    when: "a finalizer holds a deletion",
    manifests: `${cats()}{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom, finalizers: [cats.example.com/cleanup]}}`,
    meanwhile: async (cluster) => await cluster.delete("cat", "tom"),
    ask: "cat/tom",
    says: `
      cat/tom is being deleted for 60s, held by the finalizer cats.example.com/cleanup
      └─ cat/tom waits for "sampan", which set "cats.example.com/cleanup", to clean up and take it away

      Next: see whether "sampan" runs and what it logs; if it is gone for good, take the finalizer away yourself (nothing is cleaned up then)
        kubectl -n default patch cats.example.com tom --type json -p '[{"op":"remove","path":"/metadata/finalizers/0"}]'
    `,
  },
  {
    when: "an API server is away",
    manifests: `{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.flowers.example.com}, spec: {group: flowers.example.com, version: v1, groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: flowers, namespace: kube-system}}}`,
    ask: "apiservice/v1.flowers.example.com",
    says: `
      apiservice/v1.flowers.example.com is not available: nobody serves flowers.example.com/v1
      └─ service/flowers in kube-system does not exist

      Next: bring its server back; if it is gone for good, take its APIService away
        kubectl delete apiservice v1.flowers.example.com
    `,
  },
  {
    when: "a definition's names are taken",
    manifests: cats() + cats("kittens"),
    ask: "crd/kittens.example.com",
    says: `
      customresourcedefinition/kittens.example.com is not served: "CatList" is already in use

      Next: choose other names, or delete the definition that has them
        kubectl get customresourcedefinitions
    `,
  },
  {
    when: "a definition is well",
    manifests: cats(),
    ask: "crd/cats.example.com",
    says: `
      customresourcedefinition/cats.example.com is established: objects of kind Cat are served
    `,
  },
  {
    when: "a definition waits for its objects",
    manifests: `${cats()}{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom, finalizers: [cats.example.com/cleanup]}}`,
    meanwhile: async (cluster) => await cluster.delete("crd", "cats.example.com"),
    ask: "crd/cats.example.com",
    says: `
      customresourcedefinition/cats.example.com is being deleted for 60s, held by the finalizer customresourcecleanup.apiextensions.k8s.io
      └─ customresourcedefinition/cats.example.com waits until 1 object of its kind is gone
         └─ cat/tom in default is being deleted for 60s, held by the finalizer cats.example.com/cleanup
            └─ cat/tom in default waits for "sampan", which set "cats.example.com/cleanup", to clean up and take it away

      Next: see whether "sampan" runs and what it logs; if it is gone for good, take the finalizer away yourself (nothing is cleaned up then)
        kubectl -n default patch cats.example.com tom --type json -p '[{"op":"remove","path":"/metadata/finalizers/0"}]'
    `,
  },
  {
    when: "nobody works on a custom resource",
    manifests: `${cats()}{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom}}`,
    ask: "cat/tom",
    says: `
      cat/tom is not worked on: nobody has written its status. Does its operator run?

      Next: see the events, and the log of the controller that looks after it
        kubectl -n default describe cat tom
    `,
  },
  {
    when: "a custom resource says that it is not ready",
    manifests: `${cats()}{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom}}`,
    meanwhile: async (cluster) =>
      await (await cluster.resource("cats")).patch(
        "tom",
        {
          status: {
            conditions: [{ type: "Ready", status: "False", reason: "NoFood", message: "the bowl is empty" }],
          },
        },
        { type: "merge", subresource: "status", namespace: "default" },
      ),
    ask: "cat/tom",
    says: `
      cat/tom is not ready: the bowl is empty (Ready: False, NoFood)

      Next: see the events, and the log of the controller that looks after it
        kubectl -n default describe cat tom
    `,
  },
  {
    when: "what a custom resource made is not ready",
    manifests: `${cats()}{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom}}`,
    meanwhile: async (cluster) => {
      const tom = await cluster.get("cat", "tom");
      await (await cluster.resource("cats")).patch(
        "tom",
        { status: { phase: "Ready" } },
        { type: "merge", subresource: "status", namespace: "default" },
      );
      const [web] = await cluster.apply(
        deployment({ annotations: does({ "run-duration": "1s", "exit-code": "1" }) }),
      );
      await (await cluster.resource("deployments")).patch(
        web?.metadata.name ?? "",
        {
          metadata: {
            ownerReferences: [
              {
                apiVersion: "example.com/v1",
                kind: "Cat",
                name: "tom",
                uid: tom.metadata.uid,
                controller: true,
              },
            ],
          },
        },
        { type: "merge", namespace: "default" },
      );
    },
    after: "3m",
    ask: "cat/tom",
    says: `
      cat/tom is not ready: something that it made is not
      └─ deployment/web is not ready: 0 of 1 pod is available
         └─ pod/web-RS-POD cannot keep container "web" running: its program ends with exit code 1 (restarted 5 times so far)

      Next: read what the program said last
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "a webhook's server is missing",
    manifests: `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: { name: inject }
webhooks:
  - name: inject.example.com
    clientConfig: { service: { name: inject, namespace: default, path: / } }
    rules: [{ apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE] }]
    failurePolicy: Ignore
    sideEffects: None
    admissionReviewVersions: [v1]
`,
    ask: "mutatingwebhookconfiguration/inject",
    says: `
      mutatingwebhookconfiguration/inject cannot be asked: what it is to judge passes unjudged meanwhile
      └─ service/inject in default does not exist

      Next: bring the webhook's server back; if it is gone for good, take its configuration away
        kubectl delete mutatingwebhookconfiguration inject
    `,
  },
  {
    when: "a webhook shows a certificate that nobody vouches for, and another of its configuration answers again",
    manifests: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: checks }
webhooks:
  - &webhook
    name: a.example.com
    clientConfig: { url: "https://127.0.0.1:1/" }
    rules: []
    sideEffects: None
    admissionReviewVersions: [v1]
  - { <<: *webhook, name: b.example.com }
`,
    meanwhile: webhookEvents(
      { kind: "ValidatingWebhookConfiguration", name: "checks" },
      ["Warning", 'webhook "a.example.com" fails: tls: failed to verify certificate: x509: unknown'],
      ["Warning", 'webhook "b.example.com" fails: connection refused'],
      ["Normal", 'webhook "b.example.com" answers again'],
    ),
    ask: "validatingwebhookconfiguration/checks",
    says: `
      validatingwebhookconfiguration/checks failed of late (what it is to judge is refused meanwhile): webhook "a.example.com" fails: tls: failed to verify certificate: x509: unknown

      Next: its certificate is not one that the caBundle vouches for: correct either; or, where it runs on this machine, have it use a certificate of this cluster
        sampan webhook cert --point checks
    `,
  },
  {
    when: "the webhook of a definition does not convert",
    manifests: `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ferries.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { plural: ferries, kind: Ferry }
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object } } }]
  conversion:
    strategy: Webhook
    webhook: { conversionReviewVersions: [v1], clientConfig: { url: "https://127.0.0.1:1/" } }
`,
    meanwhile: webhookEvents({ kind: "CustomResourceDefinition", name: "ferries.example.com" }, [
      "Warning",
      "the webhook that converts its objects fails: connection refused",
    ]),
    ask: "crd/ferries.example.com",
    says: `
      customresourcedefinition/ferries.example.com cannot be converted: the webhook that converts its objects fails: connection refused

      Next: see whether the webhook's server runs and what it logs
        kubectl get customresourcedefinition ferries.example.com -o yaml
    `,
  },
  {
    when: "a quota is used up",
    manifests: `{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {configmaps: "1"}}}`,
    ask: "quota/small",
    says: `
      resourcequota/small is used up: configmaps (1 of 1)

      Next: remove what is not needed, or raise it
        kubectl -n default describe resourcequota small
    `,
  },
];

describe("why what extends the API is as it is", { timeout: 60_000 }, () => {
  it.each(situations)("tells when $when", async (situation) => {
    expect(await told(situation)).toBe(lines(situation.says));
  });
});
