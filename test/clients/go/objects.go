package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/disk"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
)

func discoveryScenario(ctx context.Context, l *lab) error {
	var seen traffic
	config := rest.CopyConfig(l.json)
	config.Wrap(seen.wrap)
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return err
	}
	groups, resources, failed, err := client.GroupsAndMaybeResources()
	if err != nil || len(failed) > 0 {
		return fmt.Errorf("%v %v", failed, err)
	}
	// Aggregated discovery answers all with two requests.
	if err := must("requests", len(seen.requests), 2); err != nil {
		return err
	}
	if len(groups.Groups) < 15 || resources[schema.GroupVersion{Group: "apps", Version: "v1"}] == nil {
		return fmt.Errorf("%d groups", len(groups.Groups))
	}
	client.UseLegacyDiscovery = true
	legacy, err := client.ServerPreferredResources()
	if err != nil {
		return err
	}
	client.UseLegacyDiscovery = false
	preferred, err := client.ServerPreferredResources()
	if err != nil {
		return err
	}
	if err := must("the same as aggregated", fmt.Sprint(names(legacy)), fmt.Sprint(names(preferred))); err != nil {
		return err
	}
	if _, err := client.OpenAPISchema(); err != nil {
		return fmt.Errorf("OpenAPI v2: %w", err)
	}
	if paths, err := client.OpenAPIV3().Paths(); err != nil || paths["apis/apps/v1"] == nil {
		return fmt.Errorf("OpenAPI v3: %w", err)
	}
	return nil
}

func names(lists []*metav1.APIResourceList) map[string][]string {
	found := map[string][]string{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			found[list.GroupVersion] = append(found[list.GroupVersion], fmt.Sprint(r.Name, r.Kind, r.Namespaced, r.Verbs, r.ShortNames, r.Categories))
		}
	}
	for _, resources := range found {
		slices.Sort(resources)
	}
	return found
}

func mapperScenario(ctx context.Context, l *lab) error {
	folder, err := os.MkdirTemp("", "sampan-discovery-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	onDisk, err := disk.NewCachedDiscoveryClientForConfig(l.json, folder+"/discovery", folder+"/http", time.Hour)
	if err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(l.json)
	if err != nil {
		return err
	}
	for _, cached := range []discovery.CachedDiscoveryInterface{onDisk, onDisk, memory.NewMemCacheClient(client)} {
		mapper := restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(cached), cached, nil)
		deployment, err := mapper.ResourceFor(schema.GroupVersionResource{Resource: "deploy"})
		if err != nil {
			return err
		}
		if err := must("deploy", deployment.String(), "apps/v1, Resource=deployments"); err != nil {
			return err
		}
		event, err := mapper.RESTMapping(schema.GroupKind{Group: "events.k8s.io", Kind: "Event"})
		if err != nil {
			return err
		}
		if err := must("event", event.Resource.String(), "events.k8s.io/v1, Resource=events"); err != nil {
			return err
		}
		expanded, ok := restmapper.NewDiscoveryCategoryExpander(cached).Expand("all")
		if !ok || len(expanded) < 9 {
			return fmt.Errorf("all: %v", expanded)
		}
	}
	return nil
}

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: appsv1.DeploymentSpec{Replicas: ptr(replicas), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: image, Command: []string{"sh", "-c", "sleep infinity"}}}}}}}
}

