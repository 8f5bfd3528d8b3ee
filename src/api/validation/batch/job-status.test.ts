import { expect, test } from "vitest";
import { formatFieldError } from "../../../apimachinery/field-error.ts";
import type { Job, JobStatus } from "../../types/batch-v1.ts";
import type { Errors } from "../basics.ts";
import { checkJobStatus } from "./job-status.ts";

const at = "2026-01-01T00:00:00Z";
const later = "2026-01-01T00:01:00Z";

const job = (status: JobStatus, spec: Partial<Job["spec"]> = {}): Job => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name: "a" },
  spec: { completions: 5, parallelism: 2, completionMode: "Indexed", template: {}, ...spec },
  status,
});

const saying = (...types: string[]): JobStatus["conditions"] =>
  types.map((type) => ({ type, status: "True" }));

const complete: JobStatus = {
  conditions: saying("SuccessCriteriaMet", "Complete"),
  startTime: at,
  completionTime: later,
};

test.each<[string, JobStatus, JobStatus, string[]]>([
  ["that ends well", { startTime: at, active: 1 }, complete, []],
  ["that stays as it is, however wrong", { completionTime: at }, { completionTime: at }, []],
  [
    "that is complete and runs on",
    { startTime: at },
    { ...complete, active: 1 },
    ["status.active: Invalid value: 1: active>0 is invalid for finished job"],
  ],
  [
    "that ends before it starts",
    { startTime: later },
    { ...complete, startTime: later, completionTime: at },
    [`status.completionTime: Invalid value: "${at}": must be equal to or after \`startTime\``],
  ],
  [
    "that takes back its end",
    complete,
    { startTime: at },
    [
      "status.conditions: Invalid value: cannot disable the terminal Complete=True condition",
      "status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition",
    ],
  ],
  [
    "that forgets failures",
    { failed: 2 },
    { failed: 1 },
    ["status.failed: Invalid value: 1: cannot decrease the failed counter"],
  ],
  [
    "whose indexes are none",
    {},
    { completedIndexes: "1,7" },
    ['status.completedIndexes: Invalid value: "1,7": error parsing completedIndexes: too large index: "7"'],
  ],
])("a status %s", (_name, before, after, expected) => {
  const errors: Errors = [];
  checkJobStatus(job(after), job(before), errors);
  expect(errors.map((error) => formatFieldError(error))).toEqual(expected);
});

test("an index has either failed or succeeded", () => {
  const errors: Errors = [];
  const spec = { backoffLimitPerIndex: 1 };
  checkJobStatus(job({ completedIndexes: "0-2", failedIndexes: "2,4" }, spec), job({}, spec), errors);
  expect(errors.map(({ detail }) => detail)).toEqual([
    "failedIndexes and completedIndexes overlap at index: 2",
  ]);
});
