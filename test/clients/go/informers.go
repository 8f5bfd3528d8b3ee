package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// traffic is what a client asked of the server.
type traffic struct {
	sync.Mutex
	requests []string
}

func (t *traffic) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		t.Lock()
		t.requests = append(t.requests, request.URL.RequestURI())
		t.Unlock()
		return next.RoundTrip(request)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// count answers how many requests were lists, streamed lists and watches.
func (t *traffic) count() (lists, streamed, watches int) {
	t.Lock()
	defer t.Unlock()
	for _, request := range t.requests {
		switch {
		case strings.Contains(request, "sendInitialEvents=true"):
			streamed++
		case strings.Contains(request, "watch=true"):
			watches++
		default:
			lists++
		}
	}
	return
}

// tally counts what an informer's handlers are told.
type tally struct {
	sync.Mutex
	adds, updates, deletes, same int
	faults                       []string
	revisions                    map[string]string
}

func (t *tally) handlers() cache.ResourceEventHandlerFuncs {
	t.revisions = map[string]string{}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			t.Lock()
			defer t.Unlock()
			c := o.(*corev1.ConfigMap)
			if _, known := t.revisions[c.Name]; known {
				t.faults = append(t.faults, c.Name+" was added twice")
			}
			t.adds++
			t.revisions[c.Name] = c.ResourceVersion
		},
		UpdateFunc: func(_, o any) {
			t.Lock()
			defer t.Unlock()
			c := o.(*corev1.ConfigMap)
			if t.revisions[c.Name] == c.ResourceVersion {
				t.same++
				return
			}
			t.updates++
			t.revisions[c.Name] = c.ResourceVersion
		},
		DeleteFunc: func(o any) {
			t.Lock()
			defer t.Unlock()
			t.deletes++
			key, _ := cache.DeletionHandlingMetaNamespaceKeyFunc(o)
			_, name, _ := cache.SplitMetaNamespaceKey(key)
			if _, known := t.revisions[name]; !known {
				t.faults = append(t.faults, name+" was deleted twice")
			}
			delete(t.revisions, name)
		},
	}
}

func (t *tally) is(adds, updates, deletes int) error {
	t.Lock()
	defer t.Unlock()
	if len(t.faults) > 0 {
		return fmt.Errorf("%s", strings.Join(t.faults, ", "))
	}
	return must("adds updates deletes", fmt.Sprint(t.adds, t.updates, t.deletes), fmt.Sprint(adds, updates, deletes))
}

type followed struct {
	tally   tally
	traffic traffic
	store   cache.Store
	stop    func()
}

var filled string

// fillOnce moves the scenario to a namespace with 2,000 ConfigMaps, which all that need so many share.
func (l *lab) fillOnce(ctx context.Context) error {
	if filled != "" {
		l.namespace = filled
		return nil
	}
	if err := all(l.fill(ctx, 0, 1900, map[string]string{"part": "most"}), l.fill(ctx, 1900, 2000, map[string]string{"part": "few"})); err != nil {
		return err
	}
	filled = l.namespace
	return nil
}

// follow starts an informer on the ConfigMaps of the namespace and waits for its first sync.
func (l *lab) follow(ctx context.Context) (*followed, error) {
	f := &followed{}
	config := rest.CopyConfig(l.config)
	config.Wrap(f.traffic.wrap)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(l.namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	registration, err := informer.AddEventHandler(f.tally.handlers())
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(ctx)
	f.store = informer.GetStore()
	f.stop = func() { cancel(); factory.Shutdown() }
	factory.Start(inner.Done())
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		f.stop()
		return nil, fmt.Errorf("the informer never synced")
	}
	return f, nil
}

