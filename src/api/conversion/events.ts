import type { UnstructuredObject } from "../../apimachinery/object.ts";

/**
 * The two spellings of an event: core/v1, as it is kept, and events.k8s.io/v1. Both hold the same facts; what core
 * calls source, count and timestamps lives on as `deprecated…`. Mirrors pkg/apis/events/v1/conversion.go.
 */
const names: readonly (readonly [core: string, events: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];
const toEvents = new Map(names);
const toCore = new Map(names.map(([core, events]) => [events, core] as const));

function rename(event: UnstructuredObject, fields: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [fields.get(name) ?? name, value] as const),
  );
}

/** core/v1 → events.k8s.io/v1. Empty names of the reporter are left out there, and printed in core. */
export function eventFromCore(event: UnstructuredObject): UnstructuredObject {
  const result = rename(event, toEvents);
  for (const field of ["reportingController", "reportingInstance", "note", "deprecatedCount"]) {
    if (result[field] === "" || result[field] === 0) delete result[field];
  }
  return { ...result, apiVersion: "events.k8s.io/v1", kind: "Event", metadata: event.metadata };
}

/** events.k8s.io/v1 → core/v1. */
export function eventToCore(event: UnstructuredObject): UnstructuredObject {
  const result: Record<string, unknown> = {
    involvedObject: {},
    source: {},
    reportingComponent: "",
    reportingInstance: "",
    ...rename(event, toCore),
  };
  return { ...result, apiVersion: "v1", kind: "Event", metadata: event.metadata };
}
