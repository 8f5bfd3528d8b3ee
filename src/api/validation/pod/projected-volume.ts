import { forbidden, invalid, required } from "../../../apimachinery/field-error.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../../apimachinery/names.ts";
import type {
  ClusterTrustBundleProjection,
  KeyToPath,
  PodCertificateProjection,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from "../../types/core-v1.ts";
import { checkName, type Errors, entries, isEmpty, list, oneOf, size, text } from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkSignerName, clusterTrustBundleNameErrors } from "../signer-name.ts";
import { checkDownwardFile, checkKeyToPath } from "./files.ts";
import { checkLocalNonReservedPath } from "./paths.ts";

/** Files from several sources in one volume: each has its own path. */
export function checkProjected(sources: readonly VolumeProjection[], path: string, errors: Errors): void {
  const taken = new Set<string>();
  const take = (target: string, shown: unknown): void => {
    if (taken.has(target)) errors.push(invalid(path, shown, "conflicting duplicate paths"));
    taken.add(target);
  };
  sources.forEach((source, index) => {
    const where = `${path}.sources[${index}]`;
    const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } =
      source;
    if (secret !== undefined) checkKeyed(secret, `${where}.secret`, take, errors);
    if (configMap !== undefined) checkKeyed(configMap, `${where}.configMap`, take, errors);
    for (const file of list(downwardAPI?.items)) {
      checkDownwardFile(file, `${where}.downwardAPI`, errors);
      if (!isEmpty(file.path)) take(file.path, file.path);
    }
    if (serviceAccountToken !== undefined) {
      checkToken(serviceAccountToken, path, `${where}.serviceAccountToken`, errors);
    }
    if (clusterTrustBundle !== undefined) {
      checkTrustBundle(clusterTrustBundle, `${where}.clusterTrustBundle`, errors);
      take(text(clusterTrustBundle.path), text(clusterTrustBundle.path));
    }
    if (podCertificate !== undefined) {
      checkPodCertificate(podCertificate, `${where}.podCertificate`, take, errors);
    }
    if (size(source) > 1) {
      errors.push(forbidden(where, "may not specify more than 1 volume type per source"));
    }
  });
}

type Take = (target: string, shown: unknown) => void;

function checkKeyed(
  { name, items }: { readonly name?: string | undefined; readonly items?: KeyToPath[] | undefined },
  path: string,
  take: Take,
  errors: Errors,
): void {
  if (isEmpty(name)) errors.push(required(`${path}.name`));
  list(items).forEach((item, index) => {
    checkKeyToPath(item, `${path}.items[${index}]`, errors);
    if (!isEmpty(item.path)) take(item.path, text(name));
  });
}

const tokenSecondsMin = 10 * 60;
const tokenSecondsMax = 2 ** 32;

function checkToken(
  { expirationSeconds = 3600, path: target }: ServiceAccountTokenProjection,
  volumePath: string,
  path: string,
  errors: Errors,
): void {
  const where = `${path}.expirationSeconds`;
  if (expirationSeconds < tokenSecondsMin) {
    errors.push(invalid(where, expirationSeconds, "may not specify a duration less than 10 minutes"));
  }
  if (expirationSeconds > tokenSecondsMax) {
    errors.push(invalid(where, expirationSeconds, "may not specify a duration larger than 2^32 seconds"));
  }
  if (isEmpty(target)) errors.push(required(`${volumePath}.path`));
  else checkLocalNonReservedPath(target, `${volumePath}.path`, errors);
}

function checkTrustBundle(bundle: ClusterTrustBundleProjection, path: string, errors: Errors): void {
  const { name, signerName, labelSelector } = bundle;
  if (name !== undefined && signerName !== undefined) {
    errors.push(invalid(path, bundle, "only one of name and signerName may be used"));
  } else if (name !== undefined) {
    if (name === "") errors.push(required(`${path}.name`, "must be a valid object name"));
    for (const message of clusterTrustBundleNameErrors(name)) {
      errors.push(invalid(`${path}.name`, name, `not a valid clustertrustbundlename: ${message}`));
    }
    if (labelSelector !== undefined) {
      const detail = "labelSelector must be unset if name is specified";
      errors.push(invalid(`${path}.labelSelector`, labelSelector, detail));
    }
  } else if (signerName === undefined) {
    errors.push(required(path, "either name or signerName must be specified"));
  } else {
    if (signerName === "") errors.push(required(`${path}.signerName`, "must be a valid signer name"));
    checkSignerName(signerName, `${path}.signerName`, errors);
    checkLabelSelector(labelSelector, `${path}.labelSelector`, errors);
  }
  if (isEmpty(bundle.path)) errors.push(required(`${path}.path`));
  checkLocalNonReservedPath(text(bundle.path), `${path}.path`, errors);
}

const keyTypes = ["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
const hour = 3600;

function checkPodCertificate(
  certificate: PodCertificateProjection,
  path: string,
  take: Take,
  errors: Errors,
): void {
  checkSignerName(text(certificate.signerName), `${path}.signerName`, errors);
  oneOf(text(certificate.keyType), keyTypes, `${path}.keyType`, errors);
  const seconds = certificate.maxExpirationSeconds;
  if (seconds !== undefined) checkExpiration(seconds, text(certificate.signerName), path, errors);
  let paths = 0;
  for (const field of ["credentialBundlePath", "keyPath", "certificateChainPath"] as const) {
    const target = certificate[field];
    if (target === undefined || target === "") continue;
    paths++;
    checkLocalNonReservedPath(target, `${path}.${field}`, errors);
    take(target, target);
  }
  if (paths === 0) {
    const detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
    errors.push(required(path, detail));
  }
  checkUserAnnotations(certificate.userAnnotations, `${path}.userAnnotations`, errors);
}

function checkExpiration(seconds: number, signer: string, path: string, errors: Errors): void {
  const where = `${path}.maxExpirationSeconds`;
  if (seconds < hour) {
    errors.push(invalid(where, seconds, "if provided, maxExpirationSeconds must be >= 3600"));
  }
  const max = signer.startsWith("kubernetes.io/") ? 24 * hour : 91 * 24 * hour;
  if (seconds > max) {
    errors.push(invalid(where, seconds, `if provided, maxExpirationSeconds must be <= ${max}`));
  }
}

function checkUserAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  errors: Errors,
): void {
  for (const [key] of entries(annotations)) {
    checkName(key, qualifiedNameErrors, path, errors);
    const [domain = ""] = key.split("/");
    if (!key.includes("/") || dns1123SubdomainErrors(domain).length > 0) {
      errors.push(invalid(path, key, "must be a domain-prefixed key (such as acme.io/foo)"));
    }
  }
}
