// Package controller keeps what ferries ask for.
package controller

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	harborv1 "sampan.dev/ferry/api/v1"
)

const (
	// Finalizer holds a ferry until its berth is free.
	Finalizer = "harbor.sampan.dev/berth"
	// ReadyCondition is true when as many boats go as were wished.
	ReadyCondition = "Ready"

	timetableIndex = ".spec.timetableRef"
	ledger         = "ferry-ledger"
)

// FerryReconciler makes a ConfigMap and a Deployment for each Ferry.
type FerryReconciler struct {
	client.Client
	Scheme   *runtime.Scheme
	Recorder events.EventRecorder
}

// +kubebuilder:rbac:groups=harbor.sampan.dev,resources=ferries,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=harbor.sampan.dev,resources=ferries/status,verbs=get;update;patch
// +kubebuilder:rbac:groups=harbor.sampan.dev,resources=ferries/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings one ferry nearer to what its owner wishes.
func (r *FerryReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var ferry harborv1.Ferry
	if err := r.Get(ctx, request.NamespacedName, &ferry); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !ferry.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, &ferry)
	}
	if controllerutil.AddFinalizer(&ferry, Finalizer) {
		if err := r.Update(ctx, &ferry); err != nil {
			return ctrl.Result{}, err
		}
	}
	timetable, err := r.keepTimetable(ctx, &ferry)
	if err != nil {
		return ctrl.Result{}, err
	}
	boats, err := r.keepBoats(ctx, &ferry, timetable)
	if err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.report(ctx, &ferry, boats)
}

// finalize writes down that the berth is free and lets the ferry go.
func (r *FerryReconciler) finalize(ctx context.Context, ferry *harborv1.Ferry) error {
	if !controllerutil.ContainsFinalizer(ferry, Finalizer) {
		return nil
	}
	book := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ferry.Namespace, Name: ledger}}
	if _, err := controllerutil.CreateOrUpdate(ctx, r.Client, book, func() error {
		if book.Data == nil {
			book.Data = map[string]string{}
		}
		book.Data[ferry.Name] = "berth is free"
		return nil
	}); err != nil {
		return err
	}
	controllerutil.RemoveFinalizer(ferry, Finalizer)
	logf.FromContext(ctx).Info("berth is free", "ferry", ferry.Name)
	return r.Update(ctx, ferry)
}

// keepTimetable makes the ConfigMap that boats carry; answers what is in it.
func (r *FerryReconciler) keepTimetable(ctx context.Context, ferry *harborv1.Ferry) (string, error) {
	text := fmt.Sprintf("%s to %s", ferry.Spec.Route.From, ferry.Spec.Route.To)
	if name := ferry.Spec.TimetableRef; name != "" {
		var source corev1.ConfigMap
		err := r.Get(ctx, types.NamespacedName{Namespace: ferry.Namespace, Name: name}, &source)
		if client.IgnoreNotFound(err) != nil {
			return "", err
		}
		text += " " + source.Data["times"]
	}
	carried := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ferry.Namespace, Name: ferry.Name + "-timetable"}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, carried, func() error {
		carried.Data = map[string]string{"timetable": text}
		return controllerutil.SetControllerReference(ferry, carried, r.Scheme)
	})
	return text, err
}

func (r *FerryReconciler) keepBoats(ctx context.Context, ferry *harborv1.Ferry, timetable string) (*appsv1.Deployment, error) {
	boats := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ferry.Namespace, Name: ferry.Name}}
	done, err := controllerutil.CreateOrPatch(ctx, r.Client, boats, func() error {
		boats.Spec.Replicas = ferry.Spec.Boats
		boats.Spec.Selector = &metav1.LabelSelector{MatchLabels: boatLabels(ferry)}
		boats.Spec.Template.Labels = boatLabels(ferry)
		boats.Spec.Template.Annotations = map[string]string{"harbor.sampan.dev/timetable": timetable}
		if len(boats.Spec.Template.Spec.Containers) == 0 {
			boats.Spec.Template.Spec.Containers = []corev1.Container{{Name: "boat", Command: []string{"sleep", "infinity"}}}
		}
		boats.Spec.Template.Spec.Containers[0].Image = ferry.Spec.Image
		return controllerutil.SetControllerReference(ferry, boats, r.Scheme)
	})
	if err == nil && done == controllerutil.OperationResultCreated {
		r.Recorder.Eventf(ferry, boats, corev1.EventTypeNormal, "Launched", "Launch", "launched %d boats", *ferry.Spec.Boats)
	}
	return boats, err
}

// report writes status, through its subresource and only when it differs.
func (r *FerryReconciler) report(ctx context.Context, ferry *harborv1.Ferry, boats *appsv1.Deployment) error {
	before := ferry.DeepCopy()
	ready := metav1.Condition{
		Type: ReadyCondition, Status: metav1.ConditionFalse, Reason: "Waiting",
		Message: fmt.Sprintf("%d of %d boats are ready", boats.Status.ReadyReplicas, *ferry.Spec.Boats), ObservedGeneration: ferry.Generation,
	}
	if boats.Status.ReadyReplicas == *ferry.Spec.Boats {
		ready.Status, ready.Reason = metav1.ConditionTrue, "AllBoatsGo"
	}
	meta.SetStatusCondition(&ferry.Status.Conditions, ready)
	ferry.Status.ReadyBoats = boats.Status.ReadyReplicas
	ferry.Status.Boats = boats.Status.Replicas
	ferry.Status.ObservedGeneration = ferry.Generation
	ferry.Status.Selector = labels.SelectorFromSet(boatLabels(ferry)).String()
	return r.Status().Patch(ctx, ferry, client.MergeFrom(before))
}

func boatLabels(ferry *harborv1.Ferry) map[string]string {
	return map[string]string{"app.kubernetes.io/name": "boat", "harbor.sampan.dev/ferry": ferry.Name}
}

// SetupWithManager follows ferries, what they own, and the timetables that they name.
func (r *FerryReconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(context.Background(), &harborv1.Ferry{}, timetableIndex, func(object client.Object) []string {
		if name := object.(*harborv1.Ferry).Spec.TimetableRef; name != "" {
			return []string{name}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		For(&harborv1.Ferry{}).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.ConfigMap{}).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.ferriesOfTimetable)).
		Named("ferry").
		Complete(r)
}

func (r *FerryReconciler) ferriesOfTimetable(ctx context.Context, timetable client.Object) []reconcile.Request {
	var ferries harborv1.FerryList
	err := r.List(ctx, &ferries, client.InNamespace(timetable.GetNamespace()), client.MatchingFields{timetableIndex: timetable.GetName()})
	if err != nil {
		logf.FromContext(ctx).Error(err, "ferries of a timetable were not found")
		return nil
	}
	var requests []reconcile.Request
	for _, ferry := range ferries.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&ferry)})
	}
	return requests
}
