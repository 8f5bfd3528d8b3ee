package controller_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	harborv1 "sampan.dev/ferry/api/v1"
	harborv1beta1 "sampan.dev/ferry/api/v1beta1"
	"sampan.dev/ferry/internal/controller"
	webhookv1 "sampan.dev/ferry/internal/webhook/v1"
)

// The suite is laid out as kubebuilder lays one out: one API server for all tests, found through KUBEBUILDER_ASSETS.
var (
	ctx       context.Context
	k8sClient client.Client
	cfg       *rest.Config
	testEnv   *envtest.Environment
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctrl.SetLogger(zap.New(zap.UseDevMode(true)))
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, harborv1.AddToScheme, harborv1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	testEnv = &envtest.Environment{
		Scheme:                scheme,
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
		WebhookInstallOptions: envtest.WebhookInstallOptions{Paths: []string{filepath.Join("..", "..", "config", "webhook")}},
	}
	started := time.Now()
	var err error
	cfg, err = testEnv.Start()
	if err != nil {
		panic(err)
	}
	fmt.Printf("environment started in %d ms\n", time.Since(started).Milliseconds())
	defer func() {
		cancel()
		if err := testEnv.Stop(); err != nil {
			panic(err)
		}
	}()
	if k8sClient, err = client.New(cfg, client.Options{Scheme: scheme}); err != nil {
		panic(err)
	}
	hooks := testEnv.WebhookInstallOptions
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
		WebhookServer: webhook.NewServer(webhook.Options{
			Host: hooks.LocalServingHost, Port: hooks.LocalServingPort, CertDir: hooks.LocalServingCertDir,
		}),
	})
	if err != nil {
		panic(err)
	}
	reconciler := &controller.FerryReconciler{
		Client: mgr.GetClient(), Scheme: mgr.GetScheme(), Recorder: mgr.GetEventRecorder("ferry-controller"),
	}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		panic(err)
	}
	if err := webhookv1.SetupFerryWebhookWithManager(mgr, "busybox:latest"); err != nil {
		panic(err)
	}
	go func() {
		if err := mgr.Start(ctx); err != nil {
			panic(err)
		}
	}()
	waitForWebhooks(fmt.Sprintf("%s:%d", hooks.LocalServingHost, hooks.LocalServingPort))
	return m.Run()
}

func waitForWebhooks(address string) {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		dialer := &net.Dialer{Timeout: time.Second}
		connection, err := tls.DialWithDialer(dialer, "tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(deadline) {
			panic(err)
		}
	}
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func ferry(name, from, to string) *harborv1.Ferry {
	return &harborv1.Ferry{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       harborv1.FerrySpec{Route: harborv1.Route{From: from, To: to}},
	}
}

func TestAFerryGetsItsBoats(t *testing.T) {
	made := ferry("north", "Kiel", "Oslo")
	if err := k8sClient.Create(ctx, made); err != nil {
		t.Fatal(err)
	}
	if made.Spec.Boats == nil || *made.Spec.Boats != 1 || made.Spec.Image != "busybox:latest" || made.Spec.Harbor != "main" {
		t.Fatalf("defaults are missing: %+v", made.Spec)
	}
	if by := made.Annotations["harbor.sampan.dev/ordered-by"]; by != "admin" {
		t.Fatalf("ordered by %q", by)
	}
	var boats appsv1.Deployment
	eventually(t, "boats", func() error { return k8sClient.Get(ctx, client.ObjectKeyFromObject(made), &boats) })
	if owner := metav1.GetControllerOf(&boats); owner == nil || owner.UID != made.UID {
		t.Fatalf("the boats belong to %v", owner)
	}
	// No controller runs beside the API server, so the test says what a Deployment's would.
	boats.Status = appsv1.DeploymentStatus{Replicas: 1, ReadyReplicas: 1}
	if err := k8sClient.Status().Update(ctx, &boats); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready", func() error {
		if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(made), made); err != nil {
			return err
		}
		for _, condition := range made.Status.Conditions {
			if condition.Type == controller.ReadyCondition && condition.Status == metav1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("conditions %v", made.Status.Conditions)
	})
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for _, each := range []struct {
		name, from, to, message string
	}{
		{"circle", "Kiel", "Kiel", "a ferry goes somewhere else"},
		{"sunk", "Atlantis", "Oslo", `spec.route.from: Invalid value: "Atlantis": has sunk`},
		{"nowhere", "Kiel", "", `spec.route.to: Invalid value: "": spec.route.to in body should be at least 1 chars long`},
	} {
		err := k8sClient.Create(ctx, ferry(each.name, each.from, each.to))
		if err == nil || !apierrors.IsInvalid(err) && !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), each.message) {
			t.Errorf("%s: %v", each.name, err)
		}
	}
}

