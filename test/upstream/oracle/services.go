package main

import (
	"context"
	"net"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	api "k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/registry/core/service/ipallocator"
	"k8s.io/kubernetes/pkg/registry/core/service/portallocator"
	servicestore "k8s.io/kubernetes/pkg/registry/core/service/storage"
)

// services writes Services with all that surrounds their strategy: addresses and ports are handed out before validation.
type services struct {
	rest *servicestore.REST
	held *held
}

func newServices() (*services, error) {
	_, cidr, err := net.ParseCIDR("10.96.0.0/24")
	if err != nil {
		return nil, err
	}
	addresses, err := ipallocator.NewInMemory(cidr)
	if err != nil {
		return nil, err
	}
	ports, err := portallocator.NewInMemory(*utilnet.ParsePortRangeOrDie("30000-32767"))
	if err != nil {
		return nil, err
	}
	stored := &held{}
	options := generic.RESTOptions{
		StorageConfig: &storagebackend.ConfigForResource{
			Config:        storagebackend.Config{Codec: legacyscheme.Codecs.LegacyCodec(corev1.SchemeGroupVersion)},
			GroupResource: schema.GroupResource{Resource: "services"},
		},
		ResourcePrefix: "services",
		Decorator: func(*storagebackend.ConfigForResource, string, func(runtime.Object) (string, error), func() runtime.Object,
			func() runtime.Object, storage.AttrFunc, storage.IndexerFuncs, *cache.Indexers) (storage.Interface, factory.DestroyFunc, error) {
			return stored, func() {}, nil
		},
	}
	allocators := map[api.IPFamily]ipallocator.Interface{api.IPv4Protocol: addresses}
	store, _, _, err := servicestore.NewREST(options, api.IPv4Protocol, allocators, ports, nil, nil, nil)
	return &services{rest: store, held: stored}, err
}

func (s *services) create(ctx context.Context, object runtime.Object) (runtime.Object, error) {
	s.held.object = nil
	return s.rest.Create(ctx, object, rest.ValidateAllObjectFunc, &metav1.CreateOptions{DryRun: []string{"All"}})
}

func (s *services) update(ctx context.Context, object, old runtime.Object) (runtime.Object, error) {
	s.held.object = old
	name := object.(*api.Service).Name
	options := &metav1.UpdateOptions{DryRun: []string{"All"}}
	updated, _, err := s.rest.Update(ctx, name, rest.DefaultUpdatedObjectInfo(object), rest.ValidateAllObjectFunc,
		rest.ValidateAllObjectUpdateFunc, false, options)
	return updated, err
}

// held is a storage of a single object, or of none.
type held struct {
	storage.Interface
	object runtime.Object
}

func (h *held) Versioner() storage.Versioner { return storage.APIObjectVersioner{} }

func (h *held) Get(_ context.Context, key string, _ storage.GetOptions, into runtime.Object) error {
	if h.object == nil {
		return storage.NewKeyNotFoundError(key, 0)
	}
	h.object.(*api.Service).DeepCopyInto(into.(*api.Service))
	return nil
}
