// The operator of ferries, laid out as kubebuilder lays out a project.
package main

import (
	"flag"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	harborv1 "sampan.dev/ferry/api/v1"
	harborv1beta1 "sampan.dev/ferry/api/v1beta1"
	"sampan.dev/ferry/internal/controller"
	webhookv1 "sampan.dev/ferry/internal/webhook/v1"
)

type settings struct {
	metricsAddress, probeAddress, certificates, harbor, image, namespace string
	webhookPort                                                          int
	elect, webhooks                                                      bool
	lease                                                                time.Duration
}

func main() {
	var s settings
	flag.StringVar(&s.metricsAddress, "metrics-bind-address", "0", "where metrics are served over HTTPS; 0 for nowhere")
	flag.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "where probes are answered")
	flag.StringVar(&s.certificates, "webhook-cert-path", "", "folder of tls.crt and tls.key; default where controller-runtime looks")
	flag.IntVar(&s.webhookPort, "webhook-port", 9443, "where webhooks listen")
	flag.BoolVar(&s.webhooks, "webhooks", true, "whether this process serves webhooks")
	flag.BoolVar(&s.elect, "leader-elect", false, "let one replica work at a time")
	flag.StringVar(&s.namespace, "leader-election-namespace", "", "where the Lease is; default this pod's namespace")
	flag.DurationVar(&s.lease, "lease-duration", 15*time.Second, "how long a leader that is silent stays one")
	flag.StringVar(&s.harbor, "harbor", "", "look after ferries of this harbor only")
	flag.StringVar(&s.image, "boat-image", "busybox:latest", "image of boats that name none")
	options := zap.Options{}
	options.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&options)))

	if err := run(s); err != nil {
		ctrl.Log.Error(err, "the operator ended")
		os.Exit(1)
	}
}

func run(s settings) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, harborv1.AddToScheme, harborv1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	renew, retry := s.lease*2/3, s.lease/7
	managed := ctrl.Options{
		Scheme: scheme,
		Metrics: metricsserver.Options{
			BindAddress: s.metricsAddress, SecureServing: true, FilterProvider: filters.WithAuthenticationAndAuthorization,
			// The webhooks' certificate serves metrics too, where there is one; else controller-runtime signs its own.
			CertDir: existing(s.certificates),
		},
		WebhookServer:           webhook.NewServer(webhook.Options{Port: s.webhookPort, CertDir: s.certificates}),
		HealthProbeBindAddress:  s.probeAddress,
		LeaderElection:          s.elect,
		LeaderElectionID:        "ferry.harbor.sampan.dev",
		LeaderElectionNamespace: s.namespace,
		LeaseDuration:           &s.lease,
		RenewDeadline:           &renew,
		RetryPeriod:             &retry,
	}
	if s.harbor != "" {
		managed.Cache.ByObject = map[client.Object]cache.ByObject{
			&harborv1.Ferry{}: {Field: fields.OneTermEqualSelector("spec.harbor", s.harbor)},
		}
	}
	mgr, err := ctrl.NewManager(ctrl.GetConfigOrDie(), managed)
	if err != nil {
		return err
	}
	reconciler := &controller.FerryReconciler{
		Client: mgr.GetClient(), Scheme: mgr.GetScheme(), Recorder: mgr.GetEventRecorder("ferry-controller"),
	}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		return err
	}
	if s.webhooks {
		if err := webhookv1.SetupFerryWebhookWithManager(mgr, s.image); err != nil {
			return err
		}
		if err := mgr.AddReadyzCheck("webhooks", mgr.GetWebhookServer().StartedChecker()); err != nil {
			return err
		}
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("readyz", healthz.Ping); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

func existing(folder string) string {
	if _, err := os.Stat(filepath.Join(folder, "tls.crt")); folder == "" || err != nil {
		return ""
	}
	return folder
}
