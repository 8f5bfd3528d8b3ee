import type { LabelSelector, ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { isIp, labelValueErrors } from "../../../apimachinery/names.ts";
import type {
  NodeSelectorTerm,
  PodAffinityTerm,
  PodSpec,
  TopologySpreadConstraint,
} from "../../types/core-v1.ts";
import { type Errors, list } from "../basics.ts";
import { checkLabelSelector } from "../label-selector.ts";
import { checkMatchLabelKeys } from "./match-label-keys.ts";

/**
 * What a pod may keep because the stored one has it already: rules that came later than the objects (mirrors
 * GetValidationOptionsFromPodSpecAndMeta of pkg/api/pod/util.go).
 */
export interface PodOptions {
  /** A Pod, and not the template of another resource. */
  readonly isPod: boolean;
  readonly anyDeletionCost: boolean;
  readonly anySelectorValue: boolean;
  readonly anySpreadSelector: boolean;
  /** Keys of spread constraints that stand in their selector too. */
  readonly anySpreadKeys: boolean;
  readonly anyNodeAffinityValue: boolean;
  /** All of them, and not only the one that every node understands. */
  readonly anySeLinuxChangePolicy: boolean;
  /** Addresses that keep the form in which they were stored. */
  readonly knownIps: readonly string[];
}

export const newPodOptions: PodOptions = {
  isPod: true,
  anyDeletionCost: false,
  anySelectorValue: false,
  anySpreadSelector: false,
  anySpreadKeys: false,
  anyNodeAffinityValue: false,
  anySeLinuxChangePolicy: false,
  knownIps: [],
};

export const newTemplateOptions: PodOptions = { ...newPodOptions, isPod: false };

export const deletionCostAnnotation = "controller.kubernetes.io/pod-deletion-cost";

export function isDeletionCost(value: string): boolean {
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(value)) return false;
  const cost = Number(value);
  return cost >= -(2 ** 31) && cost <= 2 ** 31 - 1;
}

/** The options for a change of a pod, or of a template. */
export function optionsFor(
  isPod: boolean,
  oldSpec: PodSpec | undefined,
  oldMeta: ObjectMeta | undefined,
): PodOptions {
  const base = isPod ? newPodOptions : newTemplateOptions;
  const cost = oldMeta?.annotations?.[deletionCostAnnotation];
  const anyDeletionCost = cost !== undefined && !isDeletionCost(cost);
  if (oldSpec === undefined) return anyDeletionCost ? { ...base, anyDeletionCost } : base;
  const { affinity, topologySpreadConstraints, dnsConfig, hostAliases } = oldSpec;
  const anySeLinuxChangePolicy = oldSpec.securityContext?.seLinuxChangePolicy !== undefined;
  if (affinity === undefined && topologySpreadConstraints === undefined && !anyDeletionCost) {
    if (dnsConfig === undefined && hostAliases === undefined) return { ...base, anySeLinuxChangePolicy };
  }
  return {
    isPod,
    anyDeletionCost,
    anySeLinuxChangePolicy,
    anySelectorValue: affinityTerms(oldSpec).some(
      (term) => hasErrors(term.labelSelector) || hasErrors(term.namespaceSelector),
    ),
    anySpreadSelector: list(topologySpreadConstraints).some((one) => hasErrors(one.labelSelector)),
    anySpreadKeys: list(topologySpreadConstraints).some(hasWrongKeys),
    anyNodeAffinityValue: hasInvalidLabelValue(
      affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    ),
    knownIps: [...list(dnsConfig?.nameservers), ...list(hostAliases).map(({ ip }) => ip)].filter(isIp),
  };
}

function affinityTerms({ affinity }: PodSpec): PodAffinityTerm[] {
  return [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((terms) => [
    ...list(terms?.requiredDuringSchedulingIgnoredDuringExecution),
    ...list(terms?.preferredDuringSchedulingIgnoredDuringExecution).map((one) => one.podAffinityTerm),
  ]);
}

function hasWrongKeys(constraint: TopologySpreadConstraint): boolean {
  const errors: Errors = [];
  checkMatchLabelKeys(constraint, "", errors);
  return errors.length > 0;
}

function hasErrors(selector: LabelSelector | undefined): boolean {
  const errors: Errors = [];
  checkLabelSelector(selector, "", errors);
  return errors.length > 0;
}

export function hasInvalidLabelValue(terms: readonly NodeSelectorTerm[] | undefined): boolean {
  return list(terms).some((term) =>
    list(term.matchExpressions).some(({ values }) =>
      list(values).some((value) => labelValueErrors(value).length > 0),
    ),
  );
}
