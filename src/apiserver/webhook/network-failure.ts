import type { PeerCertificate } from "node:tls";
import { formatTime } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { SocketAddress } from "./service-endpoints.ts";

/** Where the connection was to lead, and under which name the certificate was expected. */
export interface Destination extends SocketAddress {
  readonly serverName: string;
}

/**
 * What went wrong between this server and another one, in the words in which kube-apiserver passes on what Go says: people
 * search for them. Causes that have no such words keep their own.
 */
export function describeNetworkFailure(
  error: unknown,
  { host, port, serverName }: Destination,
  nowMs: number,
): string {
  const code = isObject(error) && typeof error["code"] === "string" ? error["code"] : "";
  const dial = `dial tcp ${host.includes(":") ? `[${host}]` : host}:${port}`;
  switch (code) {
    case "ECONNREFUSED":
      return `${dial}: connect: connection refused`;
    case "EHOSTUNREACH":
      return `${dial}: connect: no route to host`;
    case "ENETUNREACH":
      return `${dial}: connect: network is unreachable`;
    case "ETIMEDOUT":
      return `${dial}: i/o timeout`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `dial tcp: lookup ${host}: ${code === "ENOTFOUND" ? "no such host" : "Temporary failure in name resolution"}`;
    case "ECONNRESET":
    case "EPIPE":
      // Node says so, too, when the other side ended without a word.
      return isHangUp(error) ? "EOF" : "read: connection reset by peer";
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "http: server gave HTTP response to HTTPS client";
    case "HPE_INVALID_CONSTANT":
      return "malformed HTTP response";
  }
  const distrust = describeDistrust(error, code, serverName, nowMs);
  if (distrust !== undefined) return `tls: failed to verify certificate: x509: ${distrust}`;
  return error instanceof Error ? error.message : String(error);
}

const isHangUp = (error: unknown): boolean => error instanceof Error && error.message === "socket hang up";

const unknownAuthority = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

function describeDistrust(
  error: unknown,
  code: string,
  serverName: string,
  nowMs: number,
): string | undefined {
  if (unknownAuthority.has(code)) return "certificate signed by unknown authority";
  // Node does not say which limit was passed.
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return `certificate has expired or is not yet valid: current time ${formatTime(nowMs)}`;
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return describeNames(certificateOf(error), serverName);
  return undefined;
}

const certificateOf = (error: unknown): Partial<PeerCertificate> | undefined =>
  isObject(error) ? (error["cert"] as Partial<PeerCertificate> | undefined) : undefined;

function describeNames(certificate: Partial<PeerCertificate> | undefined, serverName: string): string {
  const names = namesOf(certificate?.subjectaltname);
  if (names.length === 0) return "certificate relies on legacy Common Name field, use SANs instead";
  return `certificate is valid for ${names.join(", ")}, not ${serverName}`;
}

/** "DNS:a.b, IP Address:10.0.0.1" → its names, as they are compared with the one expected. */
export function namesOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? "")
    .split(", ")
    .filter((entry) => /^(?:DNS|IP Address):/.test(entry))
    .map((entry) => entry.slice(entry.indexOf(":") + 1));
}
