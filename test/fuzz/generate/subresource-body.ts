import type { Dice } from "./dice.ts";

/** Bodies of subresources that take another kind than their resource. */
export function subresourceBody(
  dice: Dice,
  subresource: string,
  name: string,
  namespace: string,
): Record<string, unknown> | undefined {
  const metadata = { name, namespace };
  switch (subresource) {
    case "scale":
      return {
        apiVersion: "autoscaling/v1",
        kind: "Scale",
        metadata,
        spec: { replicas: dice.pick([0, 1, 2, -1, 2_147_483_647]) },
      };
    case "eviction":
      return { apiVersion: dice.pick(["policy/v1", "policy/v1beta1"]), kind: "Eviction", metadata };
    case "binding":
      return { apiVersion: "v1", kind: "Binding", metadata, target: { kind: "Node", name: "simulated" } };
    case "token":
      return {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          audiences: dice.pick([[], ["x"], [""]]),
          expirationSeconds: dice.pick([600, 0, 1, 1e12]),
          ...(dice.percent(20) ? { boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "fz-0" } } : {}),
        },
      };
    default:
      return undefined;
  }
}
