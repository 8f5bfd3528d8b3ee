import { formatGroupKind, parseApiVersion } from "../apimachinery/gvk.ts";
import { isBeingDeleted, type KubernetesObject } from "../apimachinery/object.ts";
import type { ResourceReference } from "../client/client.ts";
import { resources } from "../client/resources.ts";
import { whyAnything } from "./anything.ts";
import { whyAutoscaler, whyBudget } from "./autoscaler.ts";
import { whyClaim, whyVolume } from "./claim.ts";
import { whyDeleting } from "./deletion.ts";
import { whyApiService, whyDefinition, whyQuota, whyWebhooks } from "./extension.ts";
import { whyIngress } from "./ingress.ts";
import { whyCronJob, whyJob } from "./job.ts";
import type { Look, Question } from "./look.ts";
import { whyNamespace } from "./namespace.ts";
import { whyNode } from "./node.ts";
import { whyPod } from "./pod.ts";
import type { Reason } from "./reason.ts";
import { whyService } from "./service.ts";
import { whyDaemonSet, whyStatefulSet } from "./sets.ts";
import { whyDeployment, whyReplicaSet, whyReplicationController } from "./workload.ts";

/** Every kind that has a question of its own. */
const questions = new Map<string, Question>([
  on(resources.pods, whyPod),
  on(resources.deployments, whyDeployment),
  on(resources.replicasets, whyReplicaSet),
  on(resources.replicationcontrollers, whyReplicationController),
  on(resources.statefulsets, whyStatefulSet),
  on(resources.daemonsets, whyDaemonSet),
  on(resources.jobs, whyJob),
  on(resources.cronjobs, whyCronJob),
  on(resources.services, whyService),
  on(resources.ingresses, whyIngress),
  on(resources.persistentvolumeclaims, whyClaim),
  on(resources.persistentvolumes, whyVolume),
  on(resources.horizontalpodautoscalers, whyAutoscaler),
  on(resources.poddisruptionbudgets, whyBudget),
  on(resources.nodes, whyNode),
  on(resources.namespaces, whyNamespace),
  on(resources.resourcequotas, whyQuota),
  on(resources.apiservices, whyApiService),
  on(resources.customresourcedefinitions, whyDefinition),
  on(resources.validatingwebhookconfigurations, whyWebhooks),
  on(resources.mutatingwebhookconfigurations, whyWebhooks),
]);

/** Asks the question of the object's kind; what is being deleted is asked why it is still there. */
export async function ask(object: KubernetesObject, look: Look): Promise<Reason> {
  if (isBeingDeleted(object) && object.kind !== "Namespace") return await whyDeleting(object, look);
  const { group } = parseApiVersion(object.apiVersion);
  return await (questions.get(formatGroupKind({ group, kind: object.kind })) ?? whyAnything)(object, look);
}

function on<T extends KubernetesObject>(
  resource: ResourceReference<T>,
  question: (object: T, look: Look) => Reason | Promise<Reason>,
): [string, Question] {
  // The kind under which it is kept is what makes it a T.
  return [formatGroupKind(resource), async (object, look) => await question(object as T, look)];
}
