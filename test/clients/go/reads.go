package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/pager"
)

func signingRequest() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "a"}}, key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

// fill makes ConfigMaps named cm-0000 and so on.
func (l *lab) fill(ctx context.Context, from, to int, labels map[string]string) error {
	numbers := make(chan int)
	var failed atomic.Value
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for n := range numbers {
				if _, err := l.client.CoreV1().ConfigMaps(l.namespace).Create(ctx, configMap(fmt.Sprintf("cm-%04d", n), labels), metav1.CreateOptions{}); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	for n := from; n < to; n++ {
		numbers <- n
	}
	close(numbers)
	workers.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	return nil
}

func pagerScenario(ctx context.Context, l *lab) error {
	if err := l.fill(ctx, 0, 250, map[string]string{"paged": "yes"}); err != nil {
		return err
	}
	calls, seen := 0, map[string]int{}
	p := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		calls++
		return l.client.CoreV1().ConfigMaps(l.namespace).List(ctx, options)
	})
	p.PageSize = 40
	err := p.EachListItem(ctx, metav1.ListOptions{LabelSelector: "paged=yes"}, func(o runtime.Object) error {
		seen[o.(*corev1.ConfigMap).Name]++
		return nil
	})
	if err != nil {
		return err
	}
	for name, times := range seen {
		if times != 1 {
			return fmt.Errorf("%s came %d times", name, times)
		}
	}
	return all(must("items", len(seen), 250), must("pages", calls, 7))
}

// A page is of the moment of the first one; a token whose moment is forgotten is refused, with one that goes on.
func continueScenario(ctx context.Context, l *lab) error {
	if err := l.fill(ctx, 0, 30, nil); err != nil {
		return err
	}
	configMaps := l.client.CoreV1().ConfigMaps(l.namespace)
	first, err := configMaps.List(ctx, metav1.ListOptions{Limit: 10})
	if err != nil {
		return err
	}
	if first.RemainingItemCount == nil || *first.RemainingItemCount != 21 {
		return fmt.Errorf("remaining: %v", first.RemainingItemCount)
	}
	if err := configMaps.Delete(ctx, "cm-0020", metav1.DeleteOptions{}); err != nil {
		return err
	}
	second, err := configMaps.List(ctx, metav1.ListOptions{Limit: 100, Continue: first.Continue})
	if err != nil {
		return err
	}
	if err := all(must("rest of the first moment", len(second.Items), 21), must("revision", second.ResourceVersion, first.ResourceVersion)); err != nil {
		return err
	}
	if err := l.ask("compact", nil); err != nil {
		return err
	}
	_, err = configMaps.List(ctx, metav1.ListOptions{Limit: 100, Continue: first.Continue})
	if !apierrors.IsResourceExpired(err) {
		return fmt.Errorf("want Expired, got %v", err)
	}
	status := err.(apierrors.APIStatus).Status()
	if status.Continue == "" || status.Continue == first.Continue {
		return fmt.Errorf("no token to go on with: %+v", status)
	}
	rest, err := configMaps.List(ctx, metav1.ListOptions{Limit: 100, Continue: status.Continue})
	if err != nil {
		return err
	}
	return must("rest of now", len(rest.Items), 20)
}

func watchScenario(ctx context.Context, l *lab) error {
	configMaps := l.client.CoreV1().ConfigMaps(l.namespace)
	list, err := configMaps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	w, err := configMaps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion, AllowWatchBookmarks: true, TimeoutSeconds: ptr(int64(3)), LabelSelector: "w=yes"})
	if err != nil {
		return err
	}
	defer w.Stop()
	made, err := configMaps.Create(ctx, configMap("a", map[string]string{"w": "yes"}), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	made.Labels["w"] = "no"
	if _, err := configMaps.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	var types []watch.EventType
	bookmark := ""
	for event := range w.ResultChan() {
		if event.Type == watch.Bookmark {
			bookmark = event.Object.(*corev1.ConfigMap).ResourceVersion
			continue
		}
		types = append(types, event.Type)
	}
	// An object that no longer matches the selector is deleted for its watchers. A bookmark comes before the end.
	if err := must("events", fmt.Sprint(types), "[ADDED DELETED]"); err != nil {
		return err
	}
	if bookmark == "" {
		return fmt.Errorf("no bookmark before the end of the watch")
	}
	again, err := configMaps.Watch(ctx, metav1.ListOptions{ResourceVersion: bookmark, TimeoutSeconds: ptr(int64(1))})
	if err != nil {
		return err
	}
	for event := range again.ResultChan() {
		return fmt.Errorf("after the bookmark came %s", event.Type)
	}
	return nil
}

// A list as a stream: what is there comes first, then a bookmark that says so.
func watchListScenario(ctx context.Context, l *lab) error {
	if err := l.fill(ctx, 0, 20, nil); err != nil {
		return err
	}
	w, err := l.client.CoreV1().ConfigMaps(l.namespace).Watch(ctx, metav1.ListOptions{
		SendInitialEvents: ptr(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	added := 0
	for event := range w.ResultChan() {
		switch event.Type {
		case watch.Added:
			added++
		case watch.Bookmark:
			if event.Object.(*corev1.ConfigMap).Annotations[metav1.InitialEventsAnnotationKey] != "true" {
				return fmt.Errorf("a bookmark that does not say that the list ends: %+v", event.Object)
			}
			return must("added", added, 21)
		default:
			return fmt.Errorf("%s in a list: %+v", event.Type, event.Object)
		}
	}
	return fmt.Errorf("the stream ended")
}

// A thousand watches over one connection each see an event; when their context ends the server lets them go.
func manyWatchesScenario(ctx context.Context, l *lab) error {
	const count = 1000
	watchers := func() (float64, error) {
		return l.metric(ctx, "apiserver_longrunning_requests", `resource="configmaps"`, `verb="WATCH"`)
	}
	before, err := watchers()
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var seen atomic.Int64
	var opened, ended sync.WaitGroup
	var failed atomic.Value
	for range count {
		opened.Add(1)
		ended.Go(func() {
			w, err := l.client.CoreV1().ConfigMaps(l.namespace).Watch(inner, metav1.ListOptions{LabelSelector: "m=yes"})
			opened.Done()
			if err != nil {
				failed.Store(err)
				return
			}
			for range w.ResultChan() {
				seen.Add(1)
			}
		})
	}
	opened.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	during, err := watchers()
	if err != nil {
		return err
	}
	if during-before < count {
		return fmt.Errorf("%v watchers before, %v during", before, during)
	}
	if _, err := l.client.CoreV1().ConfigMaps(l.namespace).Create(ctx, configMap("a", map[string]string{"m": "yes"}), metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := l.eventually(ctx, "events", func() error { return must("events", seen.Load(), count) }); err != nil {
		return err
	}
	cancel()
	ended.Wait()
	return l.eventually(ctx, "after the contexts ended", func() error {
		after, err := watchers()
		if err == nil && after > before {
			err = fmt.Errorf("%v watchers are left of %v", after-before, during-before)
		}
		return err
	})
}
