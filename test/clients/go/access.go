package main

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// who answers as whom a client acts.
func who(ctx context.Context, config *rest.Config) (authenticationv1.UserInfo, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return review.Status.UserInfo, nil
}

func impersonationScenario(ctx context.Context, l *lab) error {
	config := rest.CopyConfig(l.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "jane", Groups: []string{"devs", "system:authenticated"}, UID: "u-1", Extra: map[string][]string{"example.com/team": {"a", "b"}}}
	user, err := who(ctx, config)
	if err != nil {
		return err
	}
	if err := all(must("name", user.Username, "jane"), must("uid", user.UID, "u-1"), must("groups", fmt.Sprint(user.Groups), "[devs system:authenticated]"),
		must("extra", strings.Join(user.Extra["example.com/team"], " "), "a b")); err != nil {
		return err
	}
	jane, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = jane.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{})
	want := fmt.Sprintf(`configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace %q`, l.namespace)
	if !apierrors.IsForbidden(err) || err.Error() != want {
		return fmt.Errorf("want %s, got %v", want, err)
	}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "jane"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}, Subjects: []rbacv1.Subject{{Kind: "Group", APIGroup: rbacv1.GroupName, Name: "devs"}}}
	if _, err := l.client.RbacV1().RoleBindings(l.namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	return l.eventually(ctx, "jane may look", func() error {
		review, err := jane.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: l.namespace, Verb: "list", Resource: "configmaps"}}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		return must("allowed", review.Status.Allowed, true)
	})
}

// token asks for one of the namespace's default service account.
func (l *lab) token(ctx context.Context, audiences ...string) (string, error) {
	request, err := l.client.CoreV1().ServiceAccounts(l.namespace).CreateToken(ctx, "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr(int64(600)), Audiences: audiences}}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	if left := time.Until(request.Status.ExpirationTimestamp.Time); left < 9*time.Minute || left > 11*time.Minute {
		return "", fmt.Errorf("the token ends in %s", left)
	}
	return request.Status.Token, nil
}

func tokenScenario(ctx context.Context, l *lab) error {
	token, err := l.token(ctx)
	if err != nil {
		return err
	}
	config := rest.AnonymousClientConfig(l.config)
	config.BearerToken = token
	user, err := who(ctx, config)
	if err != nil {
		return err
	}
	if err := must("name", user.Username, "system:serviceaccount:"+l.namespace+":default"); err != nil {
		return err
	}
	foreign, err := l.token(ctx, "https://example.com")
	if err != nil {
		return err
	}
	config.BearerToken = foreign
	if _, err := who(ctx, config); !apierrors.IsUnauthorized(err) {
		return fmt.Errorf("a token for somebody else: %v", err)
	}
	review, err := l.client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: foreign, Audiences: []string{"https://example.com"}}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	return all(must("authenticated", review.Status.Authenticated, true), must("audiences", fmt.Sprint(review.Status.Audiences), "[https://example.com]"))
}

// A kubeconfig whose user is a program that prints credentials.
func execPluginScenario(ctx context.Context, l *lab) error {
	token, err := l.token(ctx)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "sampan-plugin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	credential, _ := json.Marshal(map[string]any{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": map[string]any{"token": token}})
	plugin := filepath.Join(folder, "plugin")
	if err := os.WriteFile(plugin, fmt.Appendf(nil, "#!/bin/sh\nprintf '%%s' '%s'\n", credential), 0o700); err != nil {
		return err
	}
	file := filepath.Join(folder, "kubeconfig")
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{Server: l.config.Host, CertificateAuthorityData: l.config.CAData}
	kubeconfig.AuthInfos["u"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{APIVersion: "client.authentication.k8s.io/v1", Command: plugin, InteractiveMode: "Never"}}
	kubeconfig.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	kubeconfig.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*kubeconfig, file); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return err
	}
	user, err := who(ctx, config)
	if err != nil {
		return err
	}
	return must("name", user.Username, "system:serviceaccount:"+l.namespace+":default")
}

