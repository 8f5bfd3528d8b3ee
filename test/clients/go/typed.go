package main

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// typed is what all generated clients have in common.
type typed[T any, L any] interface {
	Create(context.Context, *T, metav1.CreateOptions) (*T, error)
	Update(context.Context, *T, metav1.UpdateOptions) (*T, error)
	Delete(context.Context, string, metav1.DeleteOptions) error
	Get(context.Context, string, metav1.GetOptions) (*T, error)
	List(context.Context, metav1.ListOptions) (*L, error)
	Patch(context.Context, string, types.PatchType, []byte, metav1.PatchOptions, ...string) (*T, error)
}

// crud takes one object through its life.
func crud[T any, L any](ctx context.Context, kind string, client typed[T, L], object *T) error {
	fail := func(step string, err error) error { return fmt.Errorf("%s %s: %w", kind, step, err) }
	accessor := func(o *T) metav1.Object {
		m, err := meta.Accessor(o)
		if err != nil {
			panic(err)
		}
		return m
	}
	accessor(object).SetLabels(map[string]string{"life": "one"})
	made, err := client.Create(ctx, object, metav1.CreateOptions{FieldValidation: "Strict"})
	if err != nil {
		return fail("create", err)
	}
	name := accessor(made).GetName()
	if accessor(made).GetUID() == "" || accessor(made).GetCreationTimestamp() == (metav1.Time{}) || len(accessor(made).GetManagedFields()) == 0 {
		return fail("create", fmt.Errorf("without uid, time or managed fields"))
	}
	read, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fail("get", err)
	}
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: "life=one", FieldSelector: "metadata.name=" + name})
	if err != nil {
		return fail("list", err)
	}
	if n := meta.LenList(any(list).(runtime.Object)); n != 1 {
		return fail("list", fmt.Errorf("%d items", n))
	}
	for attempt := 0; ; attempt++ {
		accessor(read).SetAnnotations(map[string]string{"updated": "yes"})
		if _, err = client.Update(ctx, read, metav1.UpdateOptions{}); err == nil {
			break
		}
		if !apierrors.IsConflict(err) || attempt > 5 {
			return fail("update", err)
		}
		if read, err = client.Get(ctx, name, metav1.GetOptions{}); err != nil {
			return fail("get", err)
		}
	}
	for patch, body := range map[types.PatchType]string{
		types.MergePatchType:          `{"metadata":{"labels":{"merge":"yes"}}}`,
		types.StrategicMergePatchType: `{"metadata":{"labels":{"strategic":"yes"}}}`,
		types.JSONPatchType:           `[{"op":"add","path":"/metadata/labels/json","value":"yes"}]`,
	} {
		if read, err = client.Patch(ctx, name, patch, []byte(body), metav1.PatchOptions{}); err != nil {
			return fail(string(patch), err)
		}
	}
	labels := accessor(read).GetLabels()
	// A namespace has the label of its name besides.
	delete(labels, corev1.LabelMetadataName)
	if len(labels) != 4 || accessor(read).GetAnnotations()["updated"] != "yes" {
		return fail("patch", fmt.Errorf("labels %v", labels))
	}
	now := int64(0)
	if err := client.Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		return fail("delete", err)
	}
	return nil
}

func ptr[T any](v T) *T { return &v }

