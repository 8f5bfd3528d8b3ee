package v1beta1

import (
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/conversion"

	v1 "sampan.dev/ferry/api/v1"
)

// ConvertTo makes the stored version of a ferry.
func (f *Ferry) ConvertTo(to conversion.Hub) error {
	hub := to.(*v1.Ferry)
	from, destination, found := strings.Cut(f.Spec.Line, "-")
	if !found {
		return fmt.Errorf("line %q is not written FROM-TO", f.Spec.Line)
	}
	hub.ObjectMeta = f.ObjectMeta
	hub.Spec = v1.FerrySpec{
		Boats: f.Spec.Size, Image: f.Spec.Image, Harbor: f.Spec.Harbor, TimetableRef: f.Spec.TimetableRef,
		Route: v1.Route{From: from, To: destination},
	}
	hub.Status = f.Status
	return nil
}

// ConvertFrom makes this version of a stored ferry.
func (f *Ferry) ConvertFrom(from conversion.Hub) error {
	hub := from.(*v1.Ferry)
	f.ObjectMeta = hub.ObjectMeta
	f.Spec = FerrySpec{
		Size: hub.Spec.Boats, Image: hub.Spec.Image, Harbor: hub.Spec.Harbor, TimetableRef: hub.Spec.TimetableRef,
		Line: hub.Spec.Route.From + "-" + hub.Spec.Route.To,
	}
	f.Status = hub.Status
	return nil
}
