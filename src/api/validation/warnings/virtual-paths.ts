import type { Volume, VolumeProjection } from "../../types/core-v1.ts";
import { list, text } from "../basics.ts";

/**
 * Files of one volume that are asked for twice, or below each other: one would hide the other, or cannot be made at all
 * (mirrors warningsForOverlappingVirtualPaths of pkg/api/pod/warnings.go).
 */
export function virtualPathWarnings(volumes: readonly Volume[] | undefined, warnings: string[]): void {
  for (const volume of list(volumes)) {
    const { name, configMap, secret, downwardAPI, projected } = volume;
    const quoted = JSON.stringify(name);
    const warn = (what: string, files: readonly File[]): void => {
      for (const overlap of overlaps(files)) {
        warnings.push(`volume ${quoted} (${what}): overlapping paths: ${overlap}`);
      }
    };
    warn(`ConfigMap ${JSON.stringify(text(configMap?.name))}`, filesOf(configMap?.items, ""));
    warn(`Secret ${JSON.stringify(text(secret?.secretName))}`, filesOf(secret?.items, ""));
    warn("DownwardAPI", filesOf(downwardAPI?.items, ""));
    for (const source of list(projected?.sources)) {
      if (Object.keys(source).length > 0) continue;
      warnings.push(`volume ${quoted} (Projected) has no sources provided`);
    }
    warn("Projected", list(projected?.sources).flatMap(projectedFiles));
  }
}

interface File {
  readonly path: string;
  /** Empty where the volume has but one. */
  readonly source: string;
}

const filesOf = (items: readonly { readonly path: string }[] | undefined, source: string): File[] =>
  list(items).map(({ path }) => ({ path, source }));

function projectedFiles(projection: VolumeProjection): File[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } =
    projection;
  if (configMap?.items !== undefined) {
    return filesOf(configMap.items, `ConfigMap ${JSON.stringify(text(configMap.name))}`);
  }
  if (secret?.items !== undefined)
    return filesOf(secret.items, `Secret ${JSON.stringify(text(secret.name))}`);
  if (downwardAPI?.items !== undefined) return filesOf(downwardAPI.items, "DownwardAPI");
  if (serviceAccountToken !== undefined) return filesOf([serviceAccountToken], "ServiceAccountToken");
  if (clusterTrustBundle !== undefined) {
    const name = clusterTrustBundle.name ?? text(clusterTrustBundle.signerName);
    return filesOf([clusterTrustBundle], `ClusterTrustBundle ${JSON.stringify(name)}`);
  }
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {};
  return [
    { path: text(certificateChainPath), source: "PodCertificate chain" },
    { path: text(keyPath), source: "PodCertificate key" },
    { path: text(credentialBundlePath), source: "PodCertificate credential bundle" },
  ].filter(({ path }) => path !== "");
}

function overlaps(files: readonly File[]): string[] {
  const found: string[] = [];
  const seen: File[] = [];
  for (const { path: raw, source } of files) {
    const file = { path: raw.replace(/\/+$/, ""), source };
    for (const other of seen)
      if (isOverlap(file.path, other.path)) found.push(`${show(file)} with ${show(other)}`);
    seen.push(file);
  }
  return found;
}

const isOverlap = (a: string, b: string): boolean =>
  a !== "" && b !== "" && (`${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`));

const show = ({ path, source }: File): string =>
  source === "" ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;
