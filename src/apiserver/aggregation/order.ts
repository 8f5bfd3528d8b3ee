import { compareVersions } from "../extensions/kube-versions.ts";
import type { AggregatedVersion } from "./aggregation.ts";
import { apiServiceName } from "./api-service.ts";

/** See `Aggregation.versions` (mirrors SortedByGroupAndVersion of kube-aggregator). */
export function inOrder(versions: readonly AggregatedVersion[]): AggregatedVersion[] {
  const groups = new Map<string, AggregatedVersion[]>();
  for (const version of versions.toSorted(byGroup)) {
    const known = groups.get(version.group);
    if (known === undefined) groups.set(version.group, [version]);
    else known.push(version);
  }
  return [...groups.values()].flatMap((group) => group.toSorted(byVersion));
}

function byGroup(a: AggregatedVersion, b: AggregatedVersion): number {
  // The core API stands apart from all groups, and the group that makes groups is the first of them.
  const rank = ({ group }: AggregatedVersion): number =>
    group === "" ? 0 : group === "apiregistration.k8s.io" ? 1 : 2;
  return (
    rank(a) - rank(b) ||
    b.groupPriorityMinimum - a.groupPriorityMinimum ||
    (apiServiceName(a) < apiServiceName(b) ? -1 : 1)
  );
}

const byVersion = (a: AggregatedVersion, b: AggregatedVersion): number =>
  b.versionPriority - a.versionPriority || compareVersions(a.version, b.version);
