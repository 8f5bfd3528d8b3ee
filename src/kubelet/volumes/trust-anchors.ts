import type { ClusterTrustBundle } from "../../api/types/certificates-v1beta1.ts";
import type { ClusterTrustBundleProjection } from "../../api/types/core-v1.ts";
import { selectorFromLabelSelector } from "../../apimachinery/labels.ts";
import { VolumeError } from "./volume.ts";

/**
 * The certificates that a projection asks for, each once, as PEM: those of one bundle by name, or of all of a signer that
 * labels choose. (Mirrors pkg/kubelet/clustertrustbundle.)
 */
export function trustAnchors(
  { name, signerName, labelSelector, optional = false }: ClusterTrustBundleProjection,
  bundles: readonly ClusterTrustBundle[],
): Buffer {
  if (name === undefined && signerName === undefined)
    throw new VolumeError("ClusterTrustBundle projection requires either name or signerName to be set");
  const selector = selectorFromLabelSelector(labelSelector);
  const chosen = bundles.filter(({ metadata, spec }) =>
    name === undefined
      ? spec.signerName === signerName && selector.matches(metadata.labels)
      : metadata.name === name,
  );
  if (chosen.length === 0 && !optional) {
    throw new VolumeError(
      name === undefined
        ? "combination of signerName and labelSelector matched zero ClusterTrustBundles"
        : `while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "${name}" not found`,
    );
  }
  const sorted = chosen.toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
  const anchors = new Set(sorted.flatMap(({ spec }) => certificatesOf(spec.trustBundle)));
  return Buffer.from([...anchors].map(pemOf).join(""));
}

/** The content of each block, as Base64 in one line. What stands between blocks are notes. */
const certificatesOf = (pem: string): string[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g)].map(([, body = ""]) =>
    body.replaceAll(/\s/g, ""),
  );

const pemOf = (body: string): string =>
  `-----BEGIN CERTIFICATE-----\n${body.replaceAll(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`;
