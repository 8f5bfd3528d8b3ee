import type { Pod, Toleration } from "../../api/types/core-v1.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf } from "./attributes.ts";

const notReady = "node.kubernetes.io/not-ready";
const unreachable = "node.kubernetes.io/unreachable";
/** How long pods stay on a node that is gone, unless they say otherwise. */
const tolerationSeconds = 300;

/** Pods tolerate a node that is not ready or unreachable for five minutes, unless they already say something about it. */
export class DefaultTolerationSeconds implements AdmissionPlugin {
  readonly name = "DefaultTolerationSeconds";

  handles(attributes: AdmissionAttributes): boolean {
    return (
      (attributes.operation === "CREATE" || attributes.operation === "UPDATE") &&
      concerns(attributes, "", "pods")
    );
  }

  admit(attributes: AdmissionAttributes): void {
    const pod = objectOf<Pod>(attributes);
    if (pod?.spec === undefined) return;
    const tolerations = pod.spec.tolerations ?? [];
    const missing = [notReady, unreachable].filter((key) => !tolerations.some((each) => speaksOf(each, key)));
    if (missing.length === 0) return;
    pod.spec.tolerations = [
      ...tolerations,
      ...missing.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds })),
    ];
  }
}

function speaksOf({ key = "", effect = "" }: Toleration, taint: string): boolean {
  return (key === taint || key === "") && (effect === "NoExecute" || effect === "");
}
