// Program oracle answers what Kubernetes' API server makes of a write, without a server: it decodes and defaults an object,
// runs the strategy of its resource and prints the resulting object, or the Status of the refusal. It reads one JSON question
// a line on standard input and answers each with a line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/capabilities"
)

type question struct {
	// "create", "update" or "default".
	Op string `json:"op"`
	// Of an update: "" for the object itself.
	Subresource string `json:"subresource"`
	// The plural and the namespace, as the URL names them.
	Resource  string          `json:"resource"`
	Namespace string          `json:"namespace"`
	Object    json.RawMessage `json:"object"`
	// Of an update: what is stored, in the same version.
	Old json.RawMessage `json:"old"`
}

type answer struct {
	Object   json.RawMessage `json:"object,omitempty"`
	Status   *metav1.Status  `json:"status,omitempty"`
	Warnings []string        `json:"warnings,omitempty"`
	// The question itself was at fault, or a strategy panicked.
	Fault string `json:"fault,omitempty"`
}

// Beta features that are off unless one asks for them, and that our platform has.
const served = "ClusterTrustBundle=true,ClusterTrustBundleProjection=true,PodCertificateRequest=true,StorageVersionMigrator=true"

func main() {
	// Clusters allow privileged containers; a bare API server does not.
	capabilities.Setup(true, 0)
	if err := utilfeature.DefaultMutableFeatureGate.Set(served); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	strategies, err := newStrategies()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			if err := encoder.Encode(reply(strategies, line)); err != nil {
				panic(err)
			}
			if lines.Buffered() == 0 {
				out.Flush()
			}
		}
		if err != nil {
			return
		}
	}
}

func reply(strategies *strategies, line []byte) (given answer) {
	defer func() {
		if fault := recover(); fault != nil {
			given = answer{Fault: fmt.Sprintf("panic: %v\n%s", fault, debug.Stack())}
		}
	}()
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{Fault: err.Error()}
	}
	collected := &warnings{}
	object, err := ask(strategies, q, collected)
	given.Warnings = collected.texts
	if err != nil {
		var refused apierrors.APIStatus
		if !errors.As(err, &refused) {
			return answer{Fault: err.Error()}
		}
		status := refused.Status()
		given.Status = &status
		return given
	}
	given.Object = object
	return given
}

func ask(strategies *strategies, q question, collected *warnings) (json.RawMessage, error) {
	object, kind, err := decode(q.Object)
	if err != nil {
		return nil, err
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	ctx := newContext(q, kind, accessor, collected)
	switch q.Op {
	case "default":
	case "create":
		rest.FillObjectMetaSystemFields(accessor)
		object, err = strategies.create(ctx, kind.GroupKind(), object)
	case "update":
		var old runtime.Object
		if old, _, err = decode(q.Old); err == nil {
			object, err = strategies.update(ctx, kind.GroupKind(), q.Subresource, object, old)
		}
	default:
		err = fmt.Errorf("unknown op %q", q.Op)
	}
	if err != nil {
		return nil, err
	}
	return stored(object, kind)
}

// stored is the object as it comes back from storage: defaults are applied once more to what the strategy made of it.
func stored(object runtime.Object, kind schema.GroupVersionKind) (json.RawMessage, error) {
	encoder := legacyscheme.Codecs.LegacyCodec(kind.GroupVersion())
	written, err := runtime.Encode(encoder, object)
	if err != nil {
		return nil, err
	}
	again, _, err := legacyscheme.Codecs.UniversalDecoder().Decode(written, nil, nil)
	if err != nil {
		return nil, err
	}
	return runtime.Encode(encoder, again)
}

// decode reads an object as a request handler does: defaulted, in its internal version.
func decode(data []byte) (runtime.Object, schema.GroupVersionKind, error) {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(data, &kind); err != nil {
		return nil, schema.GroupVersionKind{}, err
	}
	gvk := schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind)
	object, _, err := legacyscheme.Codecs.UniversalDecoder().Decode(data, nil, nil)
	if err != nil {
		text := fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", gvk.Kind, gvk.Version, gvk.Kind, err)
		return nil, gvk, apierrors.NewBadRequest(text)
	}
	return object, gvk, nil
}

func newContext(q question, kind schema.GroupVersionKind, object metav1.Object, collected *warnings) context.Context {
	ctx := request.WithNamespace(context.Background(), q.Namespace)
	ctx = request.WithUser(ctx, &user.DefaultInfo{Name: "admin", Groups: []string{"system:masters"}})
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true,
		Verb:              q.Op,
		APIPrefix:         map[bool]string{true: "api", false: "apis"}[kind.Group == ""],
		APIGroup:          kind.Group,
		APIVersion:        kind.Version,
		Namespace:         q.Namespace,
		Resource:          q.Resource,
		Subresource:       q.Subresource,
		Name:              object.GetName(),
	})
	return warning.WithWarningRecorder(ctx, collected)
}

type warnings struct{ texts []string }

func (w *warnings) AddWarning(_, text string) { w.texts = append(w.texts, text) }
