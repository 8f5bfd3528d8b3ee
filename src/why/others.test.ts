import { describe, expect, it } from "vitest";
import { cats, deployment, lines, type Situation, told } from "./testing/situation.ts";

const service = (spec: string, name = "web"): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {${spec}}}\n---\n`;
const claim = (spec: string): string =>
  `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {${spec} accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}\n---\n`;

const situations: readonly Situation[] = [
  {
    when: "a Service is well",
    manifests: deployment({ replicas: 2 }) + service("selector: {app: web}, ports: [{port: 80}]"),
    ask: "service/web",
    says: `
      service/web is ready: it leads to 2 pods
    `,
  },
  {
    when: "a Service's selector is mistyped",
    manifests: deployment() + service("selector: {app: wbe}, ports: [{port: 80}]"),
    ask: "service/web",
    says: `
      service/web leads nowhere: no pod has the label app=wbe

      Next: there are pods with app=web: correct the selector, or the pods' labels
        kubectl -n default set selector service web 'app=web'
    `,
  },
  {
    when: "a Service's pods are elsewhere",
    meanwhile: async (cluster) => {
      await cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
      await cluster.clock.settle();
      await cluster.apply(deployment(), { namespace: "shop" });
      await cluster.apply(service("selector: {app: web}, ports: [{port: 80}]"));
    },
    ask: "service/web",
    says: `
      service/web leads nowhere: no pod has the label app=web

      Next: such pods are in namespace "shop", and a Service leads to pods of its own namespace only
        kubectl -n shop get pods -l app=web
    `,
  },
  {
    when: "a Service's pods are not ready",
    manifests:
      deployment({ container: "image: example.com/missing:1" }) +
      service("selector: {app: web}, ports: [{port: 80}]"),
    ask: "service/web",
    says: `
      service/web leads nowhere: its pod is not ready
      └─ pod/web-RS-POD cannot start container "web": its image example.com/missing:1 is not in its registry

      Next: name an image and a tag that exist
        kubectl -n default set image deployment/web web=IMAGE:TAG
    `,
  },
  {
    when: "a Service's port has a name that no container has",
    manifests:
      deployment({ container: "image: nginx, ports: [{name: http, containerPort: 80}]" }) +
      service("selector: {app: web}, ports: [{port: 80, targetPort: htpp}]"),
    ask: "service/web",
    says: `
      service/web leads nowhere: its targetPort "htpp" is not the name of a port of its pods (named are http)

      Next: correct the targetPort, or name the container's port so
        kubectl -n default edit service web
    `,
  },
  {
    when: "a Service sends to an undeclared port",
    manifests:
      deployment({ container: "image: nginx, ports: [{containerPort: 8080}]" }) +
      service("selector: {app: web}, ports: [{port: 80}]"),
    ask: "service/web",
    says: `
      service/web is ready: it leads to 1 pod; but it sends to port 80, and its pods declare 8080: if connections fail, that is why
    `,
  },
  {
    when: "a Service is the cluster's own",
    ask: "service/kube-dns",
    namespace: "kube-system",
    says: `
      service/kube-dns is a part of the cluster itself, which answers at its address
    `,
  },
  {
    when: "a Service selects nothing",
    manifests: service("ports: [{port: 80}]"),
    ask: "service/web",
    says: `
      service/web leads nowhere: it has no selector, and nobody has given it endpoints

      Next: give it a selector that matches the labels of your pods (or make an EndpointSlice)
        kubectl -n default set selector service web app=NAME
    `,
  },
  {
    when: "an Ingress leads to a Service that is missing",
    manifests: `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: front}, spec: {rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`,
    ask: "ingress/front",
    says: `
      ingress/front leads nowhere, at least in part
      └─ service/web does not exist

      Next: make the Service "web", or correct its name in the Ingress
        kubectl -n default get services
    `,
  },
  {
    when: "nobody carries out an Ingress",
    manifests: `${deployment()}${service("selector: {app: web}, ports: [{port: 80}]")}{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: front}, spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}}`,
    ask: "ingress/front",
    says: `
      ingress/front is rules that nobody carries out: the cluster has no ingress controller

      Next: install an ingress controller, and name its class
        kubectl get ingressclasses
    `,
  },
  {
    when: "a claim's class is missing",
    manifests: claim("storageClassName: fast,"),
    ask: "pvc/data",
    says: `
      persistentvolumeclaim/data gets no volume: its storage class does not exist
      └─ storageclass/fast does not exist

      Next: there is the class standard: make the claim anew with it (the class of a claim cannot be changed)
        kubectl -n default delete persistentvolumeclaim data
    `,
  },
  {
    when: "a claim waits for a pod",
    manifests: claim(""),
    ask: "pvc/data",
    says: `
      persistentvolumeclaim/data waits until a pod uses it: then its volume is made where the pod runs

      It is under way: there is nothing to do.
    `,
  },
  {
    when: "a claim finds no volume",
    manifests: claim('storageClassName: "",'),
    ask: "pvc/data",
    says: `
      persistentvolumeclaim/data finds no volume that fits, and nobody makes one for it

      Next: make a PersistentVolume that is large enough and has its access modes
        kubectl get persistentvolumes
    `,
  },
  {
    when: "a pod's claim is missing",
    manifests: deployment({
      container: "image: nginx, volumeMounts: [{name: data, mountPath: /data}]",
      pod: "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: a volume that it asks for is not there
         └─ persistentvolumeclaim/data does not exist

      Next: make the PersistentVolumeClaim "data", or correct its name in the pod's volumes
        kubectl -n default get persistentvolumeclaims
    `,
  },
  {
    when: "a pod's claim has no volume",
    manifests:
      claim("storageClassName: fast,") +
      deployment({
        container: "image: nginx, volumeMounts: [{name: data, mountPath: /data}]",
        pod: "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
      }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: a volume that it asks for is not there
         └─ persistentvolumeclaim/data gets no volume: its storage class does not exist
            └─ storageclass/fast does not exist

      Next: there is the class standard: make the claim anew with it (the class of a claim cannot be changed)
        kubectl -n default delete persistentvolumeclaim data
    `,
  },
  {
    when: "a claim that is used was deleted",
    manifests:
      claim("") +
      deployment({
        container: "image: nginx, volumeMounts: [{name: data, mountPath: /data}]",
        pod: "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
      }),
    meanwhile: async (cluster) => {
      await cluster.clock.advance("10s");
      await cluster.delete("pvc", "data");
    },
    ask: "pvc/data",
    says: `
      persistentvolumeclaim/data is being deleted for 60s, held by the finalizer kubernetes.io/pvc-protection
      └─ persistentvolumeclaim/data is still used by the pod web-RS-POD

      Next: delete what uses it (the workload, if the pod belongs to one)
        kubectl -n default delete pod web-RS-POD
    `,
  },
  {
    when: "a namespace does not go",
    options: {},
    manifests: `${cats()}{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n{apiVersion: example.com/v1, kind: Cat, metadata: {name: tom, namespace: shop, finalizers: [cats.example.com/cleanup]}}`,
    meanwhile: async (cluster) => await cluster.delete("namespace", "shop"),
    ask: "namespace/shop",
    says: `
      namespace/shop is being deleted for 60s: one object is left in it
      └─ cat/tom in shop is being deleted for 60s, held by the finalizer cats.example.com/cleanup
         └─ cat/tom in shop waits for "sampan", which set "cats.example.com/cleanup", to clean up and take it away

      Next: see whether "sampan" runs and what it logs; if it is gone for good, take the finalizer away yourself (nothing is cleaned up then)
        kubectl -n shop patch cats.example.com tom --type json -p '[{"op":"remove","path":"/metadata/finalizers/0"}]'
    `,
  },
  {
    when: "an API server is away while a namespace is to go",
    manifests: `{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1.flowers.example.com}, spec: {group: flowers.example.com, version: v1, groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: flowers, namespace: kube-system}}}`,
    meanwhile: async (cluster) => {
      await cluster.clock.advance("10s");
      await cluster.delete("namespace", "shop");
    },
    ask: "namespace/shop",
    says: `
      namespace/shop is being deleted for 60s: an API server that may have objects in it cannot be asked
      └─ apiservice/v1.flowers.example.com is not available: nobody serves flowers.example.com/v1
         └─ service/flowers in kube-system does not exist

      Next: bring its server back; if it is gone for good, take its APIService away
        kubectl delete apiservice v1.flowers.example.com
    `,
  },
  {
    when: "a node gives no sign of life",
    meanwhile: async (cluster) => {
      cluster.nodes.partition("node-1");
    },
    after: "3m",
    ask: "node/node-1",
    says: `
      node/node-1 has given no sign of life for 3m: its agent does not run, or cannot reach the API server

      Next: see whether the machine runs and its agent with it; pods on it are replaced elsewhere after five minutes
        kubectl describe node node-1
    `,
  },
  {
    when: "a node is cordoned",
    meanwhile: async (cluster) =>
      await (await cluster.resource("nodes")).patch(
        "node-1",
        { spec: { unschedulable: true } },
        { type: "merge" },
      ),
    ask: "node/node-1",
    says: `
      node/node-1 is ready, but cordoned: it takes no new pods

      Next: let it take pods again
        kubectl uncordon node-1
    `,
  },
  {
    when: "a name is mistyped",
    manifests: deployment(),
    ask: "deployment/wbe",
    says: `
      deployment/wbe does not exist

      Next: there is web
        sampan why deployment/web -n default
    `,
  },
  {
    when: "a thing is in another namespace",
    meanwhile: async (cluster) => {
      await cluster.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
      await cluster.clock.settle();
      await cluster.apply(deployment(), { namespace: "shop" });
    },
    ask: "deployment/web",
    says: `
      deployment/web does not exist in namespace "default", but in shop

      Next: look there
        sampan why deployment/web -n shop
    `,
  },
  {
    when: "a namespace does not exist",
    ask: "deployment/web",
    namespace: "shop",
    says: `
      deployment/web does not exist: there is no namespace "shop"

      Next: name a namespace that exists
        kubectl get namespaces
    `,
  },
  {
    when: "there is nothing to be ready",
    manifests: "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}}",
    ask: "configmap/settings",
    says: `
      configmap/settings is there, and nothing is known to be wrong with it
    `,
  },
];

describe("why a thing is as it is", { timeout: 60_000 }, () => {
  it.each(situations)("tells when $when", async (situation) => {
    expect(await told(situation)).toBe(lines(situation.says));
  });
});
