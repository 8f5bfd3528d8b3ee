// Package v1 admits ferries.
package v1

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	harborv1 "sampan.dev/ferry/api/v1"
)

// SetupFerryWebhookWithManager serves defaults, validation and, since Ferry has a hub, conversion.
func SetupFerryWebhookWithManager(mgr ctrl.Manager, image string) error {
	return ctrl.NewWebhookManagedBy(mgr, &harborv1.Ferry{}).
		WithDefaulter(&defaulter{image: image}).
		WithValidator(&validator{}).
		Complete()
}

// +kubebuilder:webhook:path=/mutate-harbor-sampan-dev-v1-ferry,mutating=true,failurePolicy=fail,sideEffects=None,groups=harbor.sampan.dev,resources=ferries,verbs=create;update,versions=v1,name=mferry-v1.kb.io,admissionReviewVersions=v1

type defaulter struct{ image string }

func (d *defaulter) Default(ctx context.Context, ferry *harborv1.Ferry) error {
	if ferry.Spec.Boats == nil {
		one := int32(1)
		ferry.Spec.Boats = &one
	}
	if ferry.Spec.Image == "" {
		ferry.Spec.Image = d.image
	}
	request, err := admission.RequestFromContext(ctx)
	if err == nil && request.Operation == "CREATE" {
		if ferry.Annotations == nil {
			ferry.Annotations = map[string]string{}
		}
		ferry.Annotations["harbor.sampan.dev/ordered-by"] = request.UserInfo.Username
	}
	return nil
}

// +kubebuilder:webhook:path=/validate-harbor-sampan-dev-v1-ferry,mutating=false,failurePolicy=fail,sideEffects=None,groups=harbor.sampan.dev,resources=ferries,verbs=create;update;delete,versions=v1,name=vferry-v1.kb.io,admissionReviewVersions=v1

type validator struct{}

func (*validator) ValidateCreate(_ context.Context, ferry *harborv1.Ferry) (admission.Warnings, error) {
	return validate(ferry)
}

func (*validator) ValidateUpdate(_ context.Context, _, ferry *harborv1.Ferry) (admission.Warnings, error) {
	return validate(ferry)
}

func (*validator) ValidateDelete(_ context.Context, ferry *harborv1.Ferry) (admission.Warnings, error) {
	if ferry.Labels["harbor.sampan.dev/protected"] == "true" {
		return nil, fmt.Errorf("ferry %s is protected", ferry.Name)
	}
	return nil, nil
}

func validate(ferry *harborv1.Ferry) (admission.Warnings, error) {
	var warnings admission.Warnings
	if *ferry.Spec.Boats > 10 {
		warnings = append(warnings, fmt.Sprintf("%d boats will wait for each other", *ferry.Spec.Boats))
	}
	var problems field.ErrorList
	route := field.NewPath("spec", "route")
	if strings.EqualFold(ferry.Spec.Route.From, "atlantis") {
		problems = append(problems, field.Invalid(route.Child("from"), ferry.Spec.Route.From, "has sunk"))
	}
	if strings.EqualFold(ferry.Spec.Route.To, "atlantis") {
		problems = append(problems, field.Invalid(route.Child("to"), ferry.Spec.Route.To, "has sunk"))
	}
	if len(problems) == 0 {
		return warnings, nil
	}
	kind := schema.GroupKind{Group: harborv1.GroupVersion.Group, Kind: "Ferry"}
	return warnings, apierrors.NewInvalid(kind, ferry.Name, problems)
}
