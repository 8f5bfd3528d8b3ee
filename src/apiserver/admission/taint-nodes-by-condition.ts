import type { Node } from "../../api/types/core-v1.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf } from "./attributes.ts";

const notReady = "node.kubernetes.io/not-ready";

/** New nodes are tainted until the node controller has seen them ready. */
export class TaintNodesByCondition implements AdmissionPlugin {
  readonly name = "TaintNodesByCondition";

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, "", "nodes");
  }

  admit(attributes: AdmissionAttributes): void {
    const node = objectOf<Node>(attributes);
    if (node === undefined) return;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady && effect === "NoSchedule")) return;
    node.spec = { ...node.spec, taints: [...taints, { key: notReady, effect: "NoSchedule" }] };
  }
}
