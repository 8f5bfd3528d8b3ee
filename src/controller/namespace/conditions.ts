import type { NamespaceCondition } from "../../api/types/core-v1.ts";
import type { Contents } from "./contents.ts";

type Condition = Omit<NamespaceCondition, "lastTransitionTime">;

/** What `kubectl get namespace -o yaml` tells of a deletion that is held up, worded as status_condition_utils.go does. */
export function conditionsOf(contents: Contents): Condition[] {
  const { discoveryFailure, deletionFailures, remaining, finalizers } = contents;
  return [
    condition(
      "NamespaceDeletionDiscoveryFailure",
      ["ResourcesDiscovered", "All resources successfully discovered"],
      discoveryFailure === undefined ? undefined : ["DiscoveryFailed", discoveryFailure],
    ),
    condition(
      "NamespaceDeletionGroupVersionParsingFailure",
      ["ParsedGroupVersions", "All legacy kube types successfully parsed"],
      undefined,
    ),
    condition(
      "NamespaceDeletionContentFailure",
      ["ContentDeleted", "All content successfully deleted, may be waiting on finalization"],
      deletionFailures.length === 0
        ? undefined
        : [
            "ContentDeletionFailed",
            `Failed to delete all resource types, ${deletionFailures.length} remaining: ${sorted(deletionFailures)}`,
          ],
    ),
    condition(
      "NamespaceContentRemaining",
      ["ContentRemoved", "All content successfully removed"],
      remaining.size === 0
        ? undefined
        : [
            "SomeResourcesRemain",
            `Some resources are remaining: ${counted(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
          ],
    ),
    condition(
      "NamespaceFinalizersRemaining",
      ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
      finalizers.size === 0
        ? undefined
        : [
            "SomeFinalizersRemain",
            `Some content in the namespace has finalizers remaining: ${counted(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
          ],
    ),
  ];
}

type Said = readonly [reason: string, message: string];

function condition(type: string, good: Said, bad: Said | undefined): Condition {
  const [reason, message] = bad ?? good;
  return { type, status: bad === undefined ? "False" : "True", reason, message };
}

const sorted = (texts: readonly string[]): string => texts.toSorted((a, b) => (a < b ? -1 : 1)).join(", ");

const counted = (map: ReadonlyMap<string, number>, phrase: (name: string, count: number) => string): string =>
  sorted([...map].map(([name, count]) => phrase(name, count)));
