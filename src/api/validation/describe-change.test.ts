import { expect, test } from "vitest";
import { describeChange, describePodChange } from "./describe-change.ts";

const containers = [{ name: "c", image: "i" }];

test.each([
  [
    "a text, between the fields of the internal type",
    { containers, restartPolicy: "Always" },
    { containers, restartPolicy: "Never" },
    '  ],\n  "EphemeralContainers": null,\n- "RestartPolicy": "Always",\n+ "RestartPolicy": "Never",\n  "TerminationGracePeriodSeconds": null,\n',
  ],
  [
    "what of the node is shared, within the security context",
    { containers },
    { containers, hostNetwork: true },
    '  "SecurityContext": {\n-  "HostNetwork": false,\n+  "HostNetwork": true,\n   "HostPID": false,\n',
  ],
  [
    "a map that was none",
    { containers },
    { containers, nodeSelector: { b: "2", a: "<" } },
    '- "NodeSelector": null,\n+ "NodeSelector": {\n+  "a": "\\u003c",\n+  "b": "2"\n+ },\n',
  ],
])("of a pod shows %s", (_, before, after, expected) => {
  const shown = describePodChange(before, after);
  expect(shown).toContain(expected);
});

test("of a claim shows quantities as they are written", () => {
  const shown = describeChange(
    "PersistentVolumeClaimSpec",
    { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "2Gi" } } },
  );
  expect(shown).toBe(
    '@@ -6,7 +6,7 @@\n  "Resources": {\n   "Limits": null,\n   "Requests": {\n-   "storage": "1Gi"\n+   "storage": "2Gi"\n   }\n  },\n  "VolumeName": "",\n',
  );
});

test("of a probe shows the port and what is embedded", () => {
  const probe = (port: number | undefined) => ({
    livenessProbe: { httpGet: { path: "/", ...(port === undefined ? {} : { port }) } },
    name: "e",
  });
  const shown = describeChange("EphemeralContainer", probe(undefined), probe(80));
  expect(shown).toContain('-   "Port": 0,\n+   "Port": 80,\n');
});
