import { invalid, omitted, required, tooLong } from "../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import type {
  ClusterTrustBundle,
  PodCertificateRequest,
  PodCertificateRequestSpec,
} from "../types/certificates-v1beta1.ts";
import { checkName, type Errors, entries, immutable, size, text } from "./basics.ts";
import { byteLength, checkObjectMeta, checkObjectMetaUpdate } from "./object-meta.ts";
import { checkSignerName, clusterTrustBundleNameErrors, isKubernetesSigner } from "./signer-name.ts";

/**
 * Certificates of pods and bundles of authorities (mirrors pkg/apis/certificates/validation). What is inside keys and
 * certificates is read by the registry.
 */

/** A bundle is named after its signer, so the rules of its name depend on the object. */
export function checkTrustBundle({ metadata, spec }: ClusterTrustBundle, errors: Errors): void {
  const signer = text(spec.signerName);
  const name = (given: string, prefix: boolean): string[] =>
    clusterTrustBundleNameErrors(
      prefix && given.length > 1 && given.endsWith("-") ? `${given.slice(0, -2)}a` : given,
      signer,
    );
  checkObjectMeta(metadata, { namespaced: false, name, standardFinalizers: true }, errors);
  if (signer !== "") checkSignerName(signer, "spec.signerName", errors);
}

export function checkTrustBundleUpdate(
  now: ClusterTrustBundle,
  old: ClusterTrustBundle,
  errors: Errors,
): void {
  checkTrustBundle(now, errors);
  checkObjectMetaUpdate(now.metadata, old.metadata, true, errors);
  immutable(text(now.spec.signerName), text(old.spec.signerName), "spec.signerName", errors);
}

const uidBytesMax = 128;
const secondsMin = 3600;
const secondsMaxOfKubernetes = 24 * 3600;
const secondsMaxOfOthers = 91 * 24 * 3600;
const annotationBytesMax = 256 * 1024;

export function checkPodCertificateRequest({ spec }: PodCertificateRequest, errors: Errors): void {
  checkSignerName(text(spec.signerName), "spec.signerName", errors);
  checkUserAnnotations(spec, errors);
  checkName(spec.podName, dns1123SubdomainErrors, "spec.podName", errors);
  checkUid(spec.podUID, "spec.podUID", errors);
  checkName(spec.serviceAccountName, dns1123SubdomainErrors, "spec.serviceAccountName", errors);
  checkUid(spec.serviceAccountUID, "spec.serviceAccountUID", errors);
  checkName(spec.nodeName, dns1123SubdomainErrors, "spec.nodeName", errors);
  checkUid(spec.nodeUID, "spec.nodeUID", errors);
  const { maxExpirationSeconds: seconds } = spec;
  if (seconds === undefined) {
    errors.push(required("spec.maxExpirationSeconds", "must be set"));
    return;
  }
  const most = isKubernetesSigner(text(spec.signerName)) ? secondsMaxOfKubernetes : secondsMaxOfOthers;
  if (seconds < secondsMin || seconds > most) {
    const detail = `must be in the range [${secondsMin}, ${most}]`;
    errors.push(invalid("spec.maxExpirationSeconds", seconds, detail));
  }
  const [stub, key, proof] = [spec.stubPKCS10Request, spec.pkixPublicKey, spec.proofOfPossession].map(
    (value) => text(value) !== "",
  );
  if (key === proof && key !== stub) return;
  const detail = "exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set";
  errors.push(invalid("spec", omitted, detail));
}

function checkUid(uid: string | undefined, path: string, errors: Errors): void {
  if (text(uid) === "") errors.push(invalid(path, "", "must not be empty"));
  if (byteLength(text(uid)) > uidBytesMax) errors.push(tooLong(path, uidBytesMax));
}

function checkUserAnnotations(
  { unverifiedUserAnnotations: given }: PodCertificateRequestSpec,
  errors: Errors,
): void {
  const path = "spec.unverifiedUserAnnotations";
  if (size(given) === 0) return;
  let bytes = 0;
  for (const [name, value] of entries(given)) {
    bytes += byteLength(name) + byteLength(value);
    const key = name.toLowerCase();
    const messages = qualifiedNameErrors(key);
    if (key === "") errors.push(required(path));
    else if (messages.length > 0) checkName(key, () => messages, path, errors);
    else if (!key.includes("/")) {
      errors.push(invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")'));
    }
  }
  if (bytes > annotationBytesMax) errors.push(tooLong(path, annotationBytesMax));
}

/** All that may change is metadata. */
export function checkPodCertificateRequestUpdate(
  now: PodCertificateRequest,
  old: PodCertificateRequest,
  errors: Errors,
): void {
  immutable(now.spec, old.spec, "spec", errors);
}
