package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/registry/rest"
	core "k8s.io/client-go/kubernetes/typed/core/v1"
	aggregation "k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
	"k8s.io/kube-aggregator/pkg/registry/apiservice"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/mutatingadmissionpolicy"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/mutatingadmissionpolicybinding"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/mutatingwebhookconfiguration"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/resolver"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingadmissionpolicy"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingadmissionpolicybinding"
	"k8s.io/kubernetes/pkg/registry/admissionregistration/validatingwebhookconfiguration"
	"k8s.io/kubernetes/pkg/registry/apps/controllerrevision"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/certificates/certificates"
	"k8s.io/kubernetes/pkg/registry/certificates/clustertrustbundle"
	"k8s.io/kubernetes/pkg/registry/certificates/podcertificaterequest"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/coordination/leasecandidate"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/endpoint"
	"k8s.io/kubernetes/pkg/registry/core/event"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/podtemplate"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/discovery/endpointslice"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/flowschema"
	"k8s.io/kubernetes/pkg/registry/flowcontrol/prioritylevelconfiguration"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/ipaddress"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/networking/servicecidr"
	"k8s.io/kubernetes/pkg/registry/node/runtimeclass"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/resource/deviceclass"
	"k8s.io/kubernetes/pkg/registry/resource/devicetaintrule"
	"k8s.io/kubernetes/pkg/registry/resource/resourceclaim"
	"k8s.io/kubernetes/pkg/registry/resource/resourceclaimtemplate"
	"k8s.io/kubernetes/pkg/registry/resource/resourceslice"
	"k8s.io/kubernetes/pkg/registry/scheduling/podgroup"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/scheduling/workload"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/csistoragecapacity"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattributesclass"
	"k8s.io/kubernetes/pkg/registry/storagemigration/storagemigration"
	"k8s.io/utils/clock"

	_ "k8s.io/kubernetes/pkg/apis/admissionregistration/install"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/certificates/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/events/install"
	_ "k8s.io/kubernetes/pkg/apis/flowcontrol/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/node/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/resource/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"
	_ "k8s.io/kubernetes/pkg/apis/storagemigration/install"
)

// strategies knows what each resource does on a write, by "group/Kind".
type strategies struct {
	// What both verbs of the object itself are held to.
	main map[string]rest.RESTCreateUpdateStrategy
	// By "group/Kind/subresource".
	subresources map[string]rest.RESTUpdateStrategy
	services     *services
}

