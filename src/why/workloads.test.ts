import { describe, expect, it } from "vitest";
import { resources } from "../client/resources.ts";
import { deployment, does, lines, type Situation, told } from "./testing/situation.ts";

const job = (spec: string, annotations = ""): string =>
  `{apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {${spec} template: {metadata: {annotations: {${annotations}}}, spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}`;
const cronJob = (spec: string, annotations = ""): string =>
  `{apiVersion: batch/v1, kind: CronJob, metadata: {name: nightly}, spec: {schedule: "*/5 * * * *", ${spec} jobTemplate: {spec: {template: {metadata: {annotations: {${annotations}}}, spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}}}`;
const statefulSet = (container = "image: mysql", annotations = "", more = ""): string =>
  `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 3, serviceName: db, selector: {matchLabels: {app: db}}, ${more} template: {metadata: {labels: {app: db}, annotations: {${annotations}}}, spec: {containers: [{name: db, ${container}}]}}}}`;
const daemonSet = (pod = ""): string =>
  `{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent}, spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {${pod} containers: [{name: agent, image: agent}]}}}}`;

const situations: readonly Situation[] = [
  {
    when: "an account is missing",
    manifests: deployment({ replicas: 3, pod: "serviceAccountName: robot" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 3 pods are available
      └─ replicaset/web-RS cannot make 3 pods: it is refused
         └─ serviceaccount/robot does not exist

      Next: make the ServiceAccount "robot", or correct serviceAccountName in the pod's template
        kubectl -n default create serviceaccount robot
    `,
  },
  {
    when: "the quota is used up",
    manifests: `{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {pods: "1"}}}\n---\n${deployment({ replicas: 3 })}`,
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 1 of 3 pods are available
      └─ replicaset/web-RS cannot make 2 pods: it is refused
         └─ resourcequota/small has no room for pods=1: it allows pods=1, and pods=1 is used already

      Next: remove what is not needed, ask for less, or raise the quota
        kubectl -n default describe resourcequota small
    `,
  },
  {
    when: "the quota wants requests",
    manifests: `{apiVersion: v1, kind: ResourceQuota, metadata: {name: small}, spec: {hard: {requests.cpu: "1"}}}\n---\n${deployment()}`,
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ resourcequota/small wants each container to state its requests.cpu

      Next: state resources in the pod's template, or make a LimitRange that fills them in
        kubectl -n default describe resourcequota small
    `,
  },
  {
    when: "the namespace allows only restricted pods",
    meanwhile: async (cluster) => {
      await (await cluster.resource("namespaces")).patch(
        "default",
        { metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } } },
        { type: "merge" },
      );
      await cluster.apply(deployment({ pod: "hostNetwork: true" }));
    },
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ namespace/default allows only pods of level "baseline": host namespaces (hostNetwork=true)

      Next: change the securityContext as it says, or let the namespace take such pods
        kubectl label namespace default --overwrite pod-security.kubernetes.io/enforce=privileged
    `,
  },
  {
    when: "a limit range is exceeded",
    manifests: `{apiVersion: v1, kind: LimitRange, metadata: {name: modest}, spec: {limits: [{type: Container, max: {cpu: 500m}}]}}\n---\n${deployment({ container: "image: nginx, resources: {limits: {cpu: 2}}" })}`,
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ limitrange/modest does not allow it: maximum cpu usage per Container is 500m, but limit is 2

      Next: ask for an amount within the range, or change the LimitRange
        kubectl -n default describe limitranges
    `,
  },
  {
    when: "a webhook cannot be asked",
    manifests: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: policy }
webhooks:
  - name: pods.policy.example.com
    clientConfig: { service: { name: policy, namespace: kube-system, path: / } }
    rules: [{ apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE] }]
    sideEffects: None
    admissionReviewVersions: [v1]
---
${deployment()}`,
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ validatingwebhookconfiguration/policy (webhook "pods.policy.example.com") cannot be asked: failed to call webhook: Post "https://policy.kube-system.svc:443/?timeout=10s": service "policy" not found
            └─ service/policy in kube-system does not exist

      Next: bring the webhook's server back; if it is gone for good, take its configuration away
        kubectl delete validatingwebhookconfiguration policy
    `,
  },
  {
    when: "a policy denies it",
    manifests: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: { name: known-images }
spec:
  matchConstraints: { resourceRules: [{ apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }] }
  validations: [{ expression: "object.spec.containers.all(c, c.image.startsWith('example.com/'))", message: "images come from example.com" }]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: { name: known-images }
spec: { policyName: known-images, validationActions: [Deny] }
`,
    meanwhile: async (cluster) => {
      await cluster.clock.advance("5s");
      await cluster.apply(deployment());
    },
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ validatingadmissionpolicy/known-images does not allow it: images come from example.com

      Next: do what it asks for, or change the policy
        kubectl get validatingadmissionpolicy known-images -o yaml
    `,
  },
  {
    when: "a priority class is missing",
    manifests: deployment({ pod: "priorityClassName: urgent" }),
    ask: "deployment/web",
    says: `
      deployment/web is not ready: 0 of 1 pod is available
      └─ replicaset/web-RS cannot make 1 pod: it is refused
         └─ priorityclass/urgent does not exist

      Next: correct priorityClassName in the pod's template, or make the class
        kubectl create priorityclass urgent --value=1000
    `,
  },
  {
    when: "it is paused",
    manifests: deployment({ spec: "paused: true" }),
    ask: "deployment/web",
    says: `
      deployment/web is paused: changes wait until it is resumed (0 of 1 pod is of the latest version)

      Next: let it go on
        kubectl -n default rollout resume deployment/web
    `,
  },
  {
    when: "it is scaled to nothing",
    manifests: deployment({ replicas: 0 }),
    ask: "deployment/web",
    says: `
      deployment/web is scaled to 0: it runs nothing, as it was told to
    `,
  },
  {
    when: "an update does not get on",
    manifests: deployment({ replicas: 2, spec: "progressDeadlineSeconds: 60" }),
    meanwhile: async (cluster) => {
      await cluster.clock.advance("1m");
      await cluster.apply(
        deployment({
          replicas: 2,
          spec: "progressDeadlineSeconds: 60",
          container: "image: example.com/missing:2",
        }),
      );
    },
    after: "3m",
    ask: "deployment/web",
    says: `
      deployment/web serves, but its update is not done: 2 of 2 pods are available; 1 is of the latest version; it made no progress for 60 s
      └─ pod/web-RS-POD cannot start container "web": its image example.com/missing:2 is not in its registry

      Next: name an image and a tag that exist
        kubectl -n default set image deployment/web web=IMAGE:TAG
      Or: go back to the version before, which still serves
        kubectl -n default rollout undo deployment/web
    `,
  },
  {
    when: "its controller does not run",
    options: { controllers: { except: ["deployment-controller"] } },
    manifests: deployment(),
    ask: "deployment/web",
    says: `
      deployment/web waits for the deployment controller, which does not seem to run: nobody has looked at the latest change

      Next: see whether the deployment controller runs
        kubectl -n kube-system get pods,leases
    `,
  },
  {
    when: "the first of a StatefulSet fails",
    manifests: statefulSet("image: mysql", does({ "run-duration": "1s", "exit-code": "1" })),
    ask: "sts/db",
    says: `
      statefulset/db is not ready: 0 of 3 pods are available
      └─ pod/db-0 (and 2 more like it) cannot keep container "db" running: its program ends with exit code 1 (restarted 3 times so far)

      Next: read what the program said last
        kubectl -n default logs db-0 -c db --previous
    `,
  },
  {
    when: "the claims of a StatefulSet have no class",
    manifests: statefulSet(
      "image: mysql",
      "",
      `volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}],`,
    ),
    ask: "sts/db",
    says: `
      statefulset/db is not ready: 0 of 3 pods are available; 2 more pods come after this one is ready
      └─ pod/db-0 was given no node: a volume that it asks for is not there
         └─ persistentvolumeclaim/data-db-0 gets no volume: its storage class does not exist
            └─ storageclass/fast does not exist

      Next: there is the class standard: make the claim anew with it (the class of a claim cannot be changed)
        kubectl -n default delete persistentvolumeclaim data-db-0
    `,
  },
  {
    when: "a StatefulSet is well",
    manifests: statefulSet(),
    ask: "sts/db",
    says: `
      statefulset/db is ready: 3 of 3 pods are available
    `,
  },
  {
    when: "a DaemonSet finds no node",
    manifests: daemonSet("nodeSelector: {role: edge},"),
    ask: "ds/agent",
    says: `
      daemonset/agent runs nowhere: no node has the label role=edge

      Next: give a node the label, or correct the nodeSelector
        kubectl label node node-1 role=edge
    `,
  },
  {
    when: "a DaemonSet is well",
    options: { nodes: 3 },
    manifests: daemonSet(),
    ask: "ds/agent",
    says: `
      daemonset/agent is ready: its pod runs on 3 of 3 nodes
    `,
  },
  {
    when: "a Job fails for good",
    manifests: job("backoffLimit: 1,", does({ "run-duration": "1s", "exit-code": "2" })),
    after: "5m",
    ask: "job/once",
    says: `
      job/once has failed: its pods failed more often than it allows (backoffLimit: 1)
      └─ pod/once-POD (and 1 more like it) has failed in container "main": its program ends with exit code 2

      Next: read what the program said last
        kubectl -n default logs once-POD -c main
      Or: mend the cause, then run it again: a Job that failed stays so
        kubectl -n default delete job once
    `,
  },
  {
    when: "a Job takes too long",
    manifests: job("activeDeadlineSeconds: 30,", does({ "run-duration": "1h" })),
    after: "5m",
    ask: "job/once",
    says: `
      job/once has failed: it was not done within 30 s (activeDeadlineSeconds)

      Next: mend the cause, then run it again: a Job that failed stays so
        kubectl -n default delete job once
    `,
  },
  {
    when: "a Job is suspended",
    manifests: job("suspend: true,"),
    ask: "job/once",
    says: `
      job/once is suspended: it starts nothing until it is resumed

      Next: let it run
        kubectl -n default patch job once -p '{"spec":{"suspend":false}}'
    `,
  },
  {
    when: "a Job works",
    manifests: job("", does({ "run-duration": "1h" })),
    ask: "job/once",
    says: `
      job/once is not done: 0 of 1 ended well, 1 runs

      It is under way: there is nothing to do.
    `,
  },
  {
    when: "a Job is done",
    manifests: job("", does({ "run-duration": "1s" })),
    ask: "job/once",
    says: `
      job/once is done: 1 pod ended well
    `,
  },
  {
    when: "a CronJob is suspended",
    manifests: cronJob("suspend: true,"),
    ask: "cronjob/nightly",
    says: `
      cronjob/nightly is suspended: it starts no more Jobs

      Next: let it go on
        kubectl -n default patch cronjob nightly -p '{"spec":{"suspend":false}}'
    `,
  },
  {
    when: "a CronJob's last Job failed",
    manifests: cronJob("", does({ "run-duration": "1s", "exit-code": "1" })).replace(
      "jobTemplate: {spec: {",
      "jobTemplate: {spec: {backoffLimit: 0, ",
    ),
    after: "6m",
    ask: "cronjob/nightly",
    says: `
      cronjob/nightly runs on schedule ("*/5 * * * *"), but its last Job is in trouble
      └─ job/nightly-29453765 has failed: its pods failed more often than it allows (backoffLimit: 0)
         └─ pod/nightly-RS-POD has failed in container "main": its program ends with exit code 1

      Next: read what the program said last
        kubectl -n default logs nightly-RS-POD -c main
      Or: mend the cause, then run it again: a Job that failed stays so
        kubectl -n default delete job nightly-29453765
    `,
  },
  {
    when: "a CronJob is well",
    manifests: cronJob("", does({ "run-duration": "1s" })),
    after: "6m",
    ask: "cronjob/nightly",
    says: `
      cronjob/nightly is well: it last started a Job 60s ago (schedule "*/5 * * * *")
    `,
  },
  {
    when: "no controller works on an autoscaler, as in clusters of Sampan",
    manifests: `${deployment()}{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}}`,
    ask: "hpa/web",
    says: `
      horizontalpodautoscaler/web does not scale: no controller of autoscalers has looked at it

      Next: scale by hand: Sampan has no such controller, and elsewhere the kube-controller-manager is to be looked at
        kubectl -n default scale deployment web --replicas=N
    `,
  },
  {
    when: "an autoscaler has no metrics",
    manifests: `${deployment()}{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}}`,
    meanwhile: (cluster) =>
      cluster.client
        .resource(resources.horizontalpodautoscalers)
        .patch(
          "web",
          { status: { conditions: [{ type: "ScalingActive", status: "False", message: "no metrics" }] } },
          { type: "merge", subresource: "status", namespace: "default" },
        ),
    ask: "hpa/web",
    says: `
      horizontalpodautoscaler/web does not scale: nobody measures the pods, since the cluster has no metrics API

      Next: install the metrics server
        kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml
    `,
  },
  {
    when: "an autoscaler has nothing to scale",
    manifests: `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web}, spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wbe}}}`,
    ask: "hpa/web",
    says: `
      horizontalpodautoscaler/web has nothing to scale
      └─ deployment/wbe does not exist

      Next: make it, or correct scaleTargetRef
        kubectl -n default edit hpa web
    `,
  },
  {
    when: "a budget allows no eviction",
    manifests: `${deployment()}{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}}`,
    ask: "pdb/web",
    says: `
      poddisruptionbudget/web lets no pod be evicted: 1 is healthy, and 1 must be

      Next: run more replicas, or let the budget allow one to be away: a drain waits for it as long as it takes
        kubectl -n default edit poddisruptionbudget web
    `,
  },
];

describe("why a workload is not ready", { timeout: 60_000 }, () => {
  it.each(situations)("tells when $when", async (situation) => {
    expect(await told(situation)).toBe(lines(situation.says));
  });
});
