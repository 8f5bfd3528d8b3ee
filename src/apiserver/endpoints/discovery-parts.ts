import type { ResourceInfo, Scheme, SubresourceInfo } from "../../api/scheme.ts";
import type { GroupVersion } from "../../apimachinery/gvk.ts";

/** What both forms of discovery say of a resource. */
export const resourcesOf = (scheme: Scheme, groupVersion: GroupVersion): ResourceInfo[] =>
  scheme.resources(groupVersion).toSorted((a, b) => (a.resource < b.resource ? -1 : 1));

/** Those of custom resources stand as they are, status first. */
export const partsOf = ({ custom, subresources }: ResourceInfo): readonly SubresourceInfo[] =>
  custom === undefined ? subresources.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : subresources;

const connectKinds: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};

export function kindOf(info: ResourceInfo, part: SubresourceInfo): string {
  if (part.name === "proxy") return `${info.kind}ProxyOptions`;
  return part.kind?.kind ?? connectKinds[part.name] ?? info.kind;
}

/** CONNECT is no HTTP method: discovery shows what stands for it. */
export function verbsOf(part: SubresourceInfo): string[] {
  if (!part.verbs.includes("connect")) return [...part.verbs];
  return part.name === "proxy" ? ["create", "delete", "get", "patch", "update"] : ["create", "get"];
}
