import type { PolicyRule } from "../../api/types/rbac-v1.ts";
import { events, read, rule } from "./policy-notation.ts";

const batch = "batch";
const storage = "storage.k8s.io";
const networking = "networking.k8s.io";
const resource = "resource.k8s.io";
const certificates = "certificates.k8s.io";

/** What each controller may do, by the name of its service account in kube-system. */
export function controllerRoles(): Readonly<Record<string, PolicyRule[]>> {
  return { ...workloadControllers(), ...nodeAndVolumeControllers(), ...clusterControllers() };
}

function workloadControllers(): Record<string, PolicyRule[]> {
  return {
    "cronjob-controller": [
      rule("get list watch update", batch, "cronjobs"),
      rule("get list watch create update delete patch", batch, "jobs"),
      rule("update", batch, "cronjobs/status"),
      rule("update", batch, "cronjobs/finalizers"),
      rule("list watch delete", "", "pods"),
      events(),
    ],
    "daemon-set-controller": [
      rule(read, "extensions apps", "daemonsets"),
      rule("update", "extensions apps", "daemonsets/status"),
      rule("update", "extensions apps", "daemonsets/finalizers"),
      rule("list watch", "", "nodes"),
      rule("list watch create delete patch", "", "pods"),
      rule("create", "", "pods/binding"),
      rule("get list watch create delete update patch", "apps", "controllerrevisions"),
      events(),
    ],
    "deployment-controller": [
      rule("get list watch update", "extensions apps", "deployments"),
      rule("update", "extensions apps", "deployments/status"),
      rule("update", "extensions apps", "deployments/finalizers"),
      rule("get list watch create update patch delete", "extensions apps", "replicasets"),
      rule("get list watch update", "", "pods"),
      events(),
    ],
    "disruption-controller": [
      rule(read, "extensions apps", "deployments"),
      rule(read, "extensions apps", "replicasets"),
      rule(read, "", "replicationcontrollers"),
      rule(read, "policy", "poddisruptionbudgets"),
      rule(read, "apps", "statefulsets"),
      rule("update", "policy", "poddisruptionbudgets/status"),
      rule("patch update", "", "pods/status"),
      rule("get", "*", "*/scale"),
      events(),
    ],
    "horizontal-pod-autoscaler": [
      rule(read, "autoscaling", "horizontalpodautoscalers"),
      rule("update", "autoscaling", "horizontalpodautoscalers/status"),
      rule("get update", "*", "*/scale"),
      rule("list watch", "", "pods"),
      rule("list watch", "metrics.k8s.io", "pods"),
      rule(read, "custom.metrics.k8s.io", "*"),
      rule(read, "external.metrics.k8s.io", "*"),
      events(),
    ],
    "job-controller": [
      rule("get list watch update patch", batch, "jobs"),
      rule("update", batch, "jobs/status"),
      rule("update", batch, "jobs/finalizers"),
      rule("list watch create delete patch", "", "pods"),
      events(),
    ],
    "replicaset-controller": [
      rule("get list watch update", "extensions apps", "replicasets"),
      rule("update", "extensions apps", "replicasets/status"),
      rule("update", "extensions apps", "replicasets/finalizers"),
      rule("list watch patch create delete", "", "pods"),
      events(),
    ],
    "replication-controller": [
      rule("get list watch update", "", "replicationcontrollers"),
      rule("update", "", "replicationcontrollers/status"),
      rule("update", "", "replicationcontrollers/finalizers"),
      rule("list watch patch create delete", "", "pods"),
      events(),
    ],
    "statefulset-controller": [
      rule("list watch", "", "pods"),
      rule(read, "apps", "statefulsets"),
      rule("update", "apps", "statefulsets/status"),
      rule("update", "apps", "statefulsets/finalizers"),
      rule("get create delete update patch", "", "pods"),
      rule("get create delete update patch list watch", "apps", "controllerrevisions"),
      rule("get create list watch", "", "persistentvolumeclaims"),
      rule("update delete", "", "persistentvolumeclaims"),
      rule("update", "", "pods/finalizers"),
      events(),
    ],
    "ttl-after-finished-controller": [rule("get list watch delete", batch, "jobs"), events()],
  };
}