// A level without seats lets one request wait and refuses all others; the client waits as long as it was told, and
// comes again.
func tooManyRequestsScenario(ctx context.Context, l *lab) error {
	flow := l.client.FlowcontrolV1()
	level := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}, Spec: flowcontrolv1.PriorityLevelConfigurationSpec{Type: "Limited",
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{NominalConcurrencyShares: ptr(int32(0)), LendablePercent: ptr(int32(0)), BorrowingLimitPercent: ptr(int32(0)), LimitResponse: flowcontrolv1.LimitResponse{Type: "Queue", Queuing: &flowcontrolv1.QueuingConfiguration{Queues: 1, HandSize: 1, QueueLengthLimit: 1}}}}}
	schema := &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: l.namespace}, Spec: flowcontrolv1.FlowSchemaSpec{MatchingPrecedence: 50, PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: l.namespace},
		Rules: []flowcontrolv1.PolicyRulesWithSubjects{{Subjects: []flowcontrolv1.Subject{{Kind: "User", User: &flowcontrolv1.UserSubject{Name: "flood"}}},
			ResourceRules: []flowcontrolv1.ResourcePolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}, ClusterScope: true, Namespaces: []string{"*"}}}}}}}
	if _, err := flow.PriorityLevelConfigurations().Create(ctx, level, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := flow.FlowSchemas().Create(ctx, schema, metav1.CreateOptions{}); err != nil {
		return err
	}
	var refused atomic.Int64
	var retryAfter atomic.Value
	config := rest.CopyConfig(l.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "flood"}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "flood"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"}, Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: "flood"}}}
	if _, err := l.client.RbacV1().RoleBindings(l.namespace).Create(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil && response.StatusCode == http.StatusTooManyRequests {
				retryAfter.Store(response.Header.Get("Retry-After"))
				if refused.Add(1) == 2 {
					_ = flow.FlowSchemas().Delete(ctx, l.namespace, metav1.DeleteOptions{})
				}
			}
			return response, err
		})
	})
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// They ask without end: as soon as the schema is taken up one fills the queue.
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() {
			for inner.Err() == nil && refused.Load() < 2 {
				_, _ = client.CoreV1().ConfigMaps(l.namespace).List(inner, metav1.ListOptions{})
			}
		})
	}
	if err := l.eventually(ctx, "a refusal", func() error {
		if refused.Load() < 2 {
			return fmt.Errorf("%d refusals", refused.Load())
		}
		return nil
	}); err != nil {
		return err
	}
	start := time.Now()
	if _, err := client.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{}); err != nil {
		return fmt.Errorf("after the flood: %w", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		return fmt.Errorf("after the flood it took %s", took)
	}
	cancel()
	waiting.Wait()
	_ = flow.PriorityLevelConfigurations().Delete(ctx, l.namespace, metav1.DeleteOptions{})
	return must("Retry-After", fmt.Sprint(retryAfter.Load()), "1")
}

// The budget of evictions answers 429 too; a client is not told to come again at once.
func evictionScenario(ctx context.Context, l *lab) error {
	_, err := l.runningPod(ctx, "guarded", map[string]string{"app": "guarded"})
	if err != nil {
		return err
	}
	budget := policyBudget("guarded", map[string]string{"app": "guarded"})
	if _, err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Create(ctx, budget, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := l.eventually(ctx, "the budget is counted", func() error {
		b, err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Get(ctx, "guarded", metav1.GetOptions{})
		if err != nil {
			return err
		}
		return must("healthy", b.Status.CurrentHealthy, int32(1))
	}); err != nil {
		return err
	}
	err = l.client.CoreV1().Pods(l.namespace).EvictV1(ctx, eviction("guarded"))
	if !apierrors.IsTooManyRequests(err) || !apierrors.HasStatusCause(err, "DisruptionBudget") {
		return fmt.Errorf("want a refusal by the budget, got %v", err)
	}
	if err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Delete(ctx, "guarded", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return l.eventually(ctx, "eviction without a budget", func() error {
		return l.client.CoreV1().Pods(l.namespace).EvictV1(ctx, eviction("guarded"))
	})
}

func protocolsScenario(ctx context.Context, l *lab) error {
	for want, next := range map[string][]string{"HTTP/1.1": {"http/1.1"}, "HTTP/2.0": nil} {
		config := rest.CopyConfig(l.json)
		config.NextProtos = next
		got := ""
		config.Wrap(func(inner http.RoundTripper) http.RoundTripper {
			return roundTripper(func(request *http.Request) (*http.Response, error) {
				response, err := inner.RoundTrip(request)
				if err == nil {
					got = response.Proto
				}
				return response, err
			})
		})
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			return err
		}
		list, err := client.CoreV1().ConfigMaps(l.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		w, err := client.CoreV1().ConfigMaps(l.namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		if err != nil {
			return err
		}
		if _, err := client.CoreV1().ConfigMaps(l.namespace).Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "p-"}}, metav1.CreateOptions{}); err != nil {
			return err
		}
		event := <-w.ResultChan()
		w.Stop()
		if err := all(must("protocol", got, want), must("event", string(event.Type), "ADDED")); err != nil {
			return err
		}
	}
	return nil
}

// Large answers are compressed for whoever accepts that, small ones are not.
func gzipScenario(ctx context.Context, l *lab) error {
	if err := l.fill(ctx, 0, 400, map[string]string{"filled": "yes"}); err != nil {
		return err
	}
	config := rest.CopyConfig(l.json)
	config.DisableCompression = true
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	get := func(path string) (*http.Response, []byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.config.Host+path, nil)
		if err != nil {
			return nil, nil, err
		}
		request.Header.Set("Accept-Encoding", "gzip")
		response, err := client.Do(request)
		if err != nil {
			return nil, nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response, body, err
	}
	path := "/api/v1/namespaces/" + l.namespace + "/configmaps"
	large, body, err := get(path)
	if err != nil {
		return err
	}
	if err := must("encoding of a large list", large.Header.Get("Content-Encoding"), "gzip"); err != nil {
		return err
	}
	reader, err := gzip.NewReader(strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	var list corev1.ConfigMapList
	if err := json.Unmarshal(plain, &list); err != nil {
		return err
	}
	small, _, err := get(path + "/cm-0000")
	if err != nil {
		return err
	}
	return all(must("items", len(list.Items), 401), must("encoding of a small object", small.Header.Get("Content-Encoding"), ""))
}
