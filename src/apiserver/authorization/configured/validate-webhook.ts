import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { parseDurationMs } from "../../../apimachinery/duration.ts";
import {
  type FieldError,
  type FieldPath,
  invalid,
  notSupported,
  required,
} from "../../../apimachinery/field-error.ts";
import type { RawWebhook } from "./configuration.ts";

const maxTimeoutMs = 30_000;

/** A duration as Go writes it, in milliseconds; undefined for what is none, and for what is missing. */
export function durationMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}

/** What is wrong with a webhook, but for its conditions. Upstream's paths leave `webhook` out, and so do these. */
export function validateWebhook(webhook: RawWebhook, at: FieldPath): FieldError[] {
  const { matchConditions = [], matchConditionSubjectAccessReviewVersion: conditionVersion = "" } = webhook;
  const needsVersion = matchConditions.length > 0 && conditionVersion === "";
  const conditionVersionAt = at.child("matchConditionSubjectAccessReviewVersion");
  return [
    ...timeoutErrors(webhook.timeout, at.child("timeout")),
    ...ttlErrors(webhook.authorizedTTL, at.child("authorizedTTL")),
    ...ttlErrors(webhook.unauthorizedTTL, at.child("unauthorizedTTL")),
    ...choiceErrors(
      webhook.subjectAccessReviewVersion,
      ["v1", "v1beta1"],
      at.child("subjectAccessReviewVersion"),
    ),
    ...(needsVersion ? [required(conditionVersionAt, "required if match conditions are specified")] : []),
    ...(conditionVersion === "" ? [] : choiceErrors(conditionVersion, ["v1"], conditionVersionAt)),
    ...choiceErrors(webhook.failurePolicy, ["NoOpinion", "Deny"], at.child("failurePolicy")),
    ...connectionErrors(webhook.connectionInfo ?? {}, at.child("connectionInfo")),
  ];
}

function timeoutErrors(text: string | undefined, at: FieldPath): FieldError[] {
  const ms = durationMs(text);
  if (text !== undefined && ms === undefined) return [invalid(at, text, "time: invalid duration")];
  if (ms === undefined || ms === 0) return [required(at, "")];
  return ms > maxTimeoutMs || ms < 0 ? [invalid(at, text, "must be > 0s and <= 30s")] : [];
}

/** What is not said, or zero, means the default. */
function ttlErrors(text: string | undefined, at: FieldPath): FieldError[] {
  const ms = durationMs(text);
  if (text !== undefined && ms === undefined) return [invalid(at, text, "time: invalid duration")];
  return ms !== undefined && ms < 0 ? [invalid(at, text, "must be > 0s")] : [];
}

function choiceErrors(value: string | undefined, choices: readonly string[], at: FieldPath): FieldError[] {
  if (value === undefined || value === "") return [required(at, "")];
  return choices.includes(value) ? [] : [notSupported(at, value, choices)];
}

function connectionErrors(
  { type = "", kubeConfigFile = "" }: NonNullable<RawWebhook["connectionInfo"]>,
  at: FieldPath,
): FieldError[] {
  if (type === "") return [required(at.child("type"), "")];
  // The other mode leads to this server itself, and Kubernetes does not let kube-apiserver have it either.
  if (type !== "KubeConfigFile") return [notSupported(at.child("type"), type, ["KubeConfigFile"])];
  const file = at.child("kubeConfigFile");
  if (kubeConfigFile === "") return [required(file, "")];
  if (!isAbsolute(kubeConfigFile)) return [invalid(file, kubeConfigFile, "must be an absolute path")];
  try {
    if (!statSync(kubeConfigFile).isFile()) return [invalid(file, kubeConfigFile, "must be a regular file")];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [invalid(file, kubeConfigFile, `error loading file: ${why}`)];
  }
  return [];
}
