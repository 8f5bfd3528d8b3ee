import { Counter, type Metric } from "../../apimachinery/metrics.ts";
import { version } from "../endpoints/version.ts";
import type { AdmissionAttributes } from "./admission.ts";

interface Evaluated {
  readonly level: string;
  /** Undefined is the latest. */
  readonly minor: number | undefined;
}

/** How pods fared with the Pod Security Standards, by the names that kube-apiserver uses. */
export class PodSecurityMetrics {
  readonly #evaluations = new Counter({
    name: "pod_security_evaluations_total",
    help: "Pods and workloads that were held against a level; of audit and warn those that violate it.",
    labels: [
      "decision",
      "policy_level",
      "policy_version",
      "mode",
      "request_operation",
      "resource",
      "subresource",
    ],
  });

  constructor(register: ((metric: Metric) => void) | undefined) {
    register?.(this.#evaluations);
  }

  count(
    { operation, resource, subresource }: AdmissionAttributes,
    decision: "allow" | "deny",
    mode: "enforce" | "audit" | "warn",
    policy: Evaluated,
  ): void {
    const kind = resource.group === "" && resource.resource === "pods" ? "pod" : "controller";
    this.#evaluations.with(
      decision,
      policy.level,
      versionOf(policy),
      mode,
      operation.toLowerCase(),
      kind,
      subresource,
    ).value++;
  }
}

/** Versions that are not there yet are one series: namespaces may name any. */
function versionOf({ level, minor }: Evaluated): string {
  // Nothing is forbidden by the first level, whatever its version.
  if (minor === undefined || level === "privileged") return "latest";
  return minor > Number(version.minor) ? "future" : `v1.${minor}`;
}
