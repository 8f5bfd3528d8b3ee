import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
} from "../../api/types/core-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";

const asVolume = (object: UnstructuredObject): PersistentVolume => object as unknown as PersistentVolume;
const asClaim = (object: UnstructuredObject): PersistentVolumeClaim =>
  object as unknown as PersistentVolumeClaim;

/** New volumes are Pending, whatever their creator says; the server notes when a phase was entered. */
export const persistentVolumesExtension: ResourceExtension = {
  group: "",
  resource: "persistentvolumes",
  setup: ({ nowMs }) => ({
    strategy: {
      prepareForCreate(_context, object) {
        object["status"] = { phase: "Pending", lastPhaseTransitionTime: formatTime(nowMs()) };
      },
      prepareForUpdate(_context, object, old, subresource) {
        if (subresource !== "status") return;
        const [status, before] = [asVolume(object).status, asVolume(old).status];
        const { lastPhaseTransitionTime } = status ?? {};
        if (status?.phase === before?.phase) {
          if (lastPhaseTransitionTime !== undefined || before?.lastPhaseTransitionTime === undefined) return;
          object["status"] = { ...status, lastPhaseTransitionTime: before.lastPhaseTransitionTime };
          return;
        }
        // A time that the writer chose stays.
        if (
          lastPhaseTransitionTime !== undefined &&
          lastPhaseTransitionTime !== before?.lastPhaseTransitionTime
        )
          return;
        object["status"] = { ...status, lastPhaseTransitionTime: formatTime(nowMs()) };
      },
    },
  }),
};

/** New claims are Pending; `dataSource` and `dataSourceRef` say the same. */
export const persistentVolumeClaimsExtension: ResourceExtension = {
  group: "",
  resource: "persistentvolumeclaims",
  setup: () => ({
    strategy: {
      prepareForCreate(_context, object) {
        object["status"] = { phase: "Pending" };
        matchDataSources(asClaim(object).spec, {});
      },
      prepareForUpdate(_context, object, old, subresource) {
        if (subresource === "") matchDataSources(asClaim(object).spec, asClaim(old).spec);
      },
    },
  }),
};

/**
 * The older field knows claims and snapshots only: others are taken out of it without a word, as they always were, unless
 * the newer field is there. Sources in other namespaces are a feature that is off.
 */
function matchDataSources(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec): void {
  if ((spec.dataSourceRef?.namespace ?? "") !== "" && old.dataSourceRef === undefined)
    delete spec.dataSourceRef;
  if (spec.dataSource !== undefined && spec.dataSourceRef === undefined && old.dataSource === undefined) {
    if (!isClaimOrSnapshot(spec.dataSource)) delete spec.dataSource;
  }
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource };
  if (dataSourceRef !== undefined && dataSource === undefined && (dataSourceRef.namespace ?? "") === "") {
    const { namespace: _none, ...rest } = dataSourceRef;
    spec.dataSource = rest;
  }
}

const isClaimOrSnapshot = ({ apiGroup, kind }: { apiGroup?: string | undefined; kind: string }): boolean =>
  ((apiGroup ?? "") === "" && kind === "PersistentVolumeClaim") ||
  (apiGroup === "snapshot.storage.k8s.io" && kind === "VolumeSnapshot");
