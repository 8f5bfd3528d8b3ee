import type { PodCertificateRequest } from "../../api/types/certificates-v1beta1.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import { keyErrors } from "./pod-certificate-keys.ts";
import { statusErrors } from "./pod-certificate-status.ts";

/**
 * Requests that nodes make for their pods: the key must be a good one, and who asks must hold it (mirrors
 * pkg/apis/certificates/validation). That the signer may sign is asked by admission.
 */
export const podCertificateRequestsExtension: ResourceExtension = {
  group: "certificates.k8s.io",
  resource: "podcertificaterequests",
  setup: ({ nowMs }) => ({
    strategy: {
      validateCreate: (_context, object) => keyErrors(requestOf(object)),
      validateUpdate: (_context, object, old, subresource) =>
        subresource === "status" ? statusErrors(requestOf(object), requestOf(old), nowMs()) : [],
    },
  }),
};

const requestOf = (object: UnstructuredObject): PodCertificateRequest =>
  object as unknown as PodCertificateRequest;