// converges waits until the informer holds what a list answers, object by object and revision by revision.
func (l *lab) converges(ctx context.Context, f *followed) error {
	return l.eventually(ctx, "the store and a list", func() error {
		list, err := l.client.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		stored := map[string]string{}
		for _, o := range f.store.List() {
			stored[o.(*corev1.ConfigMap).Name] = o.(*corev1.ConfigMap).ResourceVersion
		}
		if err := must("objects", len(stored), len(list.Items)); err != nil {
			return err
		}
		for _, item := range list.Items {
			if err := must(item.Name, stored[item.Name], item.ResourceVersion); err != nil {
				return err
			}
		}
		return nil
	})
}

type meanwhile struct {
	Namespace string   `json:"namespace"`
	Create    []string `json:"create,omitempty"`
	Update    []string `json:"update,omitempty"`
	Delete    []string `json:"delete,omitempty"`
	Compact   bool     `json:"compact,omitempty"`
}

func informerScenario(ctx context.Context, l *lab) error {
	if err := l.fillOnce(ctx); err != nil {
		return err
	}
	start := time.Now()
	f, err := l.follow(ctx)
	if err != nil {
		return err
	}
	defer f.stop()
	took := time.Since(start)
	// client-go streams its lists by default: one watch that begins with what is there, and no list.
	lists, streamed, watches := f.traffic.count()
	if err := all(must("lists streams watches", fmt.Sprint(lists, streamed, watches), "0 1 0"), f.tally.is(2001, 0, 0)); err != nil {
		return err
	}
	configMaps := l.client.CoreV1().ConfigMaps(l.namespace)
	for n := range 100 {
		name := fmt.Sprintf("cm-%04d", n)
		if _, err := configMaps.Patch(ctx, name, "application/merge-patch+json", []byte(`{"data":{"a":"b"}}`), metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	if err := configMaps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "part=few"}); err != nil {
		return err
	}
	if err := l.converges(ctx, f); err != nil {
		return err
	}
	if err := l.eventually(ctx, "events", func() error { return f.tally.is(2001, 100, 100) }); err != nil {
		return err
	}
	return note(fmt.Sprintf("2,000 objects in %d ms", took.Milliseconds()))
}

// A server that is killed and comes back: what changed meanwhile is heard once.
func restartScenario(compact bool, mark string) func(context.Context, *lab) error {
	return func(ctx context.Context, l *lab) error {
		if err := l.fillOnce(ctx); err != nil {
			return err
		}
		f, err := l.follow(ctx)
		if err != nil {
			return err
		}
		defer f.stop()
		held := f.tally.adds
		// client-go lists again when a watch ends within its first second without an event.
		time.Sleep(1100 * time.Millisecond)
		changes := meanwhile{Namespace: l.namespace, Create: []string{mark + "-new-1", mark + "-new-2"}, Update: []string{mark + "1", mark + "2", mark + "3"}, Delete: []string{mark + "4"}, Compact: compact}
		if err := all(l.ask("kill", nil), l.ask("start", changes), l.converges(ctx, f)); err != nil {
			return err
		}
		if err := l.eventually(ctx, "events", func() error { return f.tally.is(held+2, 3, 1) }); err != nil {
			return err
		}
		// And it goes on.
		if _, err := l.client.CoreV1().ConfigMaps(l.namespace).Create(ctx, configMap(mark+"-after", nil), metav1.CreateOptions{}); err != nil {
			return err
		}
		if err := l.eventually(ctx, "an event after", func() error { return f.tally.is(held+3, 3, 1) }); err != nil {
			return err
		}
		lists, streamed, watches := f.traffic.count()
		f.tally.Lock()
		defer f.tally.Unlock()
		if compact && lists+streamed < 2 {
			return fmt.Errorf("history was forgotten, and the informer listed only %d times", lists+streamed)
		}
		if !compact && lists+streamed != 1 {
			return fmt.Errorf("history is there, and the informer listed %d times", lists+streamed)
		}
		return note(fmt.Sprintf("%d lists, %d streamed lists, %d watches, %d objects seen again", lists, streamed, watches, f.tally.same))
	}
}
