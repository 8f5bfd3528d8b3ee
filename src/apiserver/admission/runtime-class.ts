import type { Pod, Toleration } from "../../api/types/core-v1.ts";
import type { RuntimeClass as RuntimeClassObject } from "../../api/types/node-v1.ts";
import { deepEqual } from "../../apimachinery/json.ts";
import { canonicalQuantity } from "../../apimachinery/quantity.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf, refuse } from "./attributes.ts";

const runtimeClasses = { group: "node.k8s.io", resource: "runtimeclasses" };

/** Gives a pod the overhead, node selector and tolerations of its runtime class. Mirrors plugin/pkg/admission/runtimeclass. */
export class RuntimeClass implements AdmissionPlugin {
  readonly name = "RuntimeClass";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    return attributes.operation === "CREATE" && concerns(attributes, "", "pods");
  }

  admit(attributes: AdmissionAttributes): void {
    const pod = objectOf<Pod>(attributes);
    const found = this.#classOf(attributes, pod);
    if (pod?.spec === undefined || found === undefined) return;
    const overhead = found.overhead?.podFixed;
    if (overhead !== undefined) {
      if (pod.spec.overhead !== undefined && !sameQuantities(overhead, pod.spec.overhead)) {
        throw refuse(
          attributes,
          "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        );
      }
      pod.spec.overhead = { ...overhead };
    }
    const { nodeSelector, tolerations } = found.scheduling ?? {};
    for (const [key, value] of Object.entries(nodeSelector ?? {})) {
      const own = pod.spec.nodeSelector?.[key];
      if (own !== undefined && own !== value) {
        throw refuse(
          attributes,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
        );
      }
      pod.spec.nodeSelector = { ...pod.spec.nodeSelector, [key]: value };
    }
    if (tolerations !== undefined) pod.spec.tolerations = merge(pod.spec.tolerations ?? [], tolerations);
  }

  validate(attributes: AdmissionAttributes): void {
    const pod = objectOf<Pod>(attributes);
    const overhead = this.#classOf(attributes, pod)?.overhead?.podFixed;
    const own = pod?.spec?.overhead;
    if (overhead === undefined) {
      if (own === undefined) return;
      throw refuse(
        attributes,
        "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
      );
    }
    if (own === undefined || !sameQuantities(overhead, own)) {
      throw refuse(attributes, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
    }
  }

  #classOf(attributes: AdmissionAttributes, pod: Pod | undefined): RuntimeClassObject | undefined {
    const name = pod?.spec?.runtimeClassName;
    if (name === undefined) return undefined;
    const found = this.#reader.get<RuntimeClassObject>(runtimeClasses, "", name);
    if (found === undefined)
      throw refuse(attributes, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    return found;
  }
}

function sameQuantities(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const canonical = (list: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(list).map(([key, text]) => [key, canonicalQuantity(text)]));
  return deepEqual(canonical(a), canonical(b));
}

function merge(own: readonly Toleration[], added: readonly Toleration[]): Toleration[] {
  return [...own, ...added.filter((toleration) => !own.some((present) => deepEqual(present, toleration)))];
}