function nodeAndVolumeControllers(): Record<string, PolicyRule[]> {
  return {
    "attachdetach-controller": [
      rule("list watch", "", "persistentvolumes persistentvolumeclaims"),
      rule(read, "", "nodes"),
      rule("patch update", "", "nodes/status"),
      rule("list watch", "", "pods"),
      events(),
      rule("get create delete list watch", storage, "volumeattachments"),
      rule(read, storage, "csidrivers"),
      rule(read, storage, "csinodes"),
    ],
    "device-taint-eviction-controller": [
      rule("get list watch delete", "", "pods"),
      rule("update patch", "", "pods/status"),
      rule(read, resource, "resourceclaims"),
      rule(read, resource, "resourceslices"),
      rule(read, resource, "deviceclasses"),
      events(),
      rule("update patch", resource, "devicetaintrules/status"),
      rule(read, resource, "devicetaintrules"),
    ],
    "ephemeral-volume-controller": [
      rule(read, "", "pods"),
      rule("update", "", "pods/finalizers"),
      rule("get list watch create", "", "persistentvolumeclaims"),
      events(),
    ],
    "expand-controller": [
      rule("get list watch update patch", "", "persistentvolumes"),
      rule("update patch", "", "persistentvolumeclaims/status"),
      rule(read, "", "persistentvolumeclaims"),
      events(),
    ],
    "node-controller": [
      rule("get list watch update delete patch", "", "nodes"),
      rule("patch update", "", "nodes/status"),
      rule("patch update", "", "pods/status"),
      rule("list watch get delete", "", "pods"),
      events(),
    ],
    "persistent-volume-binder": [
      rule("get list watch update create delete", "", "persistentvolumes"),
      rule("update", "", "persistentvolumes/status"),
      rule("get list watch update", "", "persistentvolumeclaims"),
      rule("update", "", "persistentvolumeclaims/status"),
      rule("list watch get create delete", "", "pods"),
      rule(read, storage, "storageclasses"),
      rule("list watch", "", "nodes"),
      events(),
      rule("watch", "", "events"),
    ],
    "pod-garbage-collector": [
      rule("list watch delete", "", "pods"),
      rule(read, "", "nodes"),
      rule("patch", "", "pods/status"),
    ],
    "pv-protection-controller": [rule("get list watch update", "", "persistentvolumes"), events()],
    "pvc-protection-controller": [
      rule("get list watch update", "", "persistentvolumeclaims"),
      rule("update", "", "persistentvolumeclaims/status"),
      rule(read, "", "pods"),
      events(),
    ],
    "resource-claim-controller": [
      rule(read, "", "pods"),
      rule("update", "", "pods/finalizers"),
      rule("get list watch create delete", resource, "resourceclaims"),
      rule("update patch", resource, "resourceclaims resourceclaims/status"),
      rule("update patch", "", "pods/status"),
      events(),
      rule("update patch", resource, "resourceclaims/binding"),
    ],
    "route-controller": [rule("list watch", "", "nodes"), rule("patch", "", "nodes/status"), events()],
    "selinux-warning-controller": [
      events(),
      rule(read, "", "persistentvolumes"),
      rule(read, "", "persistentvolumeclaims"),
      rule(read, "", "pods"),
      rule(read, storage, "csidrivers"),
    ],
    "ttl-controller": [rule("update patch list watch", "", "nodes"), events()],
    "volumeattributesclass-protection-controller": [
      rule(read, "", "persistentvolumeclaims"),
      rule(read, "", "persistentvolumes"),
      rule("get list watch update", storage, "volumeattributesclasses"),
      events(),
    ],
  };
}

function clusterControllers(): Record<string, PolicyRule[]> {
  const kubeletClient = "kubernetes.io/kube-apiserver-client-kubelet";
  return {
    "certificate-controller": [
      rule("get list watch delete", certificates, "certificatesigningrequests"),
      rule("update", certificates, "certificatesigningrequests/status certificatesigningrequests/approval"),
      rule("approve", certificates, "signers", kubeletClient),
      rule(
        "sign",
        certificates,
        "signers",
        `kubernetes.io/legacy-unknown kubernetes.io/kube-apiserver-client ${kubeletClient} kubernetes.io/kubelet-serving`,
      ),
      rule("create", "authorization.k8s.io", "subjectaccessreviews"),
      events(),
    ],
    "clusterrole-aggregation-controller": [
      rule("escalate get list watch update patch", "rbac.authorization.k8s.io", "clusterroles"),
    ],
    "endpoint-controller": [
      rule(read, "", "services pods"),
      rule("get list watch create update delete", "", "endpoints"),
      rule("create", "", "endpoints/restricted"),
      events(),
    ],
    "endpointslice-controller": [
      rule(read, "", "services pods nodes"),
      rule("update", "", "services/finalizers"),
      rule("get list watch create update delete", "discovery.k8s.io", "endpointslices"),
      events(),
    ],
    "endpointslicemirroring-controller": [
      rule(read, "", "services endpoints"),
      rule("update", "", "services/finalizers"),
      rule("update", "", "endpoints/finalizers"),
      rule("get list watch create update delete", "discovery.k8s.io", "endpointslices"),
      events(),
    ],
    "generic-garbage-collector": [rule("get list watch patch update delete", "*", "*"), events()],
    "kube-apiserver-serving-clustertrustbundle-publisher": [
      rule("attest", certificates, "signers", "kubernetes.io/kube-apiserver-serving"),
      rule("create update delete list watch", certificates, "clustertrustbundles"),
      events(),
    ],
    "legacy-service-account-token-cleaner": [
      rule("get", "", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"),
      rule("patch delete", "", "secrets"),
    ],
    "namespace-controller": [
      rule("get list watch delete", "", "namespaces"),
      rule("update", "", "namespaces/finalize namespaces/status"),
      rule("get list watch delete deletecollection", "*", "*"),
    ],
    podcertificaterequestcleaner: [rule("get list watch delete", certificates, "podcertificaterequests")],
    "resourcequota-controller": [
      rule("list watch", "*", "*"),
      rule("update", "", "resourcequotas/status"),
      events(),
    ],
    "root-ca-cert-publisher": [rule("create update", "", "configmaps"), events()],
    "service-account-controller": [rule("create", "", "serviceaccounts"), events()],
    "service-cidrs-controller": [
      rule("get list watch patch update", networking, "servicecidrs"),
      rule("patch update", networking, "servicecidrs/finalizers"),
      rule("patch update", networking, "servicecidrs/status"),
      rule(read, networking, "ipaddresses"),
      events(),
    ],
    "service-controller": [
      rule(read, "", "services"),
      rule("patch update", "", "services/status"),
      rule("list watch", "", "nodes"),
      events(),
    ],
    "storage-version-migrator-controller": [
      rule("list create patch", "*", "*"),
      rule("get", "apiextensions.k8s.io", "customresourcedefinitions"),
      rule("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"),
      rule("update", "storagemigration.k8s.io", "storageversionmigrations/status"),
    ],
    "validatingadmissionpolicy-status-controller": [
      rule(read, "admissionregistration.k8s.io", "validatingadmissionpolicies"),
      rule("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"),
      events(),
    ],
  };
}