func typedScenario(ctx context.Context, l *lab) error {
	c, ns := l.client, l.namespace
	n := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
	unique := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: ns + "-" + name} }
	labels := map[string]string{"app": "typed"}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	pod := corev1.PodSpec{NodeName: "", Containers: []corev1.Container{{Name: "c", Image: "x", Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("16Mi")}}}}}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod}
	job := batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: *withRestart(pod)}, Suspend: ptr(true)}
	rule := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}
	quantity := resource.MustParse
	target := autoscalingv1.CrossVersionObjectReference{Kind: "Deployment", Name: "none", APIVersion: "apps/v1"}
	pending := *pod.DeepCopy()
	pending.NodeSelector = map[string]string{"nowhere": "yes"}
	checks := []func() error{
		func() error {
			return crud(ctx, "ConfigMap", c.CoreV1().ConfigMaps(ns), &corev1.ConfigMap{ObjectMeta: n("a"), Data: map[string]string{"a": "b"}, BinaryData: map[string][]byte{"b": {0, 255}}})
		},
		func() error {
			return crud(ctx, "Secret", c.CoreV1().Secrets(ns), &corev1.Secret{ObjectMeta: n("a"), StringData: map[string]string{"a": "b"}})
		},
		func() error {
			return crud(ctx, "Service", c.CoreV1().Services(ns), &corev1.Service{ObjectMeta: n("a"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}}})
		},
		func() error {
			return crud(ctx, "Pod", c.CoreV1().Pods(ns), &corev1.Pod{ObjectMeta: n("a"), Spec: pending})
		},
		func() error {
			return crud(ctx, "PodTemplate", c.CoreV1().PodTemplates(ns), &corev1.PodTemplate{ObjectMeta: n("a"), Template: template})
		},
		func() error {
			return crud(ctx, "Endpoints", c.CoreV1().Endpoints(ns), &corev1.Endpoints{ObjectMeta: n("e")})
		},
		func() error {
			return crud(ctx, "Event", c.CoreV1().Events(ns), &corev1.Event{ObjectMeta: n("a"), InvolvedObject: corev1.ObjectReference{Namespace: ns, Kind: "Pod", Name: "a"}})
		},
		func() error {
			return crud(ctx, "LimitRange", c.CoreV1().LimitRanges(ns), &corev1.LimitRange{ObjectMeta: n("a"), Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: "PersistentVolumeClaim", Max: corev1.ResourceList{"storage": quantity("1Ti")}}}}})
		},
		func() error {
			return crud(ctx, "ResourceQuota", c.CoreV1().ResourceQuotas(ns), &corev1.ResourceQuota{ObjectMeta: n("a"), Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"pods": quantity("1k")}}})
		},
		func() error {
			return crud(ctx, "ReplicationController", c.CoreV1().ReplicationControllers(ns), &corev1.ReplicationController{ObjectMeta: n("a"), Spec: corev1.ReplicationControllerSpec{Replicas: ptr(int32(0)), Selector: labels, Template: &template}})
		},
		func() error {
			return crud(ctx, "ServiceAccount", c.CoreV1().ServiceAccounts(ns), &corev1.ServiceAccount{ObjectMeta: n("a")})
		},
		func() error {
			return crud(ctx, "PersistentVolumeClaim", c.CoreV1().PersistentVolumeClaims(ns), &corev1.PersistentVolumeClaim{ObjectMeta: n("a"), Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr("none"), AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": quantity("1Gi")}}}})
		},
		func() error {
			return crud(ctx, "PersistentVolume", c.CoreV1().PersistentVolumes(), &corev1.PersistentVolume{ObjectMeta: unique("a"), Spec: corev1.PersistentVolumeSpec{StorageClassName: "none", AccessModes: []corev1.PersistentVolumeAccessMode{"ReadWriteOnce"},
				Capacity: corev1.ResourceList{"storage": quantity("1Gi")}, PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/none"}}}})
		},
		func() error {
			return crud(ctx, "Node", c.CoreV1().Nodes(), &corev1.Node{ObjectMeta: unique("node"), Spec: corev1.NodeSpec{Unschedulable: true}})
		},
		func() error {
			return crud(ctx, "Deployment", c.AppsV1().Deployments(ns), &appsv1.Deployment{ObjectMeta: n("a"), Spec: appsv1.DeploymentSpec{Replicas: ptr(int32(0)), Selector: selector, Template: template}})
		},
		func() error {
			return crud(ctx, "ReplicaSet", c.AppsV1().ReplicaSets(ns), &appsv1.ReplicaSet{ObjectMeta: n("a"), Spec: appsv1.ReplicaSetSpec{Replicas: ptr(int32(0)), Selector: selector, Template: template}})
		},
		func() error {
			return crud(ctx, "StatefulSet", c.AppsV1().StatefulSets(ns), &appsv1.StatefulSet{ObjectMeta: n("a"), Spec: appsv1.StatefulSetSpec{Replicas: ptr(int32(0)), Selector: selector, Template: template, ServiceName: "a"}})
		},
		func() error {
			d := template
			d.Spec = pending
			return crud(ctx, "DaemonSet", c.AppsV1().DaemonSets(ns), &appsv1.DaemonSet{ObjectMeta: n("a"), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: d}})
		},
		func() error {
			return crud(ctx, "ControllerRevision", c.AppsV1().ControllerRevisions(ns), &appsv1.ControllerRevision{ObjectMeta: n("a"), Revision: 1, Data: runtime.RawExtension{Raw: []byte(`{"a":1}`)}})
		},
		func() error {
			return crud(ctx, "Job", c.BatchV1().Jobs(ns), &batchv1.Job{ObjectMeta: n("a"), Spec: job})
		},
		func() error {
			return crud(ctx, "CronJob", c.BatchV1().CronJobs(ns), &batchv1.CronJob{ObjectMeta: n("a"), Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}})
		},
		func() error {
			return crud(ctx, "HorizontalPodAutoscaler v2", c.AutoscalingV2().HorizontalPodAutoscalers(ns), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: n("a"), Spec: autoscalingv2.HorizontalPodAutoscalerSpec{MaxReplicas: 2,
				ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{Kind: "Deployment", Name: "none", APIVersion: "apps/v1"}}})
		},
		func() error {
			return crud(ctx, "HorizontalPodAutoscaler v1", c.AutoscalingV1().HorizontalPodAutoscalers(ns), &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: n("b"), Spec: autoscalingv1.HorizontalPodAutoscalerSpec{MaxReplicas: 2, ScaleTargetRef: target, TargetCPUUtilizationPercentage: ptr(int32(50))}})
		},
		func() error {
			return crud(ctx, "Lease", c.CoordinationV1().Leases(ns), &coordinationv1.Lease{ObjectMeta: n("a"), Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr("me"), LeaseDurationSeconds: ptr(int32(1)), RenewTime: ptr(metav1.NowMicro())}})
		},
		func() error {
			return crud(ctx, "EndpointSlice", c.DiscoveryV1().EndpointSlices(ns), &discoveryv1.EndpointSlice{ObjectMeta: n("a"), AddressType: "IPv4", Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.1.2.3"}}}})
		},
		func() error {
			return crud(ctx, "events.k8s.io Event", c.EventsV1().Events(ns), &eventsv1.Event{ObjectMeta: n("b"), EventTime: metav1.NowMicro(), ReportingController: "example.com/a", ReportingInstance: "a", Action: "Act", Reason: "Why", Type: "Normal", Regarding: corev1.ObjectReference{Namespace: ns, Kind: "Pod", Name: "a"}})
		},
		func() error {
			return crud(ctx, "Ingress", c.NetworkingV1().Ingresses(ns), &networkingv1.Ingress{ObjectMeta: n("a"), Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "a", Port: networkingv1.ServiceBackendPort{Number: 80}}}}})
		},
		func() error {
			return crud(ctx, "IngressClass", c.NetworkingV1().IngressClasses(), &networkingv1.IngressClass{ObjectMeta: unique("a"), Spec: networkingv1.IngressClassSpec{Controller: "example.com/a"}})
		},
		func() error {
			return crud(ctx, "NetworkPolicy", c.NetworkingV1().NetworkPolicies(ns), &networkingv1.NetworkPolicy{ObjectMeta: n("a"), Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{{Port: ptr(intstr.FromInt32(80))}}}}}})
		},
		func() error {
			return crud(ctx, "ServiceCIDR", c.NetworkingV1().ServiceCIDRs(), &networkingv1.ServiceCIDR{ObjectMeta: unique("a"), Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.250.0.0/24"}}})
		},
		func() error {
			return crud(ctx, "RuntimeClass", c.NodeV1().RuntimeClasses(), &nodev1.RuntimeClass{ObjectMeta: unique("a"), Handler: "a"})
		},
		func() error {
			return crud(ctx, "PodDisruptionBudget", c.PolicyV1().PodDisruptionBudgets(ns), &policyv1.PodDisruptionBudget{ObjectMeta: n("a"), Spec: policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr(intstr.FromString("50%")), Selector: selector}})
		},
		func() error {
			return crud(ctx, "Role", c.RbacV1().Roles(ns), &rbacv1.Role{ObjectMeta: n("a"), Rules: rule})
		},
		func() error {
			return crud(ctx, "RoleBinding", c.RbacV1().RoleBindings(ns), &rbacv1.RoleBinding{ObjectMeta: n("a"), RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "a"}, Subjects: []rbacv1.Subject{{Kind: "User", Name: "jane", APIGroup: "rbac.authorization.k8s.io"}}})
		},
		func() error {
			return crud(ctx, "ClusterRole", c.RbacV1().ClusterRoles(), &rbacv1.ClusterRole{ObjectMeta: unique("a"), Rules: rule})
		},
		func() error {
			return crud(ctx, "ClusterRoleBinding", c.RbacV1().ClusterRoleBindings(), &rbacv1.ClusterRoleBinding{ObjectMeta: unique("a"), RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "view"}})
		},
		func() error {
			return crud(ctx, "PriorityClass", c.SchedulingV1().PriorityClasses(), &schedulingv1.PriorityClass{ObjectMeta: unique("a"), Value: 7})
		},
		func() error {
			return crud(ctx, "StorageClass", c.StorageV1().StorageClasses(), &storagev1.StorageClass{ObjectMeta: unique("a"), Provisioner: "example.com/a"})
		},
		func() error {
			return crud(ctx, "CSIDriver", c.StorageV1().CSIDrivers(), &storagev1.CSIDriver{ObjectMeta: unique("a")})
		},
		func() error {
			return crud(ctx, "CSINode", c.StorageV1().CSINodes(), &storagev1.CSINode{ObjectMeta: unique("a")})
		},
		func() error {
			return crud(ctx, "CSIStorageCapacity", c.StorageV1().CSIStorageCapacities(ns), &storagev1.CSIStorageCapacity{ObjectMeta: n("a"), StorageClassName: "a"})
		},
		func() error {
			return crud(ctx, "VolumeAttachment", c.StorageV1().VolumeAttachments(), &storagev1.VolumeAttachment{ObjectMeta: unique("a"), Spec: storagev1.VolumeAttachmentSpec{Attacher: "example.com", NodeName: "a", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr("a")}}})
		},
		func() error {
			return crud(ctx, "VolumeAttributesClass", c.StorageV1().VolumeAttributesClasses(), &storagev1.VolumeAttributesClass{ObjectMeta: unique("a"), DriverName: "example.com", Parameters: map[string]string{"a": "b"}})
		},
		func() error {
			return crud(ctx, "FlowSchema", c.FlowcontrolV1().FlowSchemas(), &flowcontrolv1.FlowSchema{ObjectMeta: unique("a"), Spec: flowcontrolv1.FlowSchemaSpec{MatchingPrecedence: 9000, PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: "none"}}})
		},
		func() error {
			return crud(ctx, "PriorityLevelConfiguration", c.FlowcontrolV1().PriorityLevelConfigurations(), &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: unique("a"), Spec: flowcontrolv1.PriorityLevelConfigurationSpec{Type: "Limited", Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{NominalConcurrencyShares: ptr(int32(1)), LimitResponse: flowcontrolv1.LimitResponse{Type: "Reject"}}}})
		},
		func() error {
			return crud(ctx, "ResourceClaim", c.ResourceV1().ResourceClaims(ns), &resourcev1.ResourceClaim{ObjectMeta: n("a"), Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "a", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "a"}}}}}})
		},
		func() error {
			return crud(ctx, "ResourceClaimTemplate", c.ResourceV1().ResourceClaimTemplates(ns), &resourcev1.ResourceClaimTemplate{ObjectMeta: n("a"), Spec: resourcev1.ResourceClaimTemplateSpec{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "a", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "a"}}}}}}})
		},
		func() error {
			return crud(ctx, "DeviceClass", c.ResourceV1().DeviceClasses(), &resourcev1.DeviceClass{ObjectMeta: unique("a")})
		},
		func() error {
			return crud(ctx, "ResourceSlice", c.ResourceV1().ResourceSlices(), &resourcev1.ResourceSlice{ObjectMeta: unique("a"), Spec: resourcev1.ResourceSliceSpec{Driver: "example.com", Pool: resourcev1.ResourcePool{Name: "a", ResourceSliceCount: 1}, NodeName: ptr("a")}})
		},
		func() error {
			return crud(ctx, "Namespace", c.CoreV1().Namespaces(), &corev1.Namespace{ObjectMeta: unique("a")})
		},
		func() error {
			return crud(ctx, "CertificateSigningRequest", c.CertificatesV1().CertificateSigningRequests(), &certificatesv1.CertificateSigningRequest{ObjectMeta: unique("a"), Spec: certificatesv1.CertificateSigningRequestSpec{Request: signingRequest(), SignerName: "example.com/a", Usages: []certificatesv1.KeyUsage{"digital signature"}}})
		},
	}
	var failures []string
	for _, check := range checks {
		if err := check(); err != nil {
			failures = append(failures, err.Error())
		}
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d: %s", len(failures), len(checks), strings.Join(failures, "; "))
	}
	return note(fmt.Sprintf("%d kinds", len(checks)))
}

func withRestart(spec corev1.PodSpec) *corev1.PodSpec {
	spec.RestartPolicy = "Never"
	return &spec
}
