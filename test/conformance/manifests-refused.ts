/** What a fresh cluster does not take of the manifests of others, in the words of its refusals. */
const unserved = (version: string, ...kinds: string[]): string[] =>
  kinds.map((kind) => `no matches for kind "${kind}" in version "${version}"`);
const gateway = (...kinds: string[]): string[] => unserved("gateway.networking.k8s.io/v1", ...kinds);
const istio = (...kinds: string[]): string[] => unserved("networking.istio.io/v1", ...kinds);
const times = (count: number, kind: string): string[] => Array<string>(count).fill(kind);
const dualStack = (name: string, index = 0): string =>
  `Service "${name}" is invalid: [spec.ipFamilyPolicy: Invalid value: "RequireDualStack": ` +
  "this cluster is not configured for dual-stack services, " +
  `spec.ipFamilies[${index}]: Invalid value: "IPv6": not configured on this cluster]`;

/** Every refusal, by file. It is checked both ways: these must be, and no other may be. */
export const refused: Readonly<Record<string, readonly string[]>> = {
  // Custom resources of others, whose definitions are not installed. A Kubernetes without them refuses them alike.
  "bookinfo/gateway-api/bookinfo-gateway.yaml": gateway("Gateway", "HTTPRoute"),
  "bookinfo/gateway-api/route-all-v1.yaml": gateway(...times(4, "HTTPRoute")),
  "bookinfo/gateway-api/route-reviews-50-v3.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-90-10.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-v1.yaml": gateway("HTTPRoute"),
  "bookinfo/gateway-api/route-reviews-v3.yaml": gateway("HTTPRoute"),
  "bookinfo/networking/bookinfo-gateway.yaml": istio("Gateway", "VirtualService"),
  "bookinfo/networking/destination-rule-all-mtls.yaml": istio(...times(4, "DestinationRule")),
  "bookinfo/networking/destination-rule-all.yaml": istio(...times(4, "DestinationRule")),
  "bookinfo/networking/destination-rule-reviews.yaml": istio("DestinationRule"),
  "bookinfo/networking/egress-rule-google-apis.yaml": istio(
    "ServiceEntry",
    "VirtualService",
    "DestinationRule",
  ),
  "bookinfo/networking/fault-injection-details-v1.yaml": istio("VirtualService", "DestinationRule"),
  "bookinfo/networking/virtual-service-all-v1.yaml": istio(...times(4, "VirtualService")),
  "bookinfo/networking/virtual-service-details-v2.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-ratings-db.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-mysql-vm.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-mysql.yaml": istio(...times(2, "VirtualService")),
  "bookinfo/networking/virtual-service-ratings-test-abort.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-ratings-test-delay.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-50-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-80-20.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-90-10.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-jason-v2-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-test-v2.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-v2-v3.yaml": istio("VirtualService"),
  "bookinfo/networking/virtual-service-reviews-v3.yaml": istio("VirtualService"),
  "bookinfo/platform/kube/bookinfo-certificate.yaml": unserved(
    "certmanager.k8s.io/v1alpha1",
    "ClusterIssuer",
    "Certificate",
  ),
  "kubernetes-docs/customresourcedefinition/shirt-resources.yaml": unserved(
    "stable.example.com/v1",
    ...times(3, "Shirt"),
  ),
  "kubernetes-docs/validatingadmissionpolicy/replicalimit-param-prod.yaml": unserved(
    "rules.example.com/v1",
    "ReplicaLimit",
  ),
  "microservices-demo/istio-manifests.yaml": [
    ...unserved("networking.istio.io/v1alpha3", "VirtualService"),
    ...unserved("gateway.networking.k8s.io/v1beta1", "Gateway", "HTTPRoute"),
    ...unserved("networking.istio.io/v1alpha3", ...times(2, "ServiceEntry")),
  ],
  // The cluster has IPv4 alone; a Kubernetes of one family says the same.
  "bookinfo/platform/kube/bookinfo-details-dualstack.yaml": [dualStack("details")],
  "bookinfo/platform/kube/bookinfo-dualstack.yaml": [
    dualStack("details"),
    dualStack("ratings"),
    dualStack("reviews", 1),
    dualStack("productpage", 1),
  ],
  "bookinfo/platform/kube/bookinfo-ratings-discovery-dualstack.yaml": [dualStack("ratings")],
  "bookinfo/platform/kube/bookinfo-ratings-dualstack.yaml": [dualStack("ratings")],
  // A fragment: its second document is the rest of the first.
  "kubernetes-docs/validatingadmissionpolicy/failure-policy-ignore.yaml": [
    'ValidatingAdmissionPolicy.admissionregistration.k8s.io "" is invalid: ' +
      "[metadata.name: Required value: name or generateName is required, spec.matchConstraints: Required value, " +
      "spec.validations: Required value: validations or auditAnnotations must contain at least one item, " +
      "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item]",
    "is no object: kind or apiVersion not set",
  ],
  // Files for the command line of the API server and of a certificate authority, not for the API.
  "kubernetes-docs/admin/konnectivity/egress-selector-configuration.yaml": unserved(
    "apiserver.k8s.io/v1beta1",
    "EgressSelectorConfiguration",
  ),
  "kubernetes-docs/tls/server-signing-config.json": ["is no object: kind or apiVersion not set"],
  // Removed in Kubernetes 1.25.
  "kubernetes-docs/policy/baseline-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  "kubernetes-docs/policy/privileged-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  "kubernetes-docs/policy/restricted-psp.yaml": unserved("policy/v1beta1", "PodSecurityPolicy"),
  // The text leaves it to the reader to make the class.
  "kubernetes-docs/policy/high-priority-pod.yaml": [
    'pods "high-priority" is forbidden: no PriorityClass with name high was found',
  ],
  // \\' is no escape sequence in double quotes; kubectl cannot read it either.
  "kubernetes-docs/pods/inject/envars-file-container.yaml": [
    "cannot be read: yaml: line 9: unknown escape sequence",
  ],
};
