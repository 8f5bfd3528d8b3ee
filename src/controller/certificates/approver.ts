import type { SubjectAccessReview } from "../../api/types/authorization-v1.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { checkAsk } from "../../pki/index.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { askOf, conditionOf, isIssued } from "./requests.ts";

const nodeClientSigner = "kubernetes.io/kube-apiserver-client-kubelet";

/**
 * Approves what kubelets ask for themselves, when whoever asks may: nodes renewing their certificate (`selfnodeclient`),
 * and bootstrap tokens asking for a new node's first (`nodeclient`). (Mirrors approver/sarapprove.go.)
 */
export const certificateApprovingController: ControllerRegistration = {
  name: "certificatesigningrequest-approving-controller",
  setup(context) {
    const requests = context.informers.informer(resources.certificatesigningrequests);
    return {
      watches: [watch(requests, enqueueSelf)],
      async reconcile(name) {
        const request = requests.get(name);
        if (request === undefined || isIssued(request)) return;
        if (conditionOf(request, "Approved") ?? conditionOf(request, "Denied")) return;
        await approveIfAllowed(context, request);
      },
    };
  },
};

async function approveIfAllowed(
  context: ControllerContext,
  request: CertificateSigningRequest,
): Promise<void> {
  const { spec } = request;
  if (spec.signerName !== nodeClientSigner) return;
  const { request: asked } = checkAsk(askOf(request));
  if (asked === undefined) return;
  const self = spec.username === asked.subject.commonName;
  if (self && (await mayAsk(context, request, "selfnodeclient"))) {
    await approve(
      context,
      request,
      "Auto approving self kubelet client certificate after SubjectAccessReview.",
    );
  } else if (await mayAsk(context, request, "nodeclient")) {
    await approve(context, request, "Auto approving kubelet client certificate after SubjectAccessReview.");
  } else {
    const tried = self ? "selfnodeclient nodeclient" : "nodeclient";
    context.logger.debug("who asks for the certificate may not have it approved", {
      name: request.metadata.name,
      tried,
    });
  }
}

async function mayAsk(
  { client }: ControllerContext,
  { spec }: CertificateSigningRequest,
  subresource: string,
): Promise<boolean> {
  const { username, uid, groups, extra } = spec;
  const review: SubjectAccessReview = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    metadata: {},
    spec: {
      user: username,
      uid,
      groups,
      extra,
      resourceAttributes: {
        group: "certificates.k8s.io",
        resource: "certificatesigningrequests",
        verb: "create",
        subresource,
      },
    },
  };
  const answer = await client.resource(resources.subjectaccessreviews).create(review);
  return answer.status?.allowed === true;
}

async function approve(
  { client }: ControllerContext,
  request: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const approved = { type: "Approved", status: "True", reason: "AutoApproved", message };
  const conditions = [...(request.status?.conditions ?? []), approved];
  try {
    await client
      .resource(resources.certificatesigningrequests)
      .putSubresource(request.metadata.name ?? "", "approval", {
        ...request,
        status: { ...request.status, conditions },
      });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
