package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "sampan.dev/ferry/api/v1"
)

// FerrySpec is what the owner of a ferry wishes.
type FerrySpec struct {
	// +optional
	Size *int32 `json:"size,omitempty"`
	// +optional
	Image string `json:"image,omitempty"`
	// Line is written FROM-TO.
	// +kubebuilder:validation:Pattern=`^[^-]+-[^-]+$`
	Line string `json:"line"`
	// +optional
	Harbor string `json:"harbor,omitempty"`
	// +optional
	TimetableRef string `json:"timetableRef,omitempty"`
}

// Ferry is a number of boats on a line.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.size,statuspath=.status.boats,selectorpath=.status.selector
// +kubebuilder:resource:shortName=fy,categories=all
// +kubebuilder:selectablefield:JSONPath=.spec.harbor
// +kubebuilder:printcolumn:name="Line",type=string,JSONPath=.spec.line
// +kubebuilder:deprecatedversion:warning="harbor.sampan.dev/v1beta1 Ferry is deprecated; use harbor.sampan.dev/v1"
type Ferry struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	Spec              FerrySpec `json:"spec"`
	// +optional
	Status v1.FerryStatus `json:"status,omitzero"`
}

// FerryList holds ferries.
// +kubebuilder:object:root=true
type FerryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Ferry `json:"items"`
}
