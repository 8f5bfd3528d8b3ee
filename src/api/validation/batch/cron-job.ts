import { invalid, notSupported, required } from "../../../apimachinery/field-error.ts";
import type { CronJob, JobSpec } from "../../types/batch-v1.ts";
import { type Errors, isEmpty, nonNegative, requiredOneOf, text } from "../basics.ts";
import { cronError, isTimeZone } from "../cron.ts";
import type { PodOptions } from "../pod/options.ts";
import { templateOptions } from "../workloads.ts";
import { checkJobSpec } from "./job-spec.ts";

/** The controller appends eleven characters to the name. */
const cronJobNameMax = 52;

export function checkCronJob(cronJob: CronJob, errors: Errors, old?: CronJob): void {
  const { metadata, spec } = cronJob;
  if (isEmpty(spec.schedule)) errors.push(required("spec.schedule"));
  else checkSchedule(spec.schedule, spec.timeZone, old?.spec.schedule.includes("TZ") === true, errors);
  nonNegative(spec.startingDeadlineSeconds, "spec.startingDeadlineSeconds", errors);
  if (spec.timeZone !== undefined && spec.timeZone !== old?.spec.timeZone) {
    checkTimeZone(spec.timeZone, "spec.timeZone", errors);
  }
  requiredOneOf(spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"], "spec.concurrencyPolicy", errors);
  checkJobTemplate(spec.jobTemplate.spec, templateOptions(old?.spec.jobTemplate.spec?.template), errors);
  nonNegative(spec.successfulJobsHistoryLimit, "spec.successfulJobsHistoryLimit", errors);
  nonNegative(spec.failedJobsHistoryLimit, "spec.failedJobsHistoryLimit", errors);
  if (old === undefined && text(metadata.name).length > cronJobNameMax) {
    const detail = `must be no more than ${cronJobNameMax} characters`;
    errors.push(invalid("metadata.name", metadata.name, detail));
  }
}

function checkSchedule(
  schedule: string,
  timeZone: string | undefined,
  mayNameZone: boolean,
  errors: Errors,
): void {
  const path = "spec.schedule";
  const error = cronError(schedule);
  if (error !== undefined) errors.push(invalid(path, schedule, error));
  if (!schedule.includes("TZ")) return;
  if (!mayNameZone) {
    const detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    errors.push(invalid(path, schedule, detail));
  } else if (timeZone !== undefined) {
    const detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule";
    errors.push(invalid(path, schedule, detail));
  }
}

function checkTimeZone(zone: string, path: string, errors: Errors): void {
  if (zone === "") {
    errors.push(invalid(path, zone, "timeZone must be nil or non-empty string"));
    return;
  }
  if (zone.toLowerCase() === "local") {
    const detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
    errors.push(invalid(path, zone, detail));
  }
  if (zone !== "Local" && !isTimeZone(zone)) errors.push(invalid(path, zone, `unknown time zone ${zone}`));
}

function checkJobTemplate(spec: JobSpec | undefined, options: PodOptions, errors: Errors): void {
  const path = "spec.jobTemplate.spec";
  const job: JobSpec = spec ?? { template: {} };
  checkJobSpec(job, options, path, errors);
  if (job.selector !== undefined) {
    errors.push(invalid(`${path}.selector`, job.selector, "`selector` will be auto-generated"));
  }
  if (job.manualSelector === true) {
    errors.push(notSupported(`${path}.manualSelector`, true, ["nil", "false"]));
  }
}
