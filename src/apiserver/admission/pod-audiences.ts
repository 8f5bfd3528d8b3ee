import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "../../api/types/core-v1.ts";
import type { CSIDriver } from "../../api/types/storage-v1.ts";
import type { ObjectReader } from "../object-reader.ts";

const core = (resource: string) => ({ group: "", resource });

/**
 * Whether something in the pod needs a token for the audience: a projected token, or a CSI driver of one of its volumes.
 * The empty audience is the API server's. Mirrors podReferencesAudience of plugin/pkg/admission/noderestriction.
 */
export function podNeedsAudience(reader: ObjectReader, pod: Pod, audience: string): boolean {
  return (pod.spec?.volumes ?? []).some((volume) => {
    const sources = volume.projected?.sources ?? [];
    const isProjected = sources.some(
      ({ serviceAccountToken }) =>
        serviceAccountToken !== undefined && (serviceAccountToken.audience ?? "") === audience,
    );
    return isProjected || driverNeedsAudience(reader, driverOf(reader, pod, volume), audience);
  });
}

function driverOf(reader: ObjectReader, pod: Pod, volume: Volume): string | undefined {
  if (volume.csi !== undefined) return volume.csi.driver;
  const claimName =
    volume.persistentVolumeClaim?.claimName ??
    (volume.ephemeral === undefined ? undefined : `${pod.metadata.name}-${volume.name}`);
  if (claimName === undefined) return undefined;
  const { namespace = "" } = pod.metadata;
  const claims = core("persistentvolumeclaims");
  const claim = reader.get<PersistentVolumeClaim>(claims, namespace, claimName);
  const name = claim?.spec?.volumeName ?? "";
  return reader.get<PersistentVolume>(core("persistentvolumes"), "", name)?.spec?.csi?.driver;
}

function driverNeedsAudience(reader: ObjectReader, driver: string | undefined, audience: string): boolean {
  if (driver === undefined) return false;
  const drivers = { group: "storage.k8s.io", resource: "csidrivers" };
  const requests = reader.get<CSIDriver>(drivers, "", driver)?.spec.tokenRequests ?? [];
  return requests.some((request) => request.audience === audience);
}
