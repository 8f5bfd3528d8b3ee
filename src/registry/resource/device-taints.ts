import type { DeviceTaint } from "../../api/types/resource-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceExtension } from "../../apiserver/registry/strategy.ts";
import { devicesOf, dropDeviceFields } from "./slices.ts";

/** Devices that their driver taints: a taint that does not say since when is new. */
export const resourceSlicesExtension: ResourceExtension = {
  group: "resource.k8s.io",
  resource: "resourceslices",
  setup: ({ nowMs }) => ({
    strategy: {
      prepareForCreate(_context, object) {
        dropDeviceFields(object);
        stamp(taintsOfDevices(object), nowMs);
      },
      prepareForUpdate(_context, object, old) {
        stamp(taintsOfDevices(object), nowMs);
        // A change counts before what it may not bring is taken away.
        if (!deepEqual(object["spec"], old["spec"])) {
          object.metadata.generation = (old.metadata.generation ?? 0) + 1;
        }
        dropDeviceFields(object, old);
      },
    },
  }),
};

/**
 * Taints that an administrator puts on devices. What counts is since when a taint has its effect: another effect is a
 * new taint unless the client says otherwise (mirrors pkg/registry/resource/devicetaintrule).
 */
export const deviceTaintRulesExtension: ResourceExtension = {
  group: "resource.k8s.io",
  resource: "devicetaintrules",
  setup: ({ nowMs }) => ({
    strategy: {
      prepareForCreate: (_context, object) => stamp(taintOfRule(object), nowMs),
      prepareForUpdate(_context, object, old, subresource) {
        if (subresource === "status") object["status"] ??= {};
        if (subresource !== "") return;
        const [taint] = taintOfRule(object);
        const [before] = taintOfRule(old);
        if (taint === undefined) return;
        if (taint.effect !== before?.effect && taint.timeAdded === before?.timeAdded) delete taint.timeAdded;
        stamp([taint], nowMs);
      },
    },
  }),
};

function stamp(taints: readonly DeviceTaint[], nowMs: () => number): void {
  for (const taint of taints) taint.timeAdded ??= formatTime(nowMs());
}

function taintOfRule({ spec }: UnstructuredObject): DeviceTaint[] {
  return isObject(spec) && isObject(spec["taint"]) ? [spec["taint"] as unknown as DeviceTaint] : [];
}

const taintsOfDevices = (slice: UnstructuredObject): DeviceTaint[] =>
  devicesOf(slice).flatMap(({ taints }) => taints ?? []);
