import { describe, expect, it } from "vitest";
import { deployment, does, lines, type Situation, told } from "./testing/situation.ts";

const situations: readonly Situation[] = [
  {
    when: "all is well",
    manifests: deployment({ replicas: 3 }),
    ask: "deployment/web",
    says: `
      deployment/web is ready: 3 of 3 pods are available
    `,
  },
  {
    when: "a pod is well",
    manifests: `{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: main, image: nginx}]}}`,
    ask: "pod/one",
    says: `
      pod/one is ready: 1 container runs
    `,
  },
  {
    when: "the image is not in its registry",
    manifests: deployment({ replicas: 3, container: "image: example.com/missing:1" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 3 pods are available
      └─ pod/web-RS-POD (and 2 more like it) cannot start container "web": its image example.com/missing:1 is not in its registry

      Next: name an image and a tag that exist
        kubectl -n default set image deployment/web web=IMAGE:TAG
    `,
  },
  {
    when: "the image's name is no name",
    manifests: deployment({ container: "image: 'Nginx:1:2'" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot start container "web": its image Nginx:1:2 has no valid name

      Next: correct the image's name
        kubectl -n default set image deployment/web web=IMAGE:TAG
    `,
  },
  {
    when: "an image is not there and never pulled",
    manifests: deployment({ container: "image: nginx, imagePullPolicy: Never" }),
    ask: "deploy/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot start container "web": its image nginx is not on the node, and imagePullPolicy is Never

      Next: bring the image to the node, or let it be pulled (imagePullPolicy: IfNotPresent)
        sampan image import FILE
    `,
  },
  {
    when: "a ConfigMap of the environment is missing",
    manifests: deployment({ container: "image: nginx, envFrom: [{configMapRef: {name: settings}}]" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot start container "web"
         └─ configmap/settings does not exist

      Next: make the ConfigMap "settings", or correct the name where it is used
        kubectl -n default create configmap settings --from-literal=KEY=VALUE
    `,
  },
  {
    when: "a key of a ConfigMap is missing",
    manifests: `{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {size: large}}\n---\n${deployment({ container: "image: nginx, env: [{name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}]" })}`,
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot start container "web"
         └─ configmap/settings has no key "color"

      Next: add the key "color" to the ConfigMap "settings", or correct it where it is used
        kubectl -n default patch configmap settings -p '{"data":{"color":"VALUE"}}'
    `,
  },
  {
    when: "a Secret of a volume is missing",
    manifests: deployment({
      container: "image: nginx, volumeMounts: [{name: keys, mountPath: /keys}]",
      pod: "volumes: [{name: keys, secret: {secretName: keys}}]",
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot start: volume "keys" cannot be filled
         └─ secret/keys does not exist

      Next: make the Secret "keys", or correct the name where it is used
        kubectl -n default create secret generic keys --from-literal=KEY=VALUE
    `,
  },
  {
    when: "the program fails again and again",
    manifests: deployment({ annotations: does({ "run-duration": "1s", "exit-code": "3" }) }),
    after: "5m",
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: its program ends with exit code 3 (restarted 5 times so far)

      Next: read what the program said last
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "the command does not exist",
    manifests: deployment({ annotations: does({ "run-duration": "0s", "exit-code": "127" }) }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: its program ends with exit code 127 (the command was not found) (restarted 3 times so far)

      Next: read what the program said last
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "the program ends by itself",
    manifests: deployment({ annotations: does({ "run-duration": "1s", "exit-code": "0" }) }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: its program ends by itself, without an error (restarted 3 times so far)

      Next: give it a program that goes on; what is to be done once belongs into a Job
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "the program uses too much memory",
    manifests: deployment({
      container: "image: nginx, resources: {limits: {memory: 64Mi}}",
      annotations: does({ "oom-after": "2s" }),
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: it was killed for using more memory than its limit of 64Mi (restarted 3 times so far)

      Next: raise the container's memory limit, or find what the program uses it for
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "the readiness probe fails",
    manifests: deployment({
      container: "image: nginx, readinessProbe: {httpGet: {path: /healthz, port: 80}}",
      annotations: does({ ready: "false" }),
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD is not ready: container "web" runs for 60s, but its readiness probe fails: HTTP probe failed with statuscode: 503

      Next: see why the program does not answer; or correct the probe (path, port, time)
        kubectl -n default logs web-RS-POD -c web
    `,
  },
  {
    when: "the liveness probe fails",
    manifests: deployment({
      container: "image: nginx, livenessProbe: {httpGet: {path: /healthz, port: 80}, periodSeconds: 2}",
      annotations: does({ "unhealthy-after": "5s" }),
    }),
    after: "3m",
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: its liveness probe fails: HTTP probe failed with statuscode: 503, so it is killed (restarted 4 times so far)

      Next: see what the program did before it was killed; or give the probe more time
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "a pod needs its time to become ready",
    manifests: deployment({
      container: "image: nginx, readinessProbe: {httpGet: {path: /, port: 80}, initialDelaySeconds: 60}",
      annotations: does({ "ready-after": "60s" }),
    }),
    after: "20s",
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD is on its way: container "web" runs for 20s, and its readiness probe has not succeeded yet

      It is under way: there is nothing to do.
    `,
  },
  {
    when: "an init container fails",
    manifests: deployment({
      pod: "initContainers: [{name: migrate, image: migrate}]",
      annotations: does({ "run-duration.migrate": "1s", "exit-code.migrate": "1" }),
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot get past init container "migrate": its program ends with exit code 1 (restarted 3 times so far)

      Next: read what the program said last
        kubectl -n default logs web-RS-POD -c migrate --previous
    `,
  },
  {
    when: "an init container takes its time",
    manifests: deployment({
      pod: "initContainers: [{name: migrate, image: migrate}]",
      annotations: does({ "run-duration.migrate": "5m", "exit-code.migrate": "0" }),
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD is on its way: init container "migrate" runs for 60s

      It is under way: there is nothing to do.
    `,
  },
  {
    when: "starting fails",
    manifests: deployment({
      annotations: does({ "start-error": 'exec: "/run.sh": no such file or directory' }),
    }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD cannot keep container "web" running: its program ends with exit code 128, saying: exec: "/run.sh": no such file or directory (restarted 3 times so far)

      Next: read what the program said last
        kubectl -n default logs web-RS-POD -c web --previous
    `,
  },
  {
    when: "a readiness gate is shut",
    manifests: deployment({ pod: "readinessGates: [{conditionType: example.com/served}]" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD runs, but 1 readiness gate is shut: example.com/served

      Next: find who is to set the condition on the pod (a load balancer's or a mesh's controller), and why it does not
        kubectl -n default get pod web-RS-POD -o yaml
    `,
  },
  {
    when: "a pod is shut out by a gate",
    manifests: `{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {schedulingGates: [{name: example.com/budget}], containers: [{name: main, image: nginx}]}}`,
    ask: "pod/one",
    says: `
      pod/one is held back by 1 scheduling gate: example.com/budget

      Next: whoever set the gates takes them away when it is time; to do it by hand
        kubectl -n default patch pod one --type json -p '[{"op":"remove","path":"/spec/schedulingGates"}]'
    `,
  },
  {
    when: "there are no nodes",
    options: { nodes: 0 },
    manifests: deployment(),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: the cluster has none

      Next: add a node to the cluster
        kubectl get nodes
    `,
  },
  {
    when: "too much is asked for",
    options: { nodes: 3 },
    manifests: deployment({ container: "image: nginx, resources: {requests: {cpu: 640}}" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: not enough cpu is free (3 nodes)

      Next: ask for less (the pod asks for 640 cpu; the largest node has 8), or add a node
        kubectl -n default set resources deployment/web --requests=cpu=AMOUNT
    `,
  },
  {
    when: "no node has the label",
    options: { nodes: 2 },
    manifests: deployment({ pod: "nodeSelector: {disk: ssd}" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: the node lacks the labels that the pod asks for (2 nodes)

      Next: no node has the label disk=ssd: give it to one (there are node-1, node-2), or correct the pod's nodeSelector
        kubectl label node node-1 disk=ssd
    `,
  },
  {
    when: "nodes are tainted and cordoned",
    options: { nodes: 2 },
    meanwhile: async (cluster) => {
      const nodes = await cluster.resource("nodes");
      await nodes.patch(
        "node-1",
        { spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] } },
        { type: "merge" },
      );
      await nodes.patch("node-2", { spec: { unschedulable: true } }, { type: "merge" });
      await cluster.clock.settle();
      await cluster.apply(deployment());
    },
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: the node has a taint that the pod does not tolerate (1 node); the node is cordoned (1 node)

      Next: tolerate the taint in the pod's template, or take it from the node
        kubectl taint nodes node-1 gpu-
    `,
  },
  {
    when: "another scheduler is named",
    manifests: deployment({ pod: "schedulerName: volcano" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD waits for the scheduler "volcano", which does not seem to run

      Next: start "volcano", or take schedulerName out of the pod's template
    `,
  },
  {
    when: "no scheduler runs",
    options: { scheduler: false },
    manifests: deployment(),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD was given no node: no scheduler has looked at it

      Next: see whether the scheduler runs
        kubectl -n kube-system get pods,leases
    `,
  },
  {
    when: "the node has died",
    options: { nodes: 1 },
    manifests: deployment(),
    meanwhile: async (cluster) => {
      await cluster.clock.advance("10s");
      await cluster.nodes.crash("node-1");
    },
    after: "2m",
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ pod/web-RS-POD is not ready: node-1 is not
         └─ node/node-1 has given no sign of life for 2m: its agent does not run, or cannot reach the API server

      Next: see whether the machine runs and its agent with it; pods on it are replaced elsewhere after five minutes
        kubectl describe node node-1
    `,
  },
  {
    when: "a pod on a dead node is to go",
    options: { nodes: 1 },
    manifests: `{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: main, image: nginx}]}}`,
    meanwhile: async (cluster) => {
      await cluster.clock.advance("10s");
      await cluster.nodes.crash("node-1");
      await cluster.clock.advance("1m");
      await cluster.delete("pod", "one");
    },
    after: "5m",
    ask: "pod/one",
    says: `
      pod/one was to be gone 4m30s ago: its node cannot tell whether it has ended
      └─ node/node-1 has given no sign of life for 6m: its agent does not run, or cannot reach the API server

      Next: see whether the machine runs and its agent with it; pods on it are replaced elsewhere after five minutes
        kubectl describe node node-1
      Or: when you are sure that it does not run any more, forget it
        kubectl -n default delete pod one --force --grace-period=0
    `,
  },
];

describe("why a pod is not ready", { timeout: 60_000 }, () => {
  it.each(situations)("tells when $when", async (situation) => {
    expect(await told(situation)).toBe(lines(situation.says));
  });
});
