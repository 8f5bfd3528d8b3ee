import { describe, expect, it } from "vitest";
import { Description, rfc1123 } from "./description.ts";
import { smartLabel } from "./generic.ts";
import { formatProbe, formatToleration } from "./pods.ts";
import { ruleRows } from "./rbac.ts";
import { podAmounts, resourceFieldValue } from "./resource-amounts.ts";

describe("Description", () => {
  it("puts labels below each other, in order", () => {
    const text = new Description(0)
      .field("Name", "web")
      .labels("Labels", { b: "2", a: "1" })
      .labels("Selector", {});
    expect(text.toString()).toBe("Name:      web\nLabels:    a=1\n           b=2\nSelector:  <none>\n");
  });

  it("leaves out what apply noted, and puts long annotations below their key", () => {
    const long = "x".repeat(150);
    const text = new Description(0).annotations("Annotations", {
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
      long,
      short: "yes",
    });
    expect(text.toString()).toBe(
      `Annotations:  long:\n                ${"x".repeat(138)}...\n              short: yes\n`,
    );
  });

  it("begins new columns after a break", () => {
    const text = new Description(0).field("A long title", "x").break().row(0, "a", "b");
    expect(text.toString()).toBe("A long title:  x\na  b\n");
  });
});

it("rfc1123() prints no time as Go's first year", () => {
  expect(rfc1123(undefined)).toBe("Mon, 01 Jan 0001 00:00:00 +0000");
});

it.each([
  ["creationTimestamp", "Creation Timestamp"],
  ["apiVersion", "API Version"],
  ["uid", "UID"],
  ["clusterIP", "Cluster IP"],
  ["f:spec", "f:spec"],
])("smartLabel(%j) is %j", (field, label) => {
  expect(smartLabel(field)).toBe(label);
});

it.each([
  [
    { key: "a", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
    "a:NoExecute op=Exists for 300s",
  ],
  [{ key: "a", value: "b", effect: "NoSchedule" }, "a=b:NoSchedule"],
  [{ operator: "Exists" }, "op=Exists"],
])("formatToleration(%j) is %j", (toleration, text) => {
  expect(formatToleration(toleration)).toBe(text);
});

it.each([
  [
    { httpGet: { path: "/ok", port: 80, scheme: "HTTP" }, periodSeconds: 10 },
    "http-get http://:80/ok delay=0s timeout=0s period=10s #success=0 #failure=0",
  ],
  [
    { exec: { command: ["cat", "/x"] }, timeoutSeconds: 1 },
    "exec [cat /x] delay=0s timeout=1s period=0s #success=0 #failure=0",
  ],
  [{ tcpSocket: { port: "db" } }, "tcp-socket :db delay=0s timeout=0s period=0s #success=0 #failure=0"],
])("formatProbe(%j) is %j", (probe, text) => {
  expect(formatProbe(probe)).toBe(text);
});

it("ruleRows() brings the verbs of each resource together and sorts by them", () => {
  const rows = ruleRows([
    { apiGroups: ["", "apps"], resources: ["pods", "deployments/scale"], verbs: ["get"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    { nonResourceURLs: ["/logs"], verbs: ["get"] },
  ]);
  expect(rows).toEqual([
    ["pods", "[]", "[]", "[get list]"],
    ["", "[/logs]", "[]", "[get]"],
    ["deployments/scale", "[]", "[]", "[get]"],
    ["deployments.apps/scale", "[]", "[]", "[get]"],
    ["pods.apps", "[]", "[]", "[get]"],
  ]);
});

it("podAmounts() takes the greater of what containers need together and what starting needs", () => {
  const amounts = podAmounts(
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {},
      spec: {
        overhead: { cpu: "10m" },
        initContainers: [
          { name: "sidecar", restartPolicy: "Always", resources: { requests: { cpu: "100m" } } },
          { name: "setup", resources: { requests: { cpu: "500m" } } },
        ],
        containers: [{ name: "app", resources: { requests: { cpu: "200m" } } }],
      },
    },
    "requests",
  );
  expect(amounts.get("cpu")?.toString()).toBe("610m");
});

it.each([
  ["limits.cpu", "1", "2"],
  ["limits.cpu", "1m", "1500"],
  ["requests.memory", "1Mi", "64"],
  ["limits.memory", "1", "0"],
])("resourceFieldValue(%j by %j) is %j", (resource, divisor, value) => {
  const container = { name: "c", resources: { limits: { cpu: "1500m" }, requests: { memory: "64Mi" } } };
  expect(resourceFieldValue(container, resource, divisor)).toBe(value);
});
