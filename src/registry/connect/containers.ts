import type { Pod } from "../../api/types/core-v1.ts";
import { newBadRequest } from "../../apimachinery/status.ts";

/** The container that exec and attach mean. Annotations are for clients to read. (Mirrors registry/core/pod/strategy.go.) */
export function chooseContainer(pod: Pod, asked: string): string {
  const name = pod.metadata.name ?? "";
  const all = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
    ...(pod.spec.ephemeralContainers ?? []),
  ].map((container) => container.name);
  if (asked !== "") {
    if (all.includes(asked)) return asked;
    throw newBadRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only, ...others] = pod.spec.containers.map((container) => container.name);
  if (only !== undefined && others.length === 0) return only;
  const init = (pod.spec.initContainers ?? []).map((container) => container.name);
  const hint = init.length === 0 ? "" : ` or one of the init containers: [${init.join(" ")}]`;
  throw newBadRequest(
    `a container name must be specified for pod ${name}, choose one of: [${[only, ...others].join(" ")}]${hint}`,
  );
}
