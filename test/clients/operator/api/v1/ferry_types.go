package v1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Route is where a ferry goes.
type Route struct {
	// +kubebuilder:validation:MinLength=1
	From string `json:"from"`
	// +kubebuilder:validation:MinLength=1
	To string `json:"to"`
}

// FerrySpec is what the owner of a ferry wishes.
// +kubebuilder:validation:XValidation:rule="self.route.from != self.route.to",message="a ferry goes somewhere else",fieldPath=".route.to"
type FerrySpec struct {
	// Boats that go at once. The webhook fills in 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=20
	Boats *int32 `json:"boats,omitempty"`
	// Image of what runs as a boat. The webhook fills it in.
	// +optional
	Image string `json:"image,omitempty"`
	Route Route  `json:"route"`
	// Harbor is the home of the boats; who looks after one harbor only sees its ferries only.
	// +kubebuilder:default=main
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a ferry does not change its harbor"
	// +optional
	Harbor string `json:"harbor,omitempty"`
	// TimetableRef names a ConfigMap whose content the boats carry.
	// +optional
	TimetableRef string `json:"timetableRef,omitempty"`
}

// FerryStatus is what the operator has seen.
type FerryStatus struct {
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// +optional
	ReadyBoats int32 `json:"readyBoats,omitempty"`
	// +optional
	Boats int32 `json:"boats,omitempty"`
	// +optional
	Selector string `json:"selector,omitempty"`
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
}

// Ferry is a number of boats between two places.
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.boats,statuspath=.status.boats,selectorpath=.status.selector
// +kubebuilder:resource:shortName=fy,categories=all
// +kubebuilder:selectablefield:JSONPath=.spec.harbor
// +kubebuilder:printcolumn:name="From",type=string,JSONPath=.spec.route.from
// +kubebuilder:printcolumn:name="To",type=string,JSONPath=.spec.route.to
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=.status.conditions[?(@.type=="Ready")].status
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=.metadata.creationTimestamp
type Ferry struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`
	Spec              FerrySpec `json:"spec"`
	// +optional
	Status FerryStatus `json:"status,omitzero"`
}

// FerryList holds ferries.
// +kubebuilder:object:root=true
type FerryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Ferry `json:"items"`
}

// Hub says that other versions are converted to and from this one.
func (*Ferry) Hub() {}
