import type { ClusterTrustBundle } from "../../api/types/certificates-v1beta1.ts";
import { type FieldError, invalid, tooLong } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import { decodePem, type PemBlock } from "../../pki/index.ts";
import { readCertificate } from "./x509.ts";

/** Bundles hold certificates of authorities, each once. Those that do not change are not read again. */
export const clusterTrustBundlesExtension: ResourceExtension = {
  group: "certificates.k8s.io",
  resource: "clustertrustbundles",
  setup: () => ({
    strategy: {
      validateCreate: (_context, object) => bundleErrors(bundleOf(object)),
      validateUpdate(_context, object, old) {
        return bundleOf(object) === bundleOf(old) ? [] : bundleErrors(bundleOf(object));
      },
    },
  }),
};

const bundleOf = (object: UnstructuredObject): string =>
  (object as unknown as ClusterTrustBundle).spec.trustBundle ?? "";

const path = "spec.trustBundle";
const bytesMax = 1024 * 1024;
const fault = (detail: string): FieldError => invalid(path, "<value omitted>", detail);

function bundleErrors(bundle: string): FieldError[] {
  if (Buffer.byteLength(bundle) > bytesMax) return [tooLong(path, bytesMax)];
  const blocks = decodePem(bundle);
  const errors = blocks.flatMap((block, index) => {
    const why = blockFault(block);
    return why === undefined ? [] : [fault(`entry ${index} ${why}`)];
  });
  // One that cannot be read says nothing of how often it is there.
  if (errors.length > 0) return errors;
  if (blocks.length === 0) return [fault("at least one trust anchor must be provided")];
  const places = Map.groupBy(blocks.keys(), (index) => blocks[index]?.der.toString("base64"));
  return [...places.values()]
    .filter((indices) => indices.length > 1)
    .map((indices) => fault(`duplicate trust anchor (indices [${indices.join(" ")}])`));
}

function blockFault({ label, hasHeaders, der }: PemBlock): string | undefined {
  if (label !== "CERTIFICATE") return `has bad block type: ${label}`;
  if (hasHeaders) return "has PEM block headers";
  const certificate = readCertificate(der);
  if (certificate === undefined) return "does not parse as X.509";
  return certificate.ca ? undefined : "does not have the CA bit set";
}
