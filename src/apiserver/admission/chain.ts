import type { Clock } from "../../apimachinery/clock.ts";
import type { Metric } from "../../apimachinery/metrics.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { EscalationGuard } from "../authorization/escalation.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { AdmissionPlugin } from "./admission.ts";
import {
  CertificateApproval,
  CertificateSigning,
  CertificateSubjectRestriction,
  ClusterTrustBundleAttest,
} from "./certificates.ts";
import { DefaultIngressClass, DefaultStorageClass } from "./default-classes.ts";
import { DefaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { LimitRanger } from "./limit-ranger.ts";
import { NamespaceLifecycle } from "./namespace-lifecycle.ts";
import { NodeRestriction } from "./node-restriction.ts";
import { type KindMapper, OwnerReferencesPermissionEnforcement } from "./owner-references.ts";
import { PersistentVolumeClaimResize } from "./persistent-volume-claim-resize.ts";
import { PodConnect } from "./pod-connect.ts";
import { PodSecurity } from "./pod-security.ts";
import { Priority } from "./priority.ts";
import { RbacEscalation } from "./rbac-escalation.ts";
import { type QuotaStatusWriter, ResourceQuota } from "./resource-quota.ts";
import { RuntimeClass } from "./runtime-class.ts";
import { ServiceAccount } from "./service-account.ts";
import { StorageObjectInUseProtection } from "./storage-object-in-use-protection.ts";
import { TaintNodesByCondition } from "./taint-nodes-by-condition.ts";

export interface AdmissionChainOptions {
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
  readonly authorizer: Authorizer;
  /** Absent where there is no RBAC: then nobody can escalate either. */
  readonly escalation?: EscalationGuard | undefined;
  readonly writeQuotaStatus: QuotaStatusWriter;
  readonly resourcesOfKind: KindMapper;
  /** Takes what plugins measure. */
  readonly register?: (metric: Metric) => void;
  /** Names of plugins to add to those that are on by default, and of those to leave out. */
  readonly enable?: readonly string[] | undefined;
  readonly disable?: readonly string[] | undefined;
  /** Webhooks and policies: they see what the plugins before them have made of the object. */
  readonly extensions?: readonly AdmissionPlugin[] | undefined;
}

/** Off unless asked for, as in kube-apiserver. */
const offByDefault = new Set(["OwnerReferencesPermissionEnforcement"]);

/**
 * The plugins in the order in which they run; mutating parts first, validating parts after validation. The order is
 * that of AllOrderedPlugins in pkg/kubeapiserver/options: whatever counts or webhooks see comes last.
 */
export function admissionChain(options: AdmissionChainOptions): AdmissionPlugin[] {
  const { reader, clock, authorizer, escalation, register } = options;
  const nowMs = (): number => clock.now();
  const dependencies = { reader, nowMs, ...(register !== undefined && { register }) };
  const all: AdmissionPlugin[] = [
    new NamespaceLifecycle(dependencies),
    new LimitRanger(dependencies),
    new ServiceAccount(options),
    new NodeRestriction({ reader, authorizer }),
    new TaintNodesByCondition(),
    new PodSecurity(dependencies),
    new Priority(dependencies),
    new DefaultTolerationSeconds(),
    new DefaultStorageClass(dependencies),
    new StorageObjectInUseProtection(),
    new OwnerReferencesPermissionEnforcement(authorizer, options.resourcesOfKind),
    new PersistentVolumeClaimResize(dependencies),
    new RuntimeClass(dependencies),
    new CertificateApproval(authorizer, reader),
    new CertificateSigning(authorizer),
    new ClusterTrustBundleAttest(authorizer),
    new CertificateSubjectRestriction(),
    new DefaultIngressClass(dependencies),
    ...(escalation === undefined ? [] : [new RbacEscalation(escalation)]),
    new PodConnect(authorizer),
    ...(options.extensions ?? []),
    new ResourceQuota({ ...dependencies, writeStatus: options.writeQuotaStatus }),
  ];
  return all.filter(
    ({ name }) =>
      options.disable?.includes(name) !== true &&
      (!offByDefault.has(name) || options.enable?.includes(name) === true),
  );
}
