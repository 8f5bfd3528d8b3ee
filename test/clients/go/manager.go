package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "example.com/finalizer"

// operator keeps a Deployment for each ConfigMap that asks for one, and holds the ConfigMap until it has cleaned up.
type operator struct {
	client.Client
	cleaned    atomic.Int64
	reconciled atomic.Int64
}

func (r *operator) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	r.reconciled.Add(1)
	var wish corev1.ConfigMap
	if err := r.Get(ctx, request.NamespacedName, &wish); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !wish.DeletionTimestamp.IsZero() {
		if controllerutil.RemoveFinalizer(&wish, finalizer) {
			r.cleaned.Add(1)
			return ctrl.Result{}, client.IgnoreNotFound(r.Update(ctx, &wish))
		}
		return ctrl.Result{}, nil
	}
	if controllerutil.AddFinalizer(&wish, finalizer) {
		if err := r.Update(ctx, &wish); err != nil {
			return ctrl.Result{}, err
		}
	}
	made := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: wish.Namespace, Name: wish.Name}}
	_, err := controllerutil.CreateOrUpdate(ctx, r.Client, made, func() error {
		want := deployment(wish.Name, 1)
		n := int32(0)
		fmt.Sscan(wish.Data["replicas"], &n)
		made.Labels = map[string]string{"operated": "yes"}
		made.Spec.Replicas = &n
		if made.CreationTimestamp.IsZero() {
			made.Spec.Selector, made.Spec.Template = want.Spec.Selector, want.Spec.Template
		}
		return controllerutil.SetControllerReference(&wish, made, r.Scheme())
	})
	if err != nil {
		return ctrl.Result{}, err
	}
	patch := client.MergeFrom(wish.DeepCopy())
	if wish.Annotations == nil {
		wish.Annotations = map[string]string{}
	}
	wish.Annotations["ready"] = fmt.Sprint(made.Status.ReadyReplicas)
	return ctrl.Result{}, r.Patch(ctx, &wish, patch)
}

func (l *lab) manager(ctx context.Context, id string) (ctrl.Manager, *operator, context.CancelFunc, chan error, error) {
	manager, err := ctrl.NewManager(l.json, ctrl.Options{
		Scheme: scheme.Scheme, LeaderElection: true, LeaderElectionID: "operator", LeaderElectionNamespace: l.namespace, LeaderElectionReleaseOnCancel: true,
		LeaseDuration: ptr(2 * time.Second), RenewDeadline: ptr(1500 * time.Millisecond), RetryPeriod: ptr(200 * time.Millisecond),
		HealthProbeBindAddress: "0", Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr(true)},
		Cache: cache.Options{DefaultNamespaces: map[string]cache.Config{l.namespace: {}}, ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}:      {Label: labels.SelectorFromSet(labels.Set{"operated": "yes"}), Field: fields.OneTermNotEqualSelector("metadata.name", "ignored")},
			&appsv1.Deployment{}:     {Label: labels.SelectorFromSet(labels.Set{"operated": "yes"})},
			&corev1.ServiceAccount{}: {},
		}},
	})
	if err != nil {
		return nil, nil, nil, nil, err
	}
	r := &operator{Client: manager.GetClient()}
	err = ctrl.NewControllerManagedBy(manager).Named("operator-"+id).For(&corev1.ConfigMap{}).Owns(&appsv1.Deployment{}).
		Owns(&appsv1.ReplicaSet{}, builder.OnlyMetadata).Complete(r)
	if err != nil {
		return nil, nil, nil, nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- manager.Start(inner) }()
	return manager, r, cancel, done, nil
}

