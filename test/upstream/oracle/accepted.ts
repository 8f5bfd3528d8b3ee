import type { Difference } from "./compare.ts";

interface Accepted {
  /** Matched against `apiVersion/Kind operation what place`. */
  readonly group: RegExp;
  /** Matched against what both say. */
  readonly difference?: RegExp;
  /** Matched against what was changed, as `spec.ports = []`. */
  readonly asked?: RegExp;
  readonly reason: string;
}

/**
 * Differences that stay, and why. Beside them `compare.ts` overlooks what cannot be equal: ids, times and addresses that are
 * drawn, objects within messages (they are shown with the fields of Kubernetes' internal types, but for what has changed in a
 * whole spec), and null for unset times.
 */
const accepted: readonly Accepted[] = [
  {
    group: /^v1\/Service (?:create|update)/,
    difference: /provided port is (?:not in the valid range|already allocated)/,
    reason: "a dry run of Kubernetes does not look whether a node port is in the range or free; we say so",
  },
  {
    group: /object .*\bname$/,
    difference: /^none\n""$/,
    reason: "the name of a reference that nobody gave is shown as empty text, its default",
  },
  {
    group: /object .*(?:schedulingGroup|nodeAllocatableResource\w*|volumeStatus)/,
    reason: "fields whose feature Kubernetes 1.36 has switched off are kept where it drops them",
  },
  {
    group: /^apps\/v1\/StatefulSet .*(?:rollingUpdate\.maxUnavailable|object metadata\.generation)/,
    asked: /rollingUpdate\.maxUnavailable/,
    reason: "fields whose feature Kubernetes 1.36 has switched off are kept where it drops them",
  },
  {
    group: /^v1\/Service (?:create|update) (?:fault|causes spec\.ports\[\]\.nodePort)$/,
    difference: /duplicate nodePort|nodePort FieldValueDuplicate/,
    reason: "Kubernetes gives a port that is there twice one node port, and refuses that in its own words",
  },
  {
    group: /update(?:\/\w+)? refused spec(?:\.template)?$/,
    difference: /schedulingGroup/,
    reason: "fields whose feature Kubernetes 1.36 has switched off are kept where it drops them",
  },
  {
    group:
      /(?:causes|accepted) spec(?:\.(?:resources\.claims|ephemeralContainers\[\]\.\w+|nodeSelector|capacity|volumes\[\]\.ephemeral\.\S+|behavior\.\w+\.policies|(?:\w+\.)*template\.metadata\.labels))?$/,
    asked: / = (?:\[\]|\{\})$/,
    reason: "a list or map that is there and empty is the same as none, where Go tells them apart",
  },
  {
    group: / update object metadata\.generation$/,
    asked: / = (?:\[\]|\{\})$/,
    reason: "a list or map that is there and empty is the same as none, where Go tells them apart",
  },
  {
    group: /^v1\/PersistentVolume update causes spec\.persistentvolumesource$/,
    asked: / = (?:\[\]|\{\})$/,
    reason: "a list or map that is there and empty is the same as none, where Go tells them apart",
  },
  { group: / fault$/, difference: /^panic: /, reason: "questions that make Kubernetes itself fail" },
  {
    group: / order .*(?:expression|name|admissionReviewVersions)$/,
    difference: /compilation failed: /,
    reason: "expressions are compiled last, by a part of the server that is loaded only then",
  },
  {
    group: /^resource\.k8s\.io\/.* order .*adminAccess$/,
    reason: "whether a namespace allows administrators' access is asked after the object itself is judged",
  },
  {
    group: /^resource\.k8s\.io\/\S+\/ResourceClaimTemplate .*accepted spec\.metadata\.\w+$/,
    asked: / = \[\]$/,
    reason: "a list or map that is there and empty is the same as none, where Go tells them apart",
  },
  {
    group: /(?:causes (?:parameters|spec\.cidrs|spec\.devices\[\]\.binding\w*)|accepted spec)$/,
    asked: / = (?:\[\]|\{\})$/,
    reason: "a list or map that is there and empty is the same as none, where Go tells them apart",
  },
];

/** Undefined for a difference that is to be mended. */
export function acceptedReason(
  group: string,
  { expected, found }: Difference,
  asked: string,
): string | undefined {
  return accepted.find(
    (entry) =>
      entry.group.test(group) &&
      (entry.difference === undefined || entry.difference.test(`${expected}\n${found}`)) &&
      (entry.asked === undefined || entry.asked.test(asked)),
  )?.reason;
}