func TestOlderVersionsAreConverted(t *testing.T) {
	var old harborv1beta1.Ferry
	made := ferry("south", "Lisbon", "Tangier")
	if err := k8sClient.Create(ctx, made); err != nil {
		t.Fatal(err)
	}
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(made), &old); err != nil {
		t.Fatal(err)
	}
	if old.UID != made.UID || !strings.Contains(fmt.Sprintf("%+v", old.Spec), "Lisbon") {
		t.Fatalf("converted: %+v", old)
	}
}

func TestAFerryLeavesThroughItsFinalizer(t *testing.T) {
	made := ferry("west", "Cork", "Boston")
	if err := k8sClient.Create(ctx, made); err != nil {
		t.Fatal(err)
	}
	eventually(t, "finalizer", func() error {
		if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(made), made); err != nil {
			return err
		}
		if !controllerutil.ContainsFinalizer(made, controller.Finalizer) {
			return fmt.Errorf("finalizers %v", made.Finalizers)
		}
		return nil
	})
	if err := k8sClient.Delete(ctx, made); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gone", func() error {
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(made), made)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("still there: %v", err)
	})
	var ledger corev1.ConfigMap
	if err := k8sClient.Get(ctx, client.ObjectKey{Namespace: "default", Name: "ferry-ledger"}, &ledger); err != nil || ledger.Data["west"] == "" {
		t.Fatalf("the ledger says %v: %v", ledger.Data, err)
	}
}

func TestUsersOfTheEnvironmentHaveTheirRights(t *testing.T) {
	user, err := testEnv.AddUser(envtest.User{Name: "jane", Groups: []string{"sailors"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jane, err := client.New(user.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = jane.List(ctx, &corev1.SecretList{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `User "jane" cannot list resource "secrets"`) {
		t.Fatalf("jane may list secrets: %v", err)
	}
	review := &authv1.SelfSubjectReview{}
	if err := jane.Create(ctx, review); err != nil {
		t.Fatal(err)
	}
	if groups := strings.Join(review.Status.UserInfo.Groups, " "); groups != "sailors system:authenticated" {
		t.Fatalf("jane is in %s", groups)
	}
}

func TestTokensOfServiceAccountsAreBelieved(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "robot"}}
	if err := k8sClient.Create(ctx, account); err != nil {
		t.Fatal(err)
	}
	request := &authv1.TokenRequest{}
	if err := k8sClient.SubResource("token").Create(ctx, account, request); err != nil {
		t.Fatal(err)
	}
	robot, err := client.New(&rest.Config{
		Host: cfg.Host, BearerToken: request.Status.Token, TLSClientConfig: rest.TLSClientConfig{CAData: cfg.CAData},
	}, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	review := &authv1.SelfSubjectReview{}
	if err := robot.Create(ctx, review); err != nil {
		t.Fatal(err)
	}
	if name := review.Status.UserInfo.Username; name != "system:serviceaccount:default:robot" {
		t.Fatalf("the robot is %s", name)
	}
}
