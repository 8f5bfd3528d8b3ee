import type { PolicyRule } from "../../api/types/rbac-v1.ts";

/** A short way to write rules as data: every list is words separated by spaces. */
export const write = "create update patch delete deletecollection";
export const read = "get list watch";
export const readWrite = `${read} ${write}`;
export const readUpdate = `${read} update patch`;

const words = (text: string): string[] => text.split(" ");

/** The core group is the empty word. Lists are sorted, as Kubernetes keeps them. */
export function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    apiGroups: words(groups).toSorted(),
    ...(names === undefined ? {} : { resourceNames: words(names).toSorted() }),
    resources: words(resources).toSorted(),
    verbs: words(verbs).toSorted(),
  };
}

export const urls = (verbs: string, paths: string): PolicyRule => ({
  nonResourceURLs: words(paths).toSorted(),
  verbs: words(verbs).toSorted(),
});

/** Recording events, old API group and new. */
export const events = (): PolicyRule => rule("create update patch", " events.k8s.io", "events");
