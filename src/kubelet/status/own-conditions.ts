/** The types of pod conditions that the kubelet writes; all others belong to somebody else. */
export const ownConditionTypes: ReadonlySet<string> = new Set([
  "PodReadyToStartContainers",
  "Initialized",
  "Ready",
  "ContainersReady",
]);