func newStrategies() (*strategies, error) {
	services, err := newServices()
	if err != nil {
		return nil, err
	}
	aggregation.Install(legacyscheme.Scheme)
	allow := authorizerfactory.NewAlwaysAllowAuthorizer()
	resolve := resolver.ResourceResolverFunc(func(kind schema.GroupVersionKind) (schema.GroupVersionResource, error) {
		return schema.GroupVersionResource{}, fmt.Errorf("unknown kind %v", kind)
	})
	claims := resourceclaim.NewStrategy(namespaces{}, allow)
	groups := podgroup.NewStrategy()
	certificateRequests := podcertificaterequest.NewStrategy()
	policies := validatingadmissionpolicy.NewStrategy(allow, resolve)
	return &strategies{
		services: services,
		main: map[string]rest.RESTCreateUpdateStrategy{
			"/ConfigMap":             configmap.Strategy,
			"/Endpoints":             endpoint.Strategy,
			"/Event":                 event.Strategy,
			"/LimitRange":            limitrange.Strategy,
			"/Namespace":             namespace.Strategy,
			"/Node":                  node.Strategy,
			"/PersistentVolume":      persistentvolume.Strategy,
			"/PersistentVolumeClaim": persistentvolumeclaim.Strategy,
			"/Pod":                   pod.Strategy,
			"/PodTemplate":           podtemplate.Strategy,
			"/ReplicationController": replicationcontroller.Strategy,
			"/ResourceQuota":         resourcequota.Strategy,
			"/Secret":                secret.Strategy,
			"/Service":               service.Strategy,
			"/ServiceAccount":        serviceaccount.Strategy,
			"admissionregistration.k8s.io/MutatingAdmissionPolicy":          mutatingadmissionpolicy.NewStrategy(allow, resolve),
			"admissionregistration.k8s.io/MutatingAdmissionPolicyBinding":   mutatingadmissionpolicybinding.NewStrategy(allow, nil, resolve),
			"admissionregistration.k8s.io/MutatingWebhookConfiguration":     mutatingwebhookconfiguration.Strategy,
			"admissionregistration.k8s.io/ValidatingAdmissionPolicy":        policies,
			"admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": validatingadmissionpolicybinding.NewStrategy(allow, nil, resolve),
			"admissionregistration.k8s.io/ValidatingWebhookConfiguration":   validatingwebhookconfiguration.Strategy,
			"apiregistration.k8s.io/APIService":                             apiservice.NewStrategy(legacyscheme.Scheme),
			"apps/ControllerRevision":                                       controllerrevision.Strategy,
			"apps/DaemonSet":                                                daemonset.Strategy,
			"apps/Deployment":                                               deployment.Strategy,
			"apps/ReplicaSet":                                               replicaset.Strategy,
			"apps/StatefulSet":                                              statefulset.Strategy,
			"autoscaling/HorizontalPodAutoscaler":                           horizontalpodautoscaler.Strategy,
			"batch/CronJob":                                                 cronjob.Strategy,
			"batch/Job":                                                     job.Strategy,
			"certificates.k8s.io/CertificateSigningRequest":                 certificates.Strategy,
			"certificates.k8s.io/ClusterTrustBundle":                        clustertrustbundle.Strategy,
			"certificates.k8s.io/PodCertificateRequest":                     certificateRequests,
			"coordination.k8s.io/Lease":                                     lease.Strategy,
			"coordination.k8s.io/LeaseCandidate":                            leasecandidate.Strategy,
			"discovery.k8s.io/EndpointSlice":                                endpointslice.Strategy,
			"events.k8s.io/Event":                                           event.Strategy,
			"flowcontrol.apiserver.k8s.io/FlowSchema":                       flowschema.Strategy,
			"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration":       prioritylevelconfiguration.Strategy,
			"networking.k8s.io/IPAddress":                                   ipaddress.Strategy,
			"networking.k8s.io/Ingress":                                     ingress.Strategy,
			"networking.k8s.io/IngressClass":                                ingressclass.Strategy,
			"networking.k8s.io/NetworkPolicy":                               networkpolicy.Strategy,
			"networking.k8s.io/ServiceCIDR":                                 servicecidr.Strategy,
			"node.k8s.io/RuntimeClass":                                      runtimeclass.Strategy,
			"policy/PodDisruptionBudget":                                    poddisruptionbudget.Strategy,
			"rbac.authorization.k8s.io/ClusterRole":                         clusterrole.Strategy,
			"rbac.authorization.k8s.io/ClusterRoleBinding":                  clusterrolebinding.Strategy,
			"rbac.authorization.k8s.io/Role":                                role.Strategy,
			"rbac.authorization.k8s.io/RoleBinding":                         rolebinding.Strategy,
			"resource.k8s.io/DeviceClass":                                   deviceclass.Strategy,
			"resource.k8s.io/DeviceTaintRule":                               devicetaintrule.Strategy,
			"resource.k8s.io/ResourceClaim":                                 claims,
			"resource.k8s.io/ResourceClaimTemplate":                         resourceclaimtemplate.NewStrategy(namespaces{}),
			"resource.k8s.io/ResourceSlice":                                 resourceslice.Strategy,
			"scheduling.k8s.io/PodGroup":                                    groups,
			"scheduling.k8s.io/PriorityClass":                               priorityclass.Strategy,
			"scheduling.k8s.io/Workload":                                    workload.Strategy,
			"storage.k8s.io/CSIDriver":                                      csidriver.Strategy,
			"storage.k8s.io/CSINode":                                        csinode.Strategy,
			"storage.k8s.io/CSIStorageCapacity":                             csistoragecapacity.Strategy,
			"storage.k8s.io/StorageClass":                                   storageclass.Strategy,
			"storage.k8s.io/VolumeAttachment":                               volumeattachment.Strategy,
			"storage.k8s.io/VolumeAttributesClass":                          volumeattributesclass.Strategy,
			"storagemigration.k8s.io/StorageVersionMigration":               storagemigration.Strategy,
		},
		subresources: map[string]rest.RESTUpdateStrategy{
			"/Namespace/finalize":           namespace.FinalizeStrategy,
			"/Namespace/status":             namespace.StatusStrategy,
			"/Node/status":                  node.StatusStrategy,
			"/PersistentVolume/status":      persistentvolume.StatusStrategy,
			"/PersistentVolumeClaim/status": persistentvolumeclaim.StatusStrategy,
			"/Pod/ephemeralcontainers":      pod.EphemeralContainersStrategy,
			"/Pod/resize":                   pod.ResizeStrategy,
			"/Pod/status":                   pod.StatusStrategy,
			"/ReplicationController/status": replicationcontroller.StatusStrategy,
			"/ResourceQuota/status":         resourcequota.StatusStrategy,
			"/Service/status":               service.StatusStrategy,
			"admissionregistration.k8s.io/ValidatingAdmissionPolicy/status":  validatingadmissionpolicy.NewStatusStrategy(policies),
			"apiregistration.k8s.io/APIService/status":                       apiservice.NewStatusStrategy(legacyscheme.Scheme),
			"apps/DaemonSet/status":                                          daemonset.StatusStrategy,
			"apps/Deployment/status":                                         deployment.StatusStrategy,
			"apps/ReplicaSet/status":                                         replicaset.StatusStrategy,
			"apps/StatefulSet/status":                                        statefulset.StatusStrategy,
			"autoscaling/HorizontalPodAutoscaler/status":                     horizontalpodautoscaler.StatusStrategy,
			"batch/CronJob/status":                                           cronjob.StatusStrategy,
			"batch/Job/status":                                               job.StatusStrategy,
			"certificates.k8s.io/CertificateSigningRequest/approval":         certificates.ApprovalStrategy,
			"certificates.k8s.io/CertificateSigningRequest/status":           certificates.StatusStrategy,
			"certificates.k8s.io/PodCertificateRequest/status":               podcertificaterequest.NewStatusStrategy(certificateRequests, allow, clock.RealClock{}),
			"flowcontrol.apiserver.k8s.io/FlowSchema/status":                 flowschema.StatusStrategy,
			"flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration/status": prioritylevelconfiguration.StatusStrategy,
			"networking.k8s.io/Ingress/status":                               ingress.StatusStrategy,
			"networking.k8s.io/ServiceCIDR/status":                           servicecidr.StatusStrategy,
			"policy/PodDisruptionBudget/status":                              poddisruptionbudget.StatusStrategy,
			"resource.k8s.io/DeviceTaintRule/status":                         devicetaintrule.StatusStrategy,
			"resource.k8s.io/ResourceClaim/status":                           resourceclaim.NewStatusStrategy(claims),
			"scheduling.k8s.io/PodGroup/status":                              podgroup.NewStatusStrategy(groups),
			"storage.k8s.io/VolumeAttachment/status":                         volumeattachment.StatusStrategy,
			"storagemigration.k8s.io/StorageVersionMigration/status":         storagemigration.StatusStrategy,
		},
	}, nil
}

