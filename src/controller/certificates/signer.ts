import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type CertificateAuthority, signFor } from "../../pki/index.ts";
import type { ControllerContext, ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { askOf, conditionOf, isIssued } from "./requests.ts";

/** Signs approved requests to the cluster's own signers. (Mirrors pkg/controller/certificates/signer.) */
export function certificateSigningController(authority: () => CertificateAuthority): ControllerRegistration {
  return {
    name: "certificatesigningrequest-signing-controller",
    setup(context) {
      const requests = context.informers.informer(resources.certificatesigningrequests);
      return {
        watches: [watch(requests, enqueueSelf)],
        async reconcile(name) {
          const request = requests.get(name);
          if (request === undefined || isIssued(request)) return;
          if (conditionOf(request, "Approved") === undefined) return;
          if (conditionOf(request, "Denied") ?? conditionOf(request, "Failed")) return;
          await sign(context, authority(), request);
        },
      };
    },
  };
}

async function sign(
  { client, clock }: ControllerContext,
  authority: CertificateAuthority,
  request: CertificateSigningRequest,
): Promise<void> {
  const answer = signFor(authority, askOf(request), clock.now());
  if (answer === undefined) return;
  const time = formatTime(clock.now());
  const outcome =
    "certificate" in answer
      ? { certificate: Buffer.from(answer.certificate).toString("base64") }
      : {
          conditions: [
            ...(request.status?.conditions ?? []),
            {
              type: "Failed",
              status: "True",
              reason: "SignerValidationFailure",
              message: answer.refused,
              lastUpdateTime: time,
            },
          ],
        };
  try {
    await client
      .resource(resources.certificatesigningrequests)
      .updateStatus({ ...request, status: { ...request.status, ...outcome } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
