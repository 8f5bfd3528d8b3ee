import type { PeerCertificate } from "node:tls";
import { namesOf } from "./network-failure.ts";

/** Names are read from the SANs alone, as Go does; Node would believe a common name. */
export function checkServerIdentity(hostname: string, certificate: PeerCertificate): Error | undefined {
  const { checkServerIdentity: check } = process.getBuiltinModule("node:tls");
  if (namesOf(certificate.subjectaltname).length > 0) return check(hostname, certificate);
  return Object.assign(new Error("the certificate names nobody"), {
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
    cert: certificate,
  });
}
