import type { Node, Pod, Service } from "../../api/types/core-v1.ts";

/** A Service that selects `app: web`, at 80 → 8080 unless told otherwise. */
export const newService = (spec: Partial<Service["spec"]> = {}): Service => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name: "web", namespace: "default", uid: "svc-1", labels: { tier: "front" } },
  spec: {
    selector: { app: "web" },
    clusterIP: "10.96.0.10",
    ipFamilies: ["IPv4"],
    ports: [{ name: "http", port: 80, targetPort: 8080, protocol: "TCP" }],
    ...spec,
  },
});

export interface EndpointPodOptions {
  readonly ready?: boolean;
  readonly phase?: string;
  readonly ips?: readonly string[];
  readonly deleted?: boolean;
  readonly spec?: Partial<Pod["spec"]>;
}

/** A pod `web-<number>` behind that Service, at 10.244.0.<number>, on node n1. */
export function newEndpointPod(
  number: number,
  { ready = true, phase = "Running", ips, deleted = false, spec }: EndpointPodOptions = {},
): Pod {
  const podIPs = (ips ?? [`10.244.${Math.floor(number / 250)}.${number % 250}`]).map((ip) => ({ ip }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `web-${number}`,
      namespace: "default",
      uid: `pod-${number}`,
      labels: { app: "web" },
      ...(deleted ? { deletionTimestamp: "2026-01-01T00:00:30Z", deletionGracePeriodSeconds: 30 } : {}),
    },
    spec: { nodeName: "n1", containers: [{ name: "main", image: "nginx" }], ...spec },
    status: {
      phase,
      ...(podIPs.length === 0 ? {} : { podIP: podIPs[0]?.ip, podIPs }),
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
    },
  };
}

export const newNode = (name: string, zone?: string): Node => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name, labels: zone === undefined ? {} : { "topology.kubernetes.io/zone": zone } },
  spec: {},
});
