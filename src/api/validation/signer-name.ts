import { invalid, required, tooLong } from "../../apimachinery/field-error.ts";
import { dns1123LabelErrors, dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import type { Errors } from "./basics.ts";

/** Names of signers, `example.com/name`, and of trust bundles that belong to one, `example.com:name:bundle`. */
const domainBytesMax = 253;
/** A subdomain, a label and the dot between them. */
const pathBytesMax = 253 + 63 + 1;

export function checkSignerName(name: string, path: string, errors: Errors): void {
  if (name === "") {
    errors.push(required(path));
    return;
  }
  const [domain = "", rest = "", more] = name.split("/");
  if (!name.includes("/") || more !== undefined) {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    errors.push(invalid(path, name, detail));
    return;
  }
  if (domain.length > domainBytesMax) errors.push(tooLong(path, domainBytesMax));
  checkLabels(domain, dns1123LabelErrors, path, errors);
  if (!domain.includes(".")) {
    const detail = "should be a domain with at least two segments separated by dots";
    errors.push(invalid(path, domain, detail));
  }
  checkLabels(rest, dns1123SubdomainErrors, path, errors);
  if (rest.length > pathBytesMax) errors.push(tooLong(path, pathBytesMax));
  const bytesMax = domainBytesMax + pathBytesMax + 1;
  if (name.length > bytesMax) errors.push(tooLong(path, bytesMax));
}

function checkLabels(dotted: string, rule: (label: string) => string[], path: string, errors: Errors): void {
  // The first bad one is enough.
  const bad = dotted.split(".").find((label) => rule(label).length > 0);
  if (bad === undefined) return;
  for (const message of rule(bad)) {
    errors.push(invalid(path, dotted, `validating label ${JSON.stringify(bad)}: ${message}`));
  }
}

/** `signerName` is the signer that the bundle names, if it names one. */
export function clusterTrustBundleNameErrors(name: string, signerName = signerOfBundle(name)): string[] {
  if (signerName === "") {
    return name.includes(":")
      ? ['ClusterTrustBundle without signer name must not have ":" in its name']
      : dns1123SubdomainErrors(name);
  }
  const prefix = `${signerName.replaceAll("/", ":")}:`;
  if (!name.startsWith(prefix)) {
    return [`ClusterTrustBundle for signerName ${signerName} must be named with prefix ${prefix}`];
  }
  return dns1123SubdomainErrors(name.slice(prefix.length));
}

function signerOfBundle(name: string): string {
  const end = name.lastIndexOf(":");
  return end < 0 ? "" : name.slice(0, end).replaceAll(":", "/");
}

/** Signers of the project itself, which are held to shorter lives. */
export function isKubernetesSigner(name: string): boolean {
  const [host = ""] = name.split("/");
  return host === "kubernetes.io" || host.endsWith(".kubernetes.io");
}
