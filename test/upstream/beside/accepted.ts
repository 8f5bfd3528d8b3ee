interface Accepted {
  /** Matched against what is compared and where it differs. */
  readonly group: RegExp;
  readonly reason: string;
}

/**
 * Differences that stay, and why. Beside them `normalise.ts` overlooks what cannot be equal or says the same: ids, revisions,
 * times and addresses, the order of JSON's members, empty fields that Go writes in protobuf and every reader takes for absent,
 * and the descriptions of columns, which are our own words.
 */
const accepted: readonly Accepted[] = [
  {
    group: /^apps\/v1\/DaemonSet (?:protobuf|json .*metadata\.annotations)/,
    reason:
      "metadata alone shows the count of a DaemonSet's templates, which Kubernetes adds to whole objects only",
  },
  {
    group: /\/FlowSchema (?:protobuf|json .*(?:managedFields|cells))/,
    reason:
      "the condition of a FlowSchema is written as an update, where Kubernetes applies it; whose is first is chance",
  },
  {
    group: /\/ValidatingAdmissionPolicy (?:protobuf|json .*managedFields)/,
    reason: "policies are type-checked by the API server, which in Kubernetes is a controller's part",
  },
  {
    group: /\/IPAddress json .*cells\.length$/,
    reason: "Kubernetes' rows of addresses end with an age that no column names",
  },
  {
    group: /\/PodCertificateRequest json .*f:status$/,
    reason: "Kubernetes notes a status as owned that the creation has thrown away",
  },
];

/** Undefined for a difference that is to be mended. */
export function acceptedReason(group: string): string | undefined {
  return accepted.find((entry) => entry.group.test(group))?.reason;
}
