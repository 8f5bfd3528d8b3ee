import { invalid, required } from "../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors, qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { Event as CoreEvent } from "../types/core-v1.ts";
import type { Event } from "../types/events-v1.ts";
import { checkName, type Errors, immutable, isEmpty, text } from "./basics.ts";

/** Events, in the old form and in the new: one object in two shapes (mirrors pkg/apis/core/validation/events.go). */
interface EventFacts {
  readonly metadata: ObjectMeta;
  readonly eventTime: string | undefined;
  readonly subjectNamespace: string;
  readonly subjectPath: string;
  readonly reporter: string;
  readonly reporterPath: string;
  readonly instance: string;
  readonly action: string;
  readonly reason: string;
  readonly note: string;
  readonly notePath: string;
}

const textMax = 128;
const noteMax = 1024;

export function checkCoreEvent(event: CoreEvent, errors: Errors): void {
  checkFacts(
    {
      metadata: event.metadata,
      eventTime: event.eventTime,
      subjectNamespace: text(event.involvedObject?.namespace),
      subjectPath: "involvedObject.namespace",
      reporter: text(event.reportingComponent),
      reporterPath: "reportingComponent",
      instance: text(event.reportingInstance),
      action: text(event.action),
      reason: text(event.reason),
      note: text(event.message),
      notePath: "message",
    },
    errors,
  );
}

export function checkEvent(event: Event, errors: Errors): void {
  checkFacts(
    {
      metadata: event.metadata,
      eventTime: event.eventTime,
      subjectNamespace: text(event.regarding?.namespace),
      subjectPath: "involvedObject.namespace",
      reporter: text(event.reportingController),
      reporterPath: "reportingController",
      instance: text(event.reportingInstance),
      action: text(event.action),
      reason: text(event.reason),
      note: text(event.note),
      notePath: "message",
    },
    errors,
  );
  if (event.eventTime === undefined) errors.push(required("eventTime"));
  if (event.type !== "Normal" && event.type !== "Warning") {
    errors.push(invalid("type", "", `has invalid value: ${text(event.type)}`));
  }
  const empty: readonly (readonly [string, unknown])[] = [
    ["firstTimestamp", event.deprecatedFirstTimestamp],
    ["lastTimestamp", event.deprecatedLastTimestamp],
    ["count", (event.deprecatedCount ?? 0) === 0 ? undefined : event.deprecatedCount],
    ["source", isEmpty(event.deprecatedSource?.component) ? undefined : event.deprecatedSource],
  ];
  for (const [field, value] of empty) {
    if (value !== undefined) errors.push(invalid(field, "", "needs to be unset"));
  }
}

function checkFacts(facts: EventFacts, errors: Errors): void {
  const namespace = text(facts.metadata.namespace);
  const subject = facts.subjectNamespace;
  const mismatch = invalid(facts.subjectPath, subject, "does not match event.namespace");
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
      if (value.length > textMax) errors.push(invalid(path, "", `can have at most ${textMax} characters`));
    }
    if (facts.note.length > noteMax) {
      errors.push(invalid(facts.notePath, "", `can have at most ${noteMax} characters`));
    }
  }
  checkName(namespace, dns1123SubdomainErrors, "namespace", errors);
}

export function checkEventUpdate(now: Event, old: Event, errors: Errors): void {
  checkEvent(now, errors);
  const fields = [
    "regarding",
    "reason",
    "reportingController",
    "reportingInstance",
    "action",
    "note",
    "type",
  ] as const;
  for (const field of fields)
    immutable(now[field], old[field], field === "regarding" ? "involvedObject" : field, errors);
  immutable(now.eventTime, old.eventTime, "eventTime", errors);
}
