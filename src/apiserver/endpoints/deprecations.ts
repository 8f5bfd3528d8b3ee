import type { ResourceInfo } from "../../api/scheme.ts";

export interface Deprecation {
  /** What whoever asks is warned with. */
  readonly warning: string;
  /** The first release without it, as `1.37`; empty where none is named. */
  readonly removedRelease: string;
}

/**
 * Resources and versions that clients should turn away from, as Kubernetes 1.36 says of them: since which release, until
 * which, and what takes their place. (The lifecycles of k8s.io/api; a version that is to be deprecated later is not yet.)
 */
const lifecycles = `
componentstatuses v1 1.19
endpoints v1 1.33 - discovery.k8s.io/v1 EndpointSlice
leasecandidates coordination.k8s.io/v1beta1 1.36 1.39
ipaddresses networking.k8s.io/v1beta1 1.34 1.37
servicecidrs networking.k8s.io/v1beta1 1.34 1.37
deviceclasses resource.k8s.io/v1beta1 1.35 1.38
resourceclaims resource.k8s.io/v1beta1 1.35 1.38
resourceclaimtemplates resource.k8s.io/v1beta1 1.35 1.38
resourceslices resource.k8s.io/v1beta1 1.35 1.38
deviceclasses resource.k8s.io/v1beta2 1.36 1.39
resourceclaims resource.k8s.io/v1beta2 1.36 1.39
resourceclaimtemplates resource.k8s.io/v1beta2 1.36 1.39
resourceslices resource.k8s.io/v1beta2 1.36 1.39
volumeattributesclasses storage.k8s.io/v1beta1 1.34 1.37 storage.k8s.io/v1 VolumeAttributesClass
`;

let known: ReadonlyMap<string, Deprecation> | undefined;

/** Undefined for what may be asked for without a second thought. */
export function deprecationOf({ group, version, resource, kind }: ResourceInfo): Deprecation | undefined {
  known ??= parse(lifecycles);
  const found = known.get(`${resource} ${group === "" ? version : `${group}/${version}`}`);
  return found && { ...found, warning: found.warning.replace("KIND", kind) };
}

function parse(text: string): Map<string, Deprecation> {
  const lines = text.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [resource = "", version = "", since = "", until = "-", ...replacement] = line.split(" ");
      const removed = until === "-" ? "" : `, unavailable in v${until}+`;
      const instead = replacement.length === 0 ? "" : `; use ${replacement.join(" ")}`;
      const warning = `${version} KIND is deprecated in v${since}+${removed}${instead}`;
      return [`${resource} ${version}`, { warning, removedRelease: until === "-" ? "" : until }];
    }),
  );
}
