import { invalid, required } from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { Event as CoreEvent } from "../types/core-v1.ts";
import type { Event } from "../types/events-v1.ts";
import {
  checkName,
  type Errors,
  immutable,
  isEmpty,
  nameIsDnsSubdomain,
  nameIsPathSegment,
  same,
  text,
} from "./basics.ts";
import { checkObjectMeta, checkObjectMetaUpdate } from "./object-meta.ts";

/**
 * Events, in the old form and in the new: one object in two shapes (mirrors pkg/apis/core/validation/events.go). What is
 * asked of both forms comes first; the old form is asked for no more.
 */
interface EventFacts {
  readonly metadata: ObjectMeta;
  readonly eventTime: string | undefined;
  readonly subjectNamespace: string;
  readonly reporter: string;
  readonly reporterPath: string;
  readonly instance: string;
  readonly action: string;
  readonly reason: string;
  readonly note: string;
}

const textMax = 128;
const noteMax = 1024;
/** Every kind is held to these last; with events of the old form it is all that is said of their metadata. */
const metadataOfAll = { namespaced: true, name: nameIsPathSegment, standardFinalizers: false };
const metadataOfEvents = { namespaced: true, name: nameIsDnsSubdomain, standardFinalizers: true };

export function checkCoreEvent(event: CoreEvent, errors: Errors): void {
  checkCoreFacts(event, errors);
  if (errors.length === 0) checkObjectMeta(event.metadata, metadataOfAll, errors);
}

export function checkCoreEventUpdate(event: CoreEvent, _old: CoreEvent, errors: Errors): void {
  checkCoreFacts(event, errors);
}

function checkCoreFacts(event: CoreEvent, errors: Errors): void {
  checkFacts(
    {
      metadata: event.metadata,
      eventTime: event.eventTime ?? undefined,
      subjectNamespace: text(event.involvedObject?.namespace),
      reporter: text(event.reportingComponent),
      reporterPath: "reportingComponent",
      instance: text(event.reportingInstance),
      action: text(event.action),
      reason: text(event.reason),
      note: text(event.message),
    },
    errors,
  );
}

export function checkEvent(event: Event, errors: Errors): void {
  checkNewFacts(event, errors);
  checkObjectMeta(event.metadata, metadataOfEvents, errors);
  checkSeries(event, errors);
  if (isEmpty(event.eventTime)) errors.push(required("eventTime"));
  if (event.type !== "Normal" && event.type !== "Warning") {
    errors.push(invalid("type", "", `has invalid value: ${text(event.type)}`));
  }
  const { deprecatedSource: source } = event;
  const unset: readonly (readonly [string, boolean])[] = [
    ["firstTimestamp", isEmpty(event.deprecatedFirstTimestamp)],
    ["lastTimestamp", isEmpty(event.deprecatedLastTimestamp)],
    ["count", (event.deprecatedCount ?? 0) === 0],
    ["source", isEmpty(source?.component) && isEmpty(source?.host)],
  ];
  for (const [field, isUnset] of unset) {
    if (!isUnset) errors.push(invalid(field, "", "needs to be unset"));
  }
}

function checkNewFacts(event: Event, errors: Errors): void {
  checkFacts(
    {
      metadata: event.metadata,
      eventTime: event.eventTime ?? undefined,
      subjectNamespace: text(event.regarding?.namespace),
      reporter: text(event.reportingController),
      reporterPath: "reportingController",
      instance: text(event.reportingInstance),
      action: text(event.action),
      reason: text(event.reason),
      note: text(event.note),
    },
    errors,
  );
}

function checkSeries({ series }: Event, errors: Errors): void {
  if (series === undefined) return;
  if ((series.count ?? 0) < 2) errors.push(invalid("series.count", "", "should be at least 2"));
  if (isEmpty(series.lastObservedTime)) errors.push(required("series.lastObservedTime"));
}

function checkFacts(facts: EventFacts, errors: Errors): void {
  const namespace = text(facts.metadata.namespace);
  const subject = facts.subjectNamespace;
  const mismatch = invalid("involvedObject.namespace", subject, "does not match event.namespace");
  if (facts.eventTime === undefined) {
    const agrees = subject === "" ? namespace === "" || namespace === "default" : namespace === subject;
    if (!agrees) errors.push(mismatch);
  } else {
    if (subject === "" && namespace !== "default" && namespace !== "kube-system") errors.push(mismatch);
    if (facts.reporter === "") errors.push(required(facts.reporterPath));
    checkName(facts.reporter, qualifiedNameErrors, facts.reporterPath, errors);
    for (const [path, value] of [
      ["reportingInstance", facts.instance],
      ["action", facts.action],
      ["reason", facts.reason],
    ] as const) {
      if (value === "") errors.push(required(path));
      if (Buffer.byteLength(value) > textMax) {
        errors.push(invalid(path, "", `can have at most ${textMax} characters`));
      }
    }
    if (Buffer.byteLength(facts.note) > noteMax) {
      errors.push(invalid("message", "", `can have at most ${noteMax} characters`));
    }
  }
  checkName(namespace, dns1123SubdomainErrors, "namespace", errors);
}

/** In this order; the reason is asked for twice. Their paths are those of the old form. */
const fixed: readonly (readonly [path: string, (event: Event) => unknown])[] = [
  ["involvedObject", (event) => event.regarding ?? {}],
  ["reason", (event) => text(event.reason)],
  ["message", (event) => text(event.note)],
  ["source", (event) => event.deprecatedSource ?? {}],
  ["firstTimestamp", (event) => event.deprecatedFirstTimestamp],
  ["lastTimestamp", (event) => event.deprecatedLastTimestamp],
  ["count", (event) => event.deprecatedCount ?? 0],
  ["reason", (event) => text(event.reason)],
  ["type", (event) => text(event.type)],
  ["eventTime", (event) => event.eventTime],
  ["action", (event) => text(event.action)],
  ["related", (event) => event.related],
  ["reportingController", (event) => text(event.reportingController)],
  ["reportingInstance", (event) => text(event.reportingInstance)],
];

export function checkEventUpdate(now: Event, old: Event, errors: Errors): void {
  checkNewFacts(now, errors);
  checkObjectMetaUpdate(now.metadata, old.metadata, true, errors);
  if (!same(now.series, old.series)) checkSeries(now, errors);
  for (const [path, of] of fixed) immutable(of(now), of(old), path, errors);
}
