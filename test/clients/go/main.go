// Drives a cluster with the clients that Go programs use. Each scenario is reported as a line of JSON on standard output.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

// lab is what a scenario works with: a namespace of its own and clients of the cluster.
type lab struct {
	config    *rest.Config // protobuf
	json      *rest.Config
	client    kubernetes.Interface
	namespace string
	control   string
}

type scenario struct {
	name string
	run  func(context.Context, *lab) error
	// Needs a server that can be killed.
	control bool
	// Needs containers that run.
	real bool
}

type outcome struct {
	Scenario string `json:"scenario"`
	OK       bool   `json:"ok"`
	Ms       int64  `json:"ms"`
	Detail   string `json:"detail,omitempty"`
	Skipped  string `json:"skipped,omitempty"`
}

var scenarios []scenario

func add(name string, run func(context.Context, *lab) error) {
	scenarios = append(scenarios, scenario{name: name, run: run})
}

// addControlled adds a scenario that kills the server.
func addControlled(name string, run func(context.Context, *lab) error) {
	scenarios = append(scenarios, scenario{name: name, run: run, control: true})
}

// addReal adds a scenario that means nothing on a node that pretends.
func addReal(name string, run func(context.Context, *lab) error) {
	scenarios = append(scenarios, scenario{name: name, run: run, real: true})
}

func main() {
	// controller-runtime has put flags of its own into the command line's set.
	flags := flag.NewFlagSet("clients", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "the cluster")
	control := flags.String("control", "", "where the server is killed and started")
	flags.StringVar(&image, "image", image, "of pods that run commands")
	flags.StringVar(&webImage, "web-image", webImage, "of pods that serve pages at port 80")
	real := flags.Bool("real", false, "whether containers run")
	only := flags.String("run", "", "regular expression of the scenarios to run")
	flags.IntVar(&klogLevel, "v", 0, "how much client-go says on standard error")
	_ = flags.Parse(os.Args[1:])
	quiet()

	addAll()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	config.QPS, config.Burst = 2000, 2000
	pattern := regexp.MustCompile(*only)
	for _, s := range scenarios {
		if !pattern.MatchString(s.name) || (s.control && *control == "") {
			continue
		}
		if s.real && !*real {
			report(outcome{Scenario: s.name, OK: true, Skipped: "needs real containers"})
			continue
		}
		report(run(s, config, *control))
	}
}

var klogLevel int

func quiet() {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	_ = flags.Set("logtostderr", "true")
	_ = flags.Set("v", fmt.Sprint(klogLevel))
	ctrllog.SetLogger(logr.Discard())
}

func run(s scenario, config *rest.Config, control string) (result outcome) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	defer func() {
		if crash := recover(); crash != nil {
			result = outcome{Scenario: s.name, Detail: fmt.Sprint("panic: ", crash)}
		}
		result.Ms = time.Since(start).Milliseconds()
	}()
	l, err := open(ctx, config, control)
	if err == nil {
		err = s.run(ctx, l)
	}
	var noted note
	switch {
	case err == nil:
		return outcome{Scenario: s.name, OK: true}
	case errors.As(err, &noted):
		return outcome{Scenario: s.name, OK: true, Detail: string(noted)}
	default:
		return outcome{Scenario: s.name, Detail: err.Error()}
	}
}

var output sync.Mutex

func report(o outcome) {
	output.Lock()
	defer output.Unlock()
	line, _ := json.Marshal(o)
	fmt.Println(string(line))
}

// note is what a scenario that went well has measured.
type note string

func (n note) Error() string { return string(n) }

func open(ctx context.Context, config *rest.Config, control string) (*lab, error) {
	binary := rest.CopyConfig(config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(binary)
	if err != nil {
		return nil, err
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "go-"}}
	if ns, err = client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("namespace: %w", err)
	}
	l := &lab{config: binary, json: rest.CopyConfig(config), client: client, namespace: ns.Name, control: control}
	return l, l.eventually(ctx, "default service account", func() error {
		_, err := client.CoreV1().ServiceAccounts(l.namespace).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// eventually asks again until there is no error.
func (l *lab) eventually(ctx context.Context, what string, check func() error) error {
	var last error
	for {
		if last = check(); last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, last)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// ask tells the harness what to do with the server.
func (l *lab) ask(what string, body any) error {
	text := ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	response, err := http.Post(l.control+"/"+what, "application/json", strings.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", what, answer)
	}
	return nil
}

// metric sums a metric of the server over the series that contain all of the given labels.
func (l *lab) metric(ctx context.Context, name string, labels ...string) (float64, error) {
	text, err := l.client.CoreV1().RESTClient().Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").Do(ctx).Raw()
	if err != nil {
		return 0, err
	}
	sum := 0.0
lines:
	for _, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue lines
			}
		}
		var value float64
		if _, err := fmt.Sscan(line[strings.LastIndex(line, " ")+1:], &value); err != nil {
			return 0, err
		}
		sum += value
	}
	return sum, nil
}

func must[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}

// all answers the first error.
func all(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func configMap(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}
