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

/** What plugins are made of. */
interface Making extends AdmissionChainOptions {
  readonly dependencies: {
    readonly reader: ObjectReader;
    readonly nowMs: () => number;
    readonly register?: (metric: Metric) => void;
  };
}

/** Answers undefined where there is nothing for the plugin to do. */
type MakePlugin = (making: Making) => AdmissionPlugin | undefined;

/** One of those that were handed in. */
const extension =
  (name: string): MakePlugin =>
  ({ extensions = [] }) =>
    extensions.find((plugin) => plugin.name === name);

/**
 * The plugins by name, in the order in which they run; mutating parts first, validating parts after validation. The order
 * is that of AllOrderedPlugins in pkg/kubeapiserver/options: whatever counts or webhooks see comes last.
 */
const plugins: Readonly<Record<string, MakePlugin>> = {
  NamespaceLifecycle: ({ dependencies }) => new NamespaceLifecycle(dependencies),
  LimitRanger: ({ dependencies }) => new LimitRanger(dependencies),
  ServiceAccount: (making) => new ServiceAccount(making),
  NodeRestriction: ({ reader, authorizer }) => new NodeRestriction({ reader, authorizer }),
  TaintNodesByCondition: () => new TaintNodesByCondition(),
  PodSecurity: ({ dependencies }) => new PodSecurity(dependencies),
  Priority: ({ dependencies }) => new Priority(dependencies),
  DefaultTolerationSeconds: () => new DefaultTolerationSeconds(),
  DefaultStorageClass: ({ dependencies }) => new DefaultStorageClass(dependencies),
  StorageObjectInUseProtection: () => new StorageObjectInUseProtection(),
  OwnerReferencesPermissionEnforcement: ({ authorizer, resourcesOfKind }) =>
    new OwnerReferencesPermissionEnforcement(authorizer, resourcesOfKind),
  PersistentVolumeClaimResize: ({ dependencies }) => new PersistentVolumeClaimResize(dependencies),
  RuntimeClass: ({ dependencies }) => new RuntimeClass(dependencies),
  CertificateApproval: ({ authorizer, reader }) => new CertificateApproval(authorizer, reader),
  CertificateSigning: ({ authorizer }) => new CertificateSigning(authorizer),
  ClusterTrustBundleAttest: ({ authorizer }) => new ClusterTrustBundleAttest(authorizer),
  CertificateSubjectRestriction: () => new CertificateSubjectRestriction(),
  DefaultIngressClass: ({ dependencies }) => new DefaultIngressClass(dependencies),
  RBACEscalation: ({ escalation }) => (escalation === undefined ? undefined : new RbacEscalation(escalation)),
  PodConnect: ({ authorizer }) => new PodConnect(authorizer),
  MutatingAdmissionPolicy: extension("MutatingAdmissionPolicy"),
  MutatingAdmissionWebhook: extension("MutatingAdmissionWebhook"),
  ValidatingAdmissionPolicy: extension("ValidatingAdmissionPolicy"),
  ValidatingAdmissionWebhook: extension("ValidatingAdmissionWebhook"),
  ResourceQuota: ({ dependencies, writeQuotaStatus }) =>
    new ResourceQuota({ ...dependencies, writeStatus: writeQuotaStatus }),
};

/** Of all plugins that there are, in the order in which they run. */
export const admissionPluginNames: readonly string[] = Object.keys(plugins);

/** Off unless asked for, as in kube-apiserver. */
const offByDefault = new Set(["OwnerReferencesPermissionEnforcement"]);

/** The plugins that are on, in the order in which they run. */
export function admissionChain(options: AdmissionChainOptions): AdmissionPlugin[] {
  const { reader, clock, register } = options;
  const nowMs = (): number => clock.now();
  const dependencies = { reader, nowMs, ...(register !== undefined && { register }) };
  return Object.entries(plugins).flatMap(([name, make]) => {
    const isOn =
      options.disable?.includes(name) !== true &&
      (!offByDefault.has(name) || options.enable?.includes(name) === true);
    return (isOn ? make({ ...options, dependencies }) : undefined) ?? [];
  });
}
