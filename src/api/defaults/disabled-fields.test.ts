import { expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { dropDisabledFields } from "./disabled-fields.ts";

const pod = {
  schedulingGroup: { podGroupName: "g" },
  containers: [
    { name: "a", lifecycle: { stopSignal: "SIGINT" } },
    { name: "b", lifecycle: { stopSignal: "", preStop: {} } },
    { name: "c", lifecycle: {} },
  ],
};
const left = {
  containers: [{ name: "a" }, { name: "b", lifecycle: { preStop: {} } }, { name: "c", lifecycle: {} }],
};

test.each([
  ["Pod", { spec: pod }, { spec: left }],
  ["Deployment", { spec: { template: { spec: pod } } }, { spec: { template: { spec: left } } }],
  [
    "CronJob",
    { spec: { jobTemplate: { spec: { template: { spec: pod } } } } },
    { spec: { jobTemplate: { spec: { template: { spec: left } } } } },
  ],
  ["PodTemplate", { template: { spec: pod } }, { template: { spec: left } }],
  [
    "Pod",
    {
      status: {
        nodeAllocatableResourceClaimStatuses: [{}],
        containerStatuses: [{ volumeMounts: [{ name: "v", volumeStatus: {} }] }],
      },
    },
    { status: { containerStatuses: [{ volumeMounts: [{ name: "v" }] }] } },
  ],
  [
    "Lease",
    { spec: { holderIdentity: "a", strategy: "", preferredHolder: "b" } },
    { spec: { holderIdentity: "a" } },
  ],
  [
    "Node",
    { spec: { configSource: {} }, status: { config: {}, phase: "x" } },
    { spec: {}, status: { phase: "x" } },
  ],
  ["ConfigMap", { spec: { schedulingGroup: {} } }, { spec: { schedulingGroup: {} } }],
  ["Pod", {}, {}],
])("a %s goes without what belongs to features that are off", (kind, fields, expected) => {
  const object = structuredClone(fields) as unknown as UnstructuredObject;
  dropDisabledFields(kind, object);
  expect(object).toEqual(expected);
});