func managerScenario(ctx context.Context, l *lab) error {
	_, first, stopFirst, firstDone, err := l.manager(ctx, "first")
	if err != nil {
		return err
	}
	direct, err := client.New(l.json, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return err
	}
	labels := map[string]string{"operated": "yes"}
	wish := func(name, replicas string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: name, Labels: labels}, Data: map[string]string{"replicas": replicas}}
	}
	for _, object := range []*corev1.ConfigMap{wish("a", "2"), wish("ignored", "1")} {
		if err := direct.Create(ctx, object); err != nil {
			return err
		}
	}
	ready := func(name, count string) error {
		return l.eventually(ctx, name+" is ready", func() error {
			var got corev1.ConfigMap
			if err := direct.Get(ctx, types.NamespacedName{Namespace: l.namespace, Name: name}, &got); err != nil {
				return err
			}
			return all(must("ready", got.Annotations["ready"], count), must("finalizers", fmt.Sprint(got.Finalizers), "["+finalizer+"]"))
		})
	}
	if err := ready("a", "2"); err != nil {
		return err
	}
	var ignored appsv1.Deployment
	if err := direct.Get(ctx, types.NamespacedName{Namespace: l.namespace, Name: "ignored"}, &ignored); !apierrors.IsNotFound(err) {
		return fmt.Errorf("what the cache's selector leaves out was reconciled: %v", err)
	}
	// The next one takes over when the first stops.
	_, second, stopSecond, secondDone, err := l.manager(ctx, "second")
	if err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond)
	if err := must("reconciled without the lease", second.reconciled.Load(), 0); err != nil {
		return err
	}
	stopFirst()
	if err := <-firstDone; err != nil {
		return fmt.Errorf("first: %w", err)
	}
	if err := direct.Create(ctx, wish("b", "1")); err != nil {
		return err
	}
	if err := ready("b", "1"); err != nil {
		return err
	}
	// The finalizer holds it until the operator has cleaned up; what it owned is collected.
	if err := direct.Delete(ctx, wish("b", "")); err != nil {
		return err
	}
	if err := l.eventually(ctx, "b and what it owned are gone", func() error {
		for _, object := range []client.Object{&corev1.ConfigMap{}, &appsv1.Deployment{}} {
			if err := direct.Get(ctx, types.NamespacedName{Namespace: l.namespace, Name: "b"}, object); !apierrors.IsNotFound(err) {
				return fmt.Errorf("%T: %v", object, err)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	stopSecond()
	if err := <-secondDone; err != nil {
		return fmt.Errorf("second: %w", err)
	}
	return all(must("cleaned", second.cleaned.Load(), 1), must("cleaned by the first", first.cleaned.Load(), 0))
}

// As test suites do with a cluster that is there: an environment, an indexed cache and a user added to it.
func envtestScenario(ctx context.Context, l *lab) error {
	environment := &envtest.Environment{UseExistingCluster: ptr(true), Config: l.json}
	config, err := environment.Start()
	if err != nil {
		return err
	}
	defer func() { _ = environment.Stop() }()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	informers, err := cache.New(config, cache.Options{Scheme: scheme.Scheme, DefaultNamespaces: map[string]cache.Config{l.namespace: {}}})
	if err != nil {
		return err
	}
	if err := informers.IndexField(ctx, &corev1.ConfigMap{}, "data.color", func(o client.Object) []string { return []string{o.(*corev1.ConfigMap).Data["color"]} }); err != nil {
		return err
	}
	go func() { _ = informers.Start(inner) }()
	if !informers.WaitForCacheSync(ctx) {
		return fmt.Errorf("the cache never synced")
	}
	direct, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return err
	}
	for name, color := range map[string]string{"a": "red", "b": "blue", "c": "red"} {
		object := configMap(name, nil)
		object.Namespace, object.Data = l.namespace, map[string]string{"color": color}
		if err := direct.Create(ctx, object); err != nil {
			return err
		}
	}
	return l.eventually(ctx, "the index", func() error {
		var list corev1.ConfigMapList
		if err := informers.List(ctx, &list, client.InNamespace(l.namespace), client.MatchingFields{"data.color": "red"}); err != nil {
			return err
		}
		var partial metav1.PartialObjectMetadataList
		partial.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ConfigMapList"))
		if err := informers.List(ctx, &partial, client.InNamespace(l.namespace)); err != nil {
			return err
		}
		return all(must("red ones", len(list.Items), 2), must("metadata", len(partial.Items), 4))
	})
}
