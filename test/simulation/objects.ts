import type { ValidatingWebhookConfiguration } from "../../src/api/types/admissionregistration-v1.ts";
import type { CustomResourceDefinition } from "../../src/api/types/apiextensions-v1.ts";
import type { DaemonSet, Deployment, StatefulSet } from "../../src/api/types/apps-v1.ts";
import type { CronJob, Job, JobSpec } from "../../src/api/types/batch-v1.ts";
import type {
  ConfigMap,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  PodTemplateSpec,
  ResourceQuota,
  Service,
} from "../../src/api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../../src/api/types/policy-v1.ts";
import type { ObjectMeta } from "../../src/apimachinery/meta-v1.ts";
import type { UnstructuredObject } from "../../src/apimachinery/object.ts";
import type { ResourceReference } from "../../src/client/client.ts";
import type { Dice } from "./dice.ts";
import { holdFinalizer } from "./invariants.ts";

const script = (name: string): string => `simulated.sampan.dev/${name}`;

/** What a server's pods do: they come up after a while, and some take their time to go. */
function serverScript(dice: Dice): Record<string, string> {
  return {
    ...(dice.chance(0.4) && { [script("ready-after")]: `${dice.between(1, 8)}s` }),
    ...(dice.chance(0.2) && { [script("start-delay")]: `${dice.between(100, 3000)}ms` }),
    ...(dice.chance(0.3) && { [script("stop-duration")]: `${dice.between(1, 20)}s` }),
    ...(dice.chance(0.05) && { [script("ignore-stop")]: "true" }),
  };
}

function podSpec(dice: Dice, more: Partial<PodSpec> = {}): PodSpec {
  const name = "main";
  return {
    containers: [
      {
        name,
        image: `image:v${dice.between(1, 3)}`,
        ...(dice.chance(0.3) && {
          readinessProbe: { httpGet: { port: 80 }, periodSeconds: dice.between(1, 5) },
        }),
        ...(dice.chance(0.3) && {
          resources: { requests: { cpu: `${dice.between(1, 4) * 100}m`, memory: "64Mi" } },
        }),
      },
    ],
    ...(dice.chance(0.3) && { terminationGracePeriodSeconds: dice.between(1, 15) }),
    ...more,
  };
}

const template = (dice: Dice, app: string): PodTemplateSpec => ({
  metadata: { labels: { app }, annotations: serverScript(dice) },
  spec: podSpec(dice),
});
const selector = (app: string): { matchLabels: Record<string, string> } => ({ matchLabels: { app } });

/** Some objects of ours are held by a finalizer that somebody has to let go. */
const held = (dice: Dice): Pick<ObjectMeta, "finalizers"> =>
  dice.chance(0.15) ? { finalizers: [holdFinalizer] } : {};

export function deployment(dice: Dice, metadata: ObjectMeta): Deployment {
  const app = `d-${metadata.name ?? ""}`;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas: dice.between(0, 4),
      selector: selector(app),
      template: template(dice, app),
      ...(dice.chance(0.3) && { revisionHistoryLimit: dice.between(0, 2) }),
      ...(dice.chance(0.2) && { minReadySeconds: dice.between(1, 5) }),
      ...(dice.chance(0.3) && {
        strategy: dice.chance(0.4)
          ? { type: "Recreate" }
          : { rollingUpdate: { maxSurge: dice.between(1, 2), maxUnavailable: dice.between(0, 1) } },
      }),
    },
  };
}

export function statefulSet(dice: Dice, metadata: ObjectMeta): StatefulSet {
  const app = `s-${metadata.name ?? ""}`;
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata,
    spec: {
      replicas: dice.between(0, 3),
      serviceName: app,
      selector: selector(app),
      template: template(dice, app),
      ...(dice.chance(0.4) && { podManagementPolicy: "Parallel" }),
      ...(dice.chance(0.2) && { updateStrategy: { type: "OnDelete" } }),
      ...(dice.chance(0.4) && {
        volumeClaimTemplates: [{ ...claim({ name: "data" }), status: {} }],
      }),
      ...(dice.chance(0.4) && {
        persistentVolumeClaimRetentionPolicy: {
          whenDeleted: dice.pick(["Retain", "Delete"]),
          whenScaled: dice.pick(["Retain", "Delete"]),
        },
      }),
    },
  };
}

export function daemonSet(dice: Dice, metadata: ObjectMeta): DaemonSet {
  const app = `ds-${metadata.name ?? ""}`;
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata,
    spec: {
      selector: selector(app),
      template: template(dice, app),
      ...(dice.chance(0.2) && { updateStrategy: { type: "OnDelete" } }),
      ...(dice.chance(0.2) && { updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    },
  };
}

function jobSpec(dice: Dice): JobSpec {
  const isIndexed = dice.chance(0.3);
  return {
    completions: dice.between(1, 4),
    parallelism: dice.between(1, 3),
    backoffLimit: dice.between(0, 3),
    ...(isIndexed && { completionMode: "Indexed" }),
    ...(isIndexed && dice.chance(0.3) && { backoffLimitPerIndex: 1 }),
    ...(dice.chance(0.15) && { activeDeadlineSeconds: dice.between(5, 60) }),
    ...(dice.chance(0.15) && { ttlSecondsAfterFinished: dice.between(0, 60) }),
    ...(dice.chance(0.15) && { podReplacementPolicy: "Failed" }),
    template: {
      metadata: {
        labels: { app: "job" },
        annotations: {
          [script("run-duration")]: `${dice.between(1, 20)}s`,
          [script("exit-codes")]: dice.pick(["0", "0", "0", "1,0", "1,1,0", "1"]),
        },
      },
      spec: podSpec(dice, { restartPolicy: dice.pick(["Never", "OnFailure"]) }),
    },
  };
}

export const job = (dice: Dice, metadata: ObjectMeta): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata,
  spec: { ...jobSpec(dice), ...(dice.chance(0.1) && { suspend: true }) },
});

