import { expect, test } from "vitest";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { matchingResources, usageOf } from "./usage.ts";

const claims = { group: "resource.k8s.io", resource: "resourceclaims" };
const claim = (...requests: object[]): UnstructuredObject => ({
  apiVersion: "resource.k8s.io/v1",
  kind: "ResourceClaim",
  metadata: { name: "c" },
  spec: { devices: { requests } },
});
const exactly = (deviceClassName: string, more: object = {}) => ({
  name: "r",
  exactly: { deviceClassName, allocationMode: "ExactCount", count: 1, ...more },
});
const gold = "gold.deviceclass.resource.k8s.io/devices";
const lead = "lead.deviceclass.resource.k8s.io/devices";
const counted = "count/resourceclaims.resource.k8s.io";

test.each<[string, object[], Record<string, string>]>([
  ["nothing", [], {}],
  ["one device", [exactly("gold")], { [gold]: "1" }],
  [
    "devices of two requests",
    [exactly("gold", { count: 2 }), exactly("gold"), exactly("lead")],
    { [gold]: "3", [lead]: "1" },
  ],
  ["all devices", [exactly("gold", { allocationMode: "All" })], { [gold]: "32" }],
  [
    "the dearest of several ways",
    [
      {
        name: "r",
        firstAvailable: [
          { name: "a", deviceClassName: "gold", allocationMode: "ExactCount", count: 2 },
          { name: "b", deviceClassName: "gold", allocationMode: "ExactCount", count: 3 },
          { name: "c", deviceClassName: "lead", allocationMode: "ExactCount", count: 1 },
        ],
      },
    ],
    { [gold]: "3", [lead]: "1" },
  ],
  [
    "a request in the form of the first beta",
    [{ name: "r", deviceClassName: "gold", count: 4 }],
    { [gold]: "4" },
  ],
])("a claim for %s", (_, requests, devices) => {
  const usage = usageOf(claims, claim(...requests), 0);
  const shown = Object.fromEntries([...usage].map(([name, quantity]) => [name, quantity.toString()]));
  expect(shown).toEqual({ [counted]: "1", ...devices });
});

test("claims are bounded by their number and by the devices of a class", () => {
  const bounds = [gold, counted, "pods", "gold.storageclass.storage.k8s.io/requests.storage"];
  expect(matchingResources(claims, bounds)).toEqual([gold, counted]);
});