func dynamicScenario(ctx context.Context, l *lab) error {
	client, err := dynamic.NewForConfig(l.json)
	if err != nil {
		return err
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(deployment("dynamic", 0))
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{Object: object}
	u.SetAPIVersion("apps/v1")
	u.SetKind("Deployment")
	delete(object, "status")
	api := client.Resource(deployments).Namespace(l.namespace)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, l.namespace, nil)
	lister := factory.ForResource(deployments).Lister().ByNamespace(l.namespace)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	factory.Start(inner.Done())
	factory.WaitForCacheSync(ctx.Done())
	if _, err := api.Create(ctx, u, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := l.eventually(ctx, "lister", func() error { _, err := lister.Get("dynamic"); return err }); err != nil {
		return err
	}
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		current, err := api.Get(ctx, "dynamic", metav1.GetOptions{})
		if err != nil {
			return err
		}
		_ = unstructured.SetNestedField(current.Object, "example.com/a", "metadata", "annotations", "who")
		_, err = api.Update(ctx, current, metav1.UpdateOptions{})
		return err
	}); err != nil {
		return err
	}
	applied := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "dynamic", "labels": map[string]any{"x": "y"}}}}
	result, err := api.Apply(ctx, "dynamic", applied, metav1.ApplyOptions{FieldManager: "dyn"})
	if err != nil {
		return err
	}
	if err := must("label", result.GetLabels()["x"], "y"); err != nil {
		return err
	}
	if err := api.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "x=y"}); err != nil {
		return err
	}
	return l.eventually(ctx, "gone from the lister", func() error {
		if _, err := lister.Get("dynamic"); !apierrors.IsNotFound(err) {
			return fmt.Errorf("still there: %v", err)
		}
		return nil
	})
}

func metadataScenario(ctx context.Context, l *lab) error {
	if _, err := l.client.CoreV1().ConfigMaps(l.namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{"m": "yes"}}, Data: map[string]string{"a": strings.Repeat("x", 1000)}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	configMaps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	client, err := metadata.NewForConfig(l.json)
	if err != nil {
		return err
	}
	api := client.Resource(configMaps).Namespace(l.namespace)
	list, err := api.List(ctx, metav1.ListOptions{LabelSelector: "m=yes"})
	if err != nil {
		return err
	}
	one, err := api.Get(ctx, "m", metav1.GetOptions{})
	if err != nil {
		return err
	}
	patched, err := api.Patch(ctx, "m", types.MergePatchType, []byte(`{"metadata":{"labels":{"n":"yes"}}}`), metav1.PatchOptions{})
	if err != nil {
		return err
	}
	if err := all(must("items", len(list.Items), 1), must("name of an item", list.Items[0].Name, "m"), must("uid", one.UID, list.Items[0].UID), must("label", patched.Labels["n"], "yes")); err != nil {
		return err
	}
	factory := metadatainformer.NewFilteredSharedInformerFactory(client, 0, l.namespace, func(o *metav1.ListOptions) { o.LabelSelector = "m=yes" })
	store := factory.ForResource(configMaps).Informer().GetStore()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	factory.Start(inner.Done())
	factory.WaitForCacheSync(ctx.Done())
	if err := must("stored", len(store.List()), 1); err != nil {
		return err
	}
	if err := api.Delete(ctx, "m", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return l.eventually(ctx, "metadata informer", func() error { return must("stored", len(store.List()), 0) })
}

func scaleScenario(ctx context.Context, l *lab) error {
	if _, err := l.client.AppsV1().Deployments(l.namespace).Create(ctx, deployment("scaled", 1), metav1.CreateOptions{}); err != nil {
		return err
	}
	client, err := discovery.NewDiscoveryClientForConfig(l.json)
	if err != nil {
		return err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(client))
	scales, err := scale.NewForConfig(l.json, mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client))
	if err != nil {
		return err
	}
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		current, err := scales.Scales(l.namespace).Get(ctx, deployments.GroupResource(), "scaled", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if err := must("selector", current.Status.Selector, "app=scaled"); err != nil {
			return err
		}
		current.Spec.Replicas = 3
		_, err = scales.Scales(l.namespace).Update(ctx, deployments.GroupResource(), current, metav1.UpdateOptions{})
		return err
	}); err != nil {
		return err
	}
	if _, err := scales.Scales(l.namespace).Patch(ctx, deployments, "scaled", types.MergePatchType, []byte(`{"spec":{"replicas":2}}`), metav1.PatchOptions{}); err != nil {
		return err
	}
	if _, err := l.client.AppsV1().Deployments(l.namespace).UpdateScale(ctx, "scaled", &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "scaled", Namespace: l.namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 4}}, metav1.UpdateOptions{}); err != nil {
		return err
	}
	return l.eventually(ctx, "scaled", func() error {
		d, err := l.client.AppsV1().Deployments(l.namespace).Get(ctx, "scaled", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return must("ready", d.Status.ReadyReplicas, int32(4))
	})
}

