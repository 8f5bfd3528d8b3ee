import type { ReplicaSet, StatefulSet } from "../api/types/apps-v1.ts";
import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ReplicationController,
  Service,
} from "../api/types/core-v1.ts";
import type { PodDisruptionBudget } from "../api/types/policy-v1.ts";
import type { StorageClass } from "../api/types/storage-v1.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { resources } from "../client/resources.ts";

/** Everything that the scheduler watches. */
export interface SchedulerInformers {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly namespaces: Informer<Namespace>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly storageClasses: Informer<StorageClass>;
  readonly services: Informer<Service>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly replicationControllers: Informer<ReplicationController>;
  readonly budgets: Informer<PodDisruptionBudget>;
}

export function schedulerInformers(factory: InformerFactory): SchedulerInformers {
  return {
    pods: factory.informer(resources.pods),
    nodes: factory.informer(resources.nodes),
    namespaces: factory.informer(resources.namespaces),
    claims: factory.informer(resources.persistentvolumeclaims),
    volumes: factory.informer(resources.persistentvolumes),
    storageClasses: factory.informer(resources.storageclasses),
    services: factory.informer(resources.services),
    replicaSets: factory.informer(resources.replicasets),
    statefulSets: factory.informer(resources.statefulsets),
    replicationControllers: factory.informer(resources.replicationcontrollers),
    budgets: factory.informer(resources.poddisruptionbudgets),
  };
}
