import type { Container, EphemeralContainer, PodSpec } from "../../types/core-v1.ts";
import { list } from "../basics.ts";

/** Calls back for the containers of a pod with their paths: init containers, containers, ephemeral containers. */
export function visitContainers(
  spec: PodSpec,
  path: string,
  visit: (container: Container | EphemeralContainer, path: string) => void,
): void {
  list(spec.initContainers).forEach((container, index) => {
    visit(container, `${path}.initContainers[${index}]`);
  });
  list(spec.containers).forEach((container, index) => {
    visit(container, `${path}.containers[${index}]`);
  });
  list(spec.ephemeralContainers).forEach((container, index) => {
    visit(container, `${path}.ephemeralContainers[${index}]`);
  });
}