// Typed server-side apply: what a manager owns it can extract, and what another owns it cannot change by accident.
func applyScenario(ctx context.Context, l *lab) error {
	api := l.client.AppsV1().Deployments(l.namespace)
	labels := map[string]string{"app": "applied"}
	wanted := func() *appsapply.DeploymentApplyConfiguration {
		return appsapply.Deployment("applied", l.namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(1).WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
			WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).WithSpec(coreapply.PodSpec().WithContainers(
				coreapply.Container().WithName("a").WithImage(image).WithCommand("sh", "-c", "sleep infinity").WithEnv(coreapply.EnvVar().WithName("A").WithValue("1"))))))
	}
	if _, err := api.Apply(ctx, wanted(), metav1.ApplyOptions{FieldManager: "first"}); err != nil {
		return err
	}
	sidecar := appsapply.Deployment("applied", l.namespace).WithLabels(map[string]string{"s": "t"}).WithSpec(appsapply.DeploymentSpec().WithTemplate(coreapply.PodTemplateSpec().WithSpec(coreapply.PodSpec().WithContainers(
		coreapply.Container().WithName("b").WithImage(image)))))
	if _, err := api.Apply(ctx, sidecar, metav1.ApplyOptions{FieldManager: "second"}); err != nil {
		return err
	}
	greedy := appsapply.Deployment("applied", l.namespace).WithSpec(appsapply.DeploymentSpec().WithReplicas(5))
	_, err := api.Apply(ctx, greedy, metav1.ApplyOptions{FieldManager: "second"})
	if !apierrors.IsConflict(err) || !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) || err.Error() != `Apply failed with 1 conflict: conflict with "first": .spec.replicas` {
		return fmt.Errorf("want a conflict, got %v", err)
	}
	// As an operator does: extract, change, apply again.
	current, err := api.Get(ctx, "applied", metav1.GetOptions{})
	if err != nil {
		return err
	}
	own, err := appsapply.ExtractDeployment(current, "first")
	if err != nil {
		return err
	}
	if err := all(must("containers of first", len(own.Spec.Template.Spec.Containers), 1), must("env", *own.Spec.Template.Spec.Containers[0].Env[0].Value, "1"), must("labels of first", len(own.Labels), 0)); err != nil {
		return err
	}
	own.Spec.Template.Spec.Containers[0].Env = nil
	own.Spec.Template.Spec.Containers[0].WithEnv(coreapply.EnvVar().WithName("B").WithValue("2"))
	if current, err = api.Apply(ctx, own, metav1.ApplyOptions{FieldManager: "first"}); err != nil {
		return err
	}
	containers := current.Spec.Template.Spec.Containers
	if err := all(must("containers", len(containers), 2), must("env", fmt.Sprint(containers[0].Env), fmt.Sprint([]corev1.EnvVar{{Name: "B", Value: "2"}}))); err != nil {
		return err
	}
	// Giving up: what only the second one owned goes.
	if current, err = api.Apply(ctx, appsapply.Deployment("applied", l.namespace), metav1.ApplyOptions{FieldManager: "second"}); err != nil {
		return err
	}
	if err := all(must("containers after", len(current.Spec.Template.Spec.Containers), 1), must("labels after", len(current.Labels), 0)); err != nil {
		return err
	}
	if current, err = api.Apply(ctx, greedy, metav1.ApplyOptions{FieldManager: "second", Force: true}); err != nil {
		return err
	}
	if own, err = appsapply.ExtractDeployment(current, "first"); err != nil {
		return err
	}
	if own.Spec.Replicas != nil || *current.Spec.Replicas != 5 {
		return fmt.Errorf("force did not take the field away")
	}
	status := appsapply.Deployment("applied", l.namespace).WithStatus(appsapply.DeploymentStatus().WithConditions(appsapply.DeploymentCondition().WithType("Mine").WithStatus("True")))
	if current, err = api.ApplyStatus(ctx, status, metav1.ApplyOptions{FieldManager: "third", Force: true}); err != nil {
		return err
	}
	mine, err := appsapply.ExtractDeploymentStatus(current, "third")
	if err != nil {
		return err
	}
	return must("conditions of third", len(mine.Status.Conditions), 1)
}

