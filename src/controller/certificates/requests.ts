import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../../api/types/certificates-v1.ts";
import type { SigningAsk } from "../../pki/index.ts";

/** What a request asks of its signer. */
export const askOf = ({ spec }: CertificateSigningRequest): SigningAsk => ({
  signerName: spec.signerName,
  request: Buffer.from(spec.request, "base64").toString(),
  usages: spec.usages ?? [],
  expirationSeconds: spec.expirationSeconds,
});

/** The condition if it holds. Decisions have no status of False: they are made or not. */
export const conditionOf = (
  { status }: CertificateSigningRequest,
  type: "Approved" | "Denied" | "Failed",
): CertificateSigningRequestCondition | undefined =>
  status?.conditions?.find((condition) => condition.type === type && condition.status !== "False");

export const isIssued = ({ status }: CertificateSigningRequest): boolean =>
  (status?.certificate ?? "") !== "";
