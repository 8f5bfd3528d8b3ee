import type { PeerCertificate } from "node:tls";
import { formatTime } from "../../apimachinery/clock.ts";
import { isObject } from "../../apimachinery/json.ts";
import { describeHttpFault } from "./http-fault.ts";
import type { SocketAddress } from "./service-endpoints.ts";
import { isAddress } from "./target.ts";

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
  const address = addressOf(error) ?? host;
  const dial = `dial tcp ${address.includes(":") ? `[${address}]` : address}:${port}`;
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
      return `dial tcp: lookup ${host}${asked()}: ${code === "ENOTFOUND" ? "no such host" : "server misbehaving"}`;
    case "ECONNRESET":
    case "EPIPE":
      // Node says so, too, when the other side ended without a word.
      return isHangUp(error) ? "EOF" : "read: connection reset by peer";
    case "EPROTO":
    case "ERR_SSL_WRONG_VERSION_NUMBER":
    case "ERR_SSL_PACKET_LENGTH_TOO_LONG":
      return "http: server gave HTTP response to HTTPS client";
  }
  const alert = alertOf(error);
  if (alert !== undefined) return `remote error: tls: ${alert}`;
  const fault = describeHttpFault(error);
  if (fault !== undefined) return fault;
  const distrust = describeDistrust(error, code, serverName, nowMs);
  if (distrust !== undefined) return `tls: failed to verify certificate: x509: ${distrust}`;
  return error instanceof Error ? error.message : String(error);
}

/** The address that did not answer; the first of them where a name has several. */
function addressOf(error: unknown): string | undefined {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return isObject(first) && typeof first["address"] === "string" ? first["address"] : undefined;
}

const isHangUp = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message === "socket hang up" || error.message.startsWith("Client network socket disconnected"));

/** The server of names that was asked first. */
function asked(): string {
  const [server] = process.getBuiltinModule("node:dns").getServers();
  if (server === undefined) return "";
  return ` on ${/^[\d.]+$/.test(server) ? `${server}:53` : server}`;
}

/** The other side's reasons to end a handshake, by their numbers in RFC 8446, as Go calls them. */
const alerts: Readonly<Record<string, string>> = {
  40: "handshake failure",
  42: "bad certificate",
  43: "unsupported certificate",
  44: "revoked certificate",
  45: "expired certificate",
  46: "unknown certificate",
  47: "illegal parameter",
  48: "unknown certificate authority",
  49: "access denied",
  50: "error decoding message",
  51: "error decrypting message",
  70: "protocol version not supported",
  71: "insufficient security level",
  80: "internal error",
  86: "inappropriate fallback",
  90: "user canceled",
  112: "unrecognized name",
  116: "certificate required",
  120: "no application protocol",
};

function alertOf(error: unknown): string | undefined {
  const [, number = ""] = /SSL alert number (\d+)/.exec(error instanceof Error ? error.message : "") ?? [];
  return alerts[number];
}

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

/** Only names of the kind that was wanted are of interest. Mirrors crypto/x509.HostnameError. */
function describeNames(certificate: Partial<PeerCertificate> | undefined, serverName: string): string {
  const names = namesOf(certificate?.subjectaltname);
  if (names.length === 0 && certificate?.subject?.CN === serverName)
    return "certificate relies on legacy Common Name field, use SANs instead";
  const isWanted = isAddress(serverName) ? isAddress : (name: string): boolean => !isAddress(name);
  const valid = names.filter(isWanted);
  if (valid.length > 0) return `certificate is valid for ${valid.join(", ")}, not ${serverName}`;
  if (isAddress(serverName))
    return `cannot validate certificate for ${serverName} because it doesn't contain any IP SANs`;
  return `certificate is not valid for any names, but wanted to match ${serverName}`;
}

/** "DNS:a.b, IP Address:10.0.0.1" → its names, as they are compared with the one expected. */
export function namesOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? "")
    .split(", ")
    .filter((entry) => /^(?:DNS|IP Address):/.test(entry))
    .map((entry) => entry.slice(entry.indexOf(":") + 1));
}
