// Package v1beta1 is the version that ferries had before.
// +kubebuilder:object:generate=true
// +groupName=harbor.sampan.dev
package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	GroupVersion  = schema.GroupVersion{Group: "harbor.sampan.dev", Version: "v1beta1"}
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
	AddToScheme   = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Ferry{}, &FerryList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