func (s *strategies) create(ctx context.Context, kind schema.GroupKind, object runtime.Object) (runtime.Object, error) {
	if kind.Group == "" && kind.Kind == "Service" {
		return s.services.create(ctx, object)
	}
	strategy, ok := s.main[kind.Group+"/"+kind.Kind]
	if !ok {
		return nil, fmt.Errorf("no strategy for %v", kind)
	}
	return object, rest.BeforeCreate(strategy, ctx, object)
}

func (s *strategies) update(ctx context.Context, kind schema.GroupKind, subresource string, object, old runtime.Object) (runtime.Object, error) {
	key := kind.Group + "/" + kind.Kind
	if key == "/Service" && subresource == "" {
		return s.services.update(ctx, object, old)
	}
	var strategy rest.RESTUpdateStrategy
	if subresource == "" {
		if main, ok := s.main[key]; ok {
			strategy = main
		}
	} else {
		strategy = s.subresources[key+"/"+subresource]
	}
	if strategy == nil {
		return nil, fmt.Errorf("no strategy for %v %s", kind, subresource)
	}
	return object, rest.BeforeUpdate(strategy, ctx, object, old)
}

// namespaces holds every namespace, and none has labels.
type namespaces struct{ core.NamespaceInterface }

func (namespaces) Get(_ context.Context, name string, _ metav1.GetOptions) (*corev1.Namespace, error) {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, nil
}
