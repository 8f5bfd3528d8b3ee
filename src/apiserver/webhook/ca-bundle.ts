import { X509Certificate } from "node:crypto";

const certificate = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** The certificates of a bundle as API objects hold it, in base64; undefined for one that says nothing. */
export function bundleText(caBundle: string | undefined): string | undefined {
  const text = Buffer.from(caBundle ?? "", "base64").toString("utf8");
  return text.trim() === "" ? undefined : text;
}

/** What is wrong with a bundle, in Go's words; undefined when it holds certificates. */
export function caBundleError(caBundle: string): string | undefined {
  const text = bundleText(caBundle) ?? "";
  const found = text.match(certificate) ?? [];
  if (found.length === 0) {
    return "unable to load root certificates: unable to parse bytes as PEM block";
  }
  try {
    found.map((each) => new X509Certificate(each));
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return `unable to load root certificates: failed to parse certificate: ${why}`;
  }
}
