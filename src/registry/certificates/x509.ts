import { X509Certificate } from "node:crypto";

/** A certificate in DER; undefined for what is none. */
export function readCertificate(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
