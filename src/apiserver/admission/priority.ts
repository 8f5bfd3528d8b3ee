import type { Pod } from "../../api/types/core-v1.ts";
import type { PriorityClass } from "../../api/types/scheduling-v1.ts";
import type { AdmissionAttributes, AdmissionDependencies, AdmissionPlugin } from "./admission.ts";
import { concerns, objectOf, oldObjectOf, refuse } from "./attributes.ts";

const priorityClasses = { group: "scheduling.k8s.io", resource: "priorityclasses" };
const preemptLowerPriority = "PreemptLowerPriority";

/** The classes that every cluster has: highest user priority (10^9) doubled, and a thousand above. */
export const systemPriorityClasses: readonly PriorityClass[] = [
  systemClass(
    "system-cluster-critical",
    2_000_000_000,
    "Pods that the cluster needs, though not on a given node.",
  ),
  systemClass("system-node-critical", 2_000_001_000, "Pods that a node needs and that cannot run elsewhere."),
];

function systemClass(name: string, value: number, description: string): PriorityClass {
  return {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name },
    value,
    description,
    preemptionPolicy: preemptLowerPriority,
  };
}

interface Computed {
  readonly className: string;
  readonly priority: number;
  readonly preemptionPolicy: string;
}

/** Turns a pod's class into its number, and keeps the default class the only one. Mirrors plugin/pkg/admission/priority. */
export class Priority implements AdmissionPlugin {
  readonly name = "Priority";
  readonly #reader: AdmissionDependencies["reader"];

  constructor({ reader }: AdmissionDependencies) {
    this.#reader = reader;
  }

  handles(attributes: AdmissionAttributes): boolean {
    const written = attributes.operation === "CREATE" || attributes.operation === "UPDATE";
    return (
      written &&
      (concerns(attributes, "", "pods") ||
        concerns(attributes, priorityClasses.group, priorityClasses.resource))
    );
  }

  admit(attributes: AdmissionAttributes): void {
    if (!concerns(attributes, "", "pods")) return;
    const pod = objectOf<Pod>(attributes);
    if (pod?.spec === undefined) return;
    if (attributes.operation === "UPDATE") {
      // Clients that do not know of these fields leave them out; they cannot be changed.
      const old = oldObjectOf<Pod>(attributes)?.spec;
      if (pod.spec.priority === undefined && old?.priority !== undefined) pod.spec.priority = old.priority;
      if (pod.spec.preemptionPolicy === undefined && old?.preemptionPolicy !== undefined) {
        pod.spec.preemptionPolicy = old.preemptionPolicy;
      }
      return;
    }
    this.#setPriority(attributes, pod);
  }

  #setPriority(attributes: AdmissionAttributes, pod: Pod): void {
    const { spec } = pod;
    if (spec === undefined) return;
    const { className, priority, preemptionPolicy } = this.#computed(
      attributes,
      spec.priorityClassName ?? "",
    );
    const explained = (what: string, given: string | number, found: string | number): string =>
      `the ${what} (${given}) must not be provided in pod spec; priority admission controller computed ${found} from the given PriorityClass name`;
    if (spec.priority !== undefined && spec.priority !== priority) {
      throw refuse(attributes, explained("integer value of priority", spec.priority, priority));
    }
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
      throw refuse(
        attributes,
        explained("string value of PreemptionPolicy", spec.preemptionPolicy, preemptionPolicy),
      );
    }
    if (className !== "") spec.priorityClassName = className;
    spec.priority = priority;
    spec.preemptionPolicy = preemptionPolicy;
  }

  #computed(attributes: AdmissionAttributes, className: string): Computed {
    const found =
      className === ""
        ? this.#defaultClass()
        : (this.#reader.get<PriorityClass>(priorityClasses, "", className) ??
          systemPriorityClasses.find(({ metadata }) => metadata.name === className));
    if (found === undefined) {
      if (className === "") return { className, priority: 0, preemptionPolicy: preemptLowerPriority };
      throw refuse(attributes, `no PriorityClass with name ${className} was found`);
    }
    return {
      className: found.metadata.name ?? "",
      priority: found.value ?? 0,
      preemptionPolicy: found.preemptionPolicy ?? preemptLowerPriority,
    };
  }

  /** Should a race have made several, the lowest counts. */
  #defaultClass(): PriorityClass | undefined {
    const defaults = this.#reader
      .list<PriorityClass>(priorityClasses)
      .filter((each) => each.globalDefault === true);
    return defaults.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }

  validate(attributes: AdmissionAttributes): void {
    if (!concerns(attributes, priorityClasses.group, priorityClasses.resource)) return;
    if (objectOf<PriorityClass>(attributes)?.globalDefault !== true) return;
    const present = this.#defaultClass()?.metadata.name;
    const own = attributes.object?.metadata.name;
    if (present !== undefined && (attributes.operation === "CREATE" || present !== own)) {
      throw refuse(
        attributes,
        `PriorityClass ${present} is already marked as default. Only one default can exist`,
      );
    }
  }
}