export const cronJob = (dice: Dice, metadata: ObjectMeta): CronJob => ({
  apiVersion: "batch/v1",
  kind: "CronJob",
  metadata,
  spec: {
    schedule: dice.pick(["* * * * *", "*/2 * * * *"]),
    concurrencyPolicy: dice.pick(["Allow", "Forbid", "Replace"]),
    jobTemplate: { spec: jobSpec(dice) },
    ...(dice.chance(0.3) && { successfulJobsHistoryLimit: dice.between(0, 2) }),
  },
});

export const service = (dice: Dice, metadata: ObjectMeta, app: string): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata,
  spec: {
    selector: { app },
    ports: [{ port: 80, ...(dice.chance(0.2) && { targetPort: 8080 }) }],
    ...dice.pick<Partial<NonNullable<Service["spec"]>>>([
      {},
      {},
      { type: "NodePort" },
      { clusterIP: "None" },
      { clusterIP: `10.96.7.${dice.between(1, 3)}` },
      { type: "NodePort", ports: [{ port: 80, nodePort: 30_000 + dice.between(1, 3) }] },
    ]),
  },
});

export const configMap = (dice: Dice, metadata: ObjectMeta): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { ...held(dice), labels: { tier: dice.pick(["one", "two"]) }, ...metadata },
  data: { [dice.pick(["a", "b", "c"])]: String(dice.between(1, 1000)) },
});

export const claim = (metadata: ObjectMeta): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata,
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
});

export const pod = (dice: Dice, metadata: ObjectMeta, claimName: string | undefined): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    ...held(dice),
    labels: { app: dice.pick(["d-a", "s-a", "lone"]) },
    annotations: serverScript(dice),
    ...metadata,
  },
  spec: podSpec(dice, {
    ...(claimName !== undefined && {
      volumes: [{ name: "data", persistentVolumeClaim: { claimName } }],
    }),
  }),
});

export const budget = (dice: Dice, metadata: ObjectMeta, app: string): PodDisruptionBudget => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata,
  spec: {
    selector: selector(app),
    ...(dice.chance(0.5)
      ? { minAvailable: dice.pick([1, 2, "50%"]) }
      : { maxUnavailable: dice.pick([0, 1, "50%"]) }),
  },
});

export const quota = (dice: Dice, metadata: ObjectMeta): ResourceQuota => ({
  apiVersion: "v1",
  kind: "ResourceQuota",
  metadata,
  spec: {
    hard: {
      pods: String(dice.between(3, 8)),
      "count/configmaps": String(dice.between(2, 5)),
      services: String(dice.between(1, 3)),
    },
  },
});

const group = "simulation.sampan.dev";

export const things: ResourceReference<UnstructuredObject> = {
  group,
  version: "v1",
  resource: "things",
  kind: "Thing",
  namespaced: true,
};

export const thingDefinition = (): CustomResourceDefinition => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `things.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural: "things", singular: "thing", kind: "Thing", listKind: "ThingList" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer", default: 1 } } },
              status: { type: "object", properties: { seen: { type: "integer" } } },
            },
          },
        },
      },
    ],
  },
});

export const thing = (dice: Dice, metadata: ObjectMeta): UnstructuredObject => ({
  apiVersion: `${group}/v1`,
  kind: "Thing",
  metadata: { ...held(dice), ...metadata },
  spec: dice.chance(0.5) ? {} : { size: dice.between(1, 9) },
});

/** The webhook that is asked in bad weather. Nobody is behind it: each of its calls is made to fail. */
export const webhookName = "judge.simulation.sampan.dev";
export const webhookConfiguration = "judge";

export const webhook = (dice: Dice): ValidatingWebhookConfiguration => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: webhookConfiguration },
  webhooks: [
    {
      name: webhookName,
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      timeoutSeconds: dice.between(1, 10),
      failurePolicy: dice.pick(["Fail", "Ignore"]),
      clientConfig: { url: "https://judge.simulation.sampan.dev/" },
      rules: [
        {
          operations: dice.pick([["CREATE"], ["CREATE", "UPDATE"], ["DELETE"], ["*"]]),
          ...dice.pick([
            { apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] },
            { apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps", "persistentvolumeclaims"] },
            { apiGroups: ["apps", "batch"], apiVersions: ["*"], resources: ["*"] },
            { apiGroups: [group], apiVersions: ["v1"], resources: ["things"] },
          ]),
        },
      ],
    },
  ],
});