func conflictScenario(ctx context.Context, l *lab) error {
	api := l.client.CoreV1().ConfigMaps(l.namespace)
	made, err := api.Create(ctx, configMap("a", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := api.Create(ctx, configMap("a", nil), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("want AlreadyExists, got %v", err)
	}
	stale := made.DeepCopy()
	made.Data = map[string]string{"n": "0"}
	if _, err := api.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if _, err := api.Update(ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		return fmt.Errorf("want Conflict, got %v", err)
	}
	// Sixteen writers count to eighty.
	var writers sync.WaitGroup
	errs := make(chan error, 16)
	patient := retry.DefaultRetry
	patient.Steps = 200
	for range 16 {
		writers.Go(func() {
			for range 5 {
				if err := retry.RetryOnConflict(patient, func() error {
					current, err := api.Get(ctx, "a", metav1.GetOptions{})
					if err != nil {
						return err
					}
					n := 0
					fmt.Sscan(current.Data["n"], &n)
					current.Data["n"] = fmt.Sprint(n + 1)
					_, err = api.Update(ctx, current, metav1.UpdateOptions{})
					return err
				}); err != nil {
					errs <- err
				}
			}
		})
	}
	writers.Wait()
	close(errs)
	for err := range errs {
		return err
	}
	last, err := api.Get(ctx, "a", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if err := must("count", last.Data["n"], "80"); err != nil {
		return err
	}
	wrongUID := types.UID("other")
	if err := api.Delete(ctx, "a", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &wrongUID}}); !apierrors.IsConflict(err) {
		return fmt.Errorf("want Conflict of the precondition, got %v", err)
	}
	return nil
}

type candidate struct {
	name    string
	stop    context.CancelFunc
	stopped chan struct{}
	leads   chan struct{}
}

func (l *lab) stand(ctx context.Context, name string, release bool) (*candidate, error) {
	inner, cancel := context.WithCancel(ctx)
	c := &candidate{name: name, stop: cancel, stopped: make(chan struct{}), leads: make(chan struct{}, 1)}
	broadcaster := record.NewBroadcaster(record.WithContext(inner))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: l.client.CoreV1().Events("")})
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, l.namespace, "leader",
		resourcelock.ResourceLockConfig{Identity: name, EventRecorder: broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: name})}, l.config, time.Second)
	if err != nil {
		return nil, err
	}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{Lock: lock, LeaseDuration: 2 * time.Second, RenewDeadline: 1500 * time.Millisecond, RetryPeriod: 200 * time.Millisecond, ReleaseOnCancel: release, Name: "leader",
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { c.leads <- struct{}{} }, OnStoppedLeading: func() {}}})
	if err != nil {
		return nil, err
	}
	go func() {
		elector.Run(inner)
		broadcaster.Shutdown()
		close(c.stopped)
	}()
	return c, nil
}

