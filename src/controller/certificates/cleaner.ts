import type { CertificateSigningRequest } from "../../api/types/certificates-v1.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { certificatesOf, parseCertificate } from "../../pki/index.ts";
import type { ControllerRegistration } from "../controller.ts";
import { enqueueSelf, watch } from "../watch.ts";
import { conditionOf, isIssued } from "./requests.ts";

const hourMs = 3_600_000;
const decidedForMs = hourMs;
const pendingForMs = 24 * hourMs;

/** Deletes requests that have served: decided an hour ago, undecided for a day. (Mirrors certificates/cleaner.) */
export const certificateCleaningController: ControllerRegistration = {
  name: "certificatesigningrequest-cleaner-controller",
  setup({ client, informers, clock }) {
    const requests = informers.informer(resources.certificatesigningrequests);
    return {
      watches: [watch(requests, enqueueSelf)],
      async reconcile(name) {
        const request = requests.get(name);
        const endMs = request === undefined ? undefined : servedAtMs(request);
        if (request === undefined || endMs === undefined) return undefined;
        const leftMs = endMs - clock.now();
        if (leftMs > 0) return { requeueAfterMs: leftMs };
        const { uid = "" } = request.metadata;
        try {
          await client
            .resource(resources.certificatesigningrequests)
            .delete(name, { preconditions: { uid } });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
        return undefined;
      },
    };
  },
};

/** When nobody needs the request any more. */
function servedAtMs(request: CertificateSigningRequest): number | undefined {
  const ends: number[] = [];
  const { conditions = [], certificate = "" } = request.status ?? {};
  if (conditions.length === 0) ends.push(Date.parse(request.metadata.creationTimestamp ?? "") + pendingForMs);
  for (const end of [conditionOf(request, "Denied"), conditionOf(request, "Failed")]) {
    if (end !== undefined) ends.push(Date.parse(end.lastUpdateTime ?? "") + decidedForMs);
  }
  const approved = conditionOf(request, "Approved");
  if (approved !== undefined && isIssued(request)) {
    ends.push(Date.parse(approved.lastUpdateTime ?? "") + decidedForMs, expiryMs(certificate));
  }
  const known = ends.filter((ms) => !Number.isNaN(ms));
  return known.length === 0 ? undefined : Math.min(...known);
}

/** NaN when it cannot be read: other signers may put anything there. */
function expiryMs(certificate: string): number {
  try {
    const [der] = certificatesOf(Buffer.from(certificate, "base64").toString());
    return der === undefined ? Number.NaN : parseCertificate(der).notAfterMs;
  } catch {
    return Number.NaN;
  }
}