func leaderScenario(ctx context.Context, l *lab) error {
	first, err := l.stand(ctx, "first", false)
	if err != nil {
		return err
	}
	wait := func(c *candidate) error {
		return within(8*time.Second, func() error { <-c.leads; return nil })
	}
	if err := wait(first); err != nil {
		return err
	}
	second, err := l.stand(ctx, "second", true)
	if err != nil {
		return err
	}
	select {
	case <-second.leads:
		return errors.New("two lead")
	case <-time.After(time.Second):
	}
	// It dies without a word: the other one waits for the end of the lease.
	died := time.Now()
	first.stop()
	if err := wait(second); err != nil {
		return fmt.Errorf("after a death: %w", err)
	}
	if took := time.Since(died); took < 1500*time.Millisecond {
		return fmt.Errorf("the lease was taken after %s", took)
	}
	third, err := l.stand(ctx, "third", true)
	if err != nil {
		return err
	}
	// It steps down: the lease is free at once.
	second.stop()
	<-second.stopped
	if err := wait(third); err != nil {
		return fmt.Errorf("after a release: %w", err)
	}
	lease, err := l.client.CoordinationV1().Leases(l.namespace).Get(ctx, "leader", metav1.GetOptions{})
	if err != nil {
		return err
	}
	if *lease.Spec.HolderIdentity != "third" || *lease.Spec.LeaseTransitions < 2 {
		return fmt.Errorf("lease: %+v", lease.Spec)
	}
	err = l.eventually(ctx, "events of the election", func() error {
		list, err := l.client.CoreV1().Events(l.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=LeaderElection,involvedObject.kind=Lease"})
		if err != nil {
			return err
		}
		if len(list.Items) < 3 {
			return fmt.Errorf("%d events", len(list.Items))
		}
		return nil
	})
	third.stop()
	<-third.stopped
	return err
}

// Recorders of both APIs: what happens again is counted, not written again.
func eventsScenario(ctx context.Context, l *lab) error {
	about, err := l.client.CoreV1().ConfigMaps(l.namespace).Create(ctx, configMap("subject", nil), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	broadcaster := record.NewBroadcaster(record.WithContext(inner))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: l.client.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "core"})
	for range 3 {
		recorder.Eventf(about, corev1.EventTypeWarning, "Core", "said %d", 1)
	}
	series := events.NewBroadcaster(&events.EventSinkImpl{Interface: l.client.EventsV1()})
	if err := series.StartRecordingToSinkWithContext(inner); err != nil {
		return err
	}
	modern := series.NewRecorder(scheme.Scheme, "example.com/modern")
	for n := range 3 {
		// Its recorder sends each by itself: one that overtakes the first waits for ten seconds.
		if n > 0 {
			time.Sleep(200 * time.Millisecond)
		}
		modern.Eventf(about, nil, corev1.EventTypeNormal, "Modern", "Saying", "said %d", 2)
	}
	defer broadcaster.Shutdown()
	defer series.Shutdown()
	return l.eventually(ctx, "events", func() error {
		core, err := l.client.CoreV1().Events(l.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Core,involvedObject.name=subject,type=Warning"})
		if err != nil {
			return err
		}
		if len(core.Items) != 1 || core.Items[0].Count != 3 || core.Items[0].Source.Component != "core" {
			return fmt.Errorf("core: %+v", core.Items)
		}
		list, err := l.client.EventsV1().Events(l.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Modern,regarding.name=subject"})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || list.Items[0].ReportingController != "example.com/modern" || list.Items[0].Series == nil || list.Items[0].Series.Count < 2 {
			return fmt.Errorf("events.k8s.io: %+v", list.Items)
		}
		var all *eventsv1.EventList
		if all, err = l.client.EventsV1().Events(l.namespace).List(ctx, metav1.ListOptions{}); err != nil {
			return err
		}
		return must("both in one place", len(all.Items), 2)
	})
}

// An old revision is answered with 410, in the stream.
func goneScenario(ctx context.Context, l *lab) error {
	list, err := l.client.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if err := all(l.ask("kill", nil), l.ask("start", meanwhile{Namespace: l.namespace, Create: []string{"a", "b"}, Compact: true})); err != nil {
		return err
	}
	w, err := l.client.CoreV1().ConfigMaps(l.namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	event := <-w.ResultChan()
	failure := apierrors.FromObject(event.Object)
	if event.Type != "ERROR" || !apierrors.IsResourceExpired(failure) && !apierrors.IsGone(failure) {
		return fmt.Errorf("want Expired, got %s %v", event.Type, failure)
	}
	_, err = l.client.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, ResourceVersionMatch: "Exact"})
	if !apierrors.IsResourceExpired(err) {
		return fmt.Errorf("a list of an old revision: %v", err)
	}
	// The client would come back ten times, as it is told.
	err = l.client.CoreV1().RESTClient().Get().Namespace(l.namespace).Resource("configmaps").Param("resourceVersion", "999999999").MaxRetries(0).Do(ctx).Error()
	if !apierrors.IsTimeout(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
		return fmt.Errorf("a list of a revision to come: %v", err)
	}
	return note(failure.Error())
}
