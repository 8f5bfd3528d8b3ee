import type { Pod } from "../api/types/core-v1.ts";
import { formatMicroTime } from "../apimachinery/clock.ts";
import type { TemplateFunction } from "../apimachinery/go-template/functions.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { printYaml } from "../apimachinery/yaml.ts";
import { sprigFunctions } from "./sprig/functions.ts";
import { number, text } from "./sprig/values.ts";
import type { AddressedPod, TemplateWorld } from "./template.ts";

/** What JSON makes of it, in quotes. */
const quoted = (value: unknown): string =>
  JSON.stringify(typeof value === "string" ? value : (JSON.stringify(value ?? null) ?? ""));

/** The conditions of a node that is well. */
const nodeConditions = [
  ["Ready", "True", "KubeletReady", "kubelet is posting ready status"],
  ["MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  ["NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"],
].map(([type, status, reason, message]) => ({ type, status, reason, message }));

function yaml(value: unknown, indent: unknown = 0): string {
  const printed = printYaml(value);
  const depth = number(indent);
  return depth > 0 ? `\n${printed}`.replaceAll("\n", `\n${"  ".repeat(depth)}`) : printed;
}

const isPod = (object: KubernetesObject | undefined): object is Pod =>
  object?.apiVersion === "v1" && object.kind === "Pod";

/** The functions of Stages' templates: kwok's own and sprig's, for the object that is printed. */
export function templateFunctions(
  world: TemplateWorld,
  about: () => KubernetesObject | undefined,
): Readonly<Record<string, TemplateFunction>> {
  const node = (): string => {
    const object = about();
    return (isPod(object) ? object.spec.nodeName : object?.metadata.name) ?? "";
  };
  const pod = (): AddressedPod => {
    const object = about();
    const { name = "", namespace = "", uid = "" } = object?.metadata ?? {};
    return { node: node(), hostNetwork: false, uid, name, namespace };
  };
  const podWith = (...[nodeName, hostNetwork, uid, name, namespace]: readonly unknown[]): AddressedPod => ({
    node: text(nodeName),
    hostNetwork: hostNetwork === true,
    uid: text(uid),
    name: text(name),
    namespace: text(namespace),
  });
  return {
    ...sprigFunctions(world),
    Quote: quoted,
    Now: () => formatMicroTime(world.nowMs()),
    StartTime: () => formatMicroTime(world.startedMs),
    YAML: yaml,
    Version: () => world.version,
    NodeConditions: () => nodeConditions,
    NodeName: node,
    NodePort: () => world.nodePort,
    NodeIP: () => world.nodeIps(node())[0] ?? "",
    NodeIPWith: (name) => world.nodeIps(text(name))[0] ?? "",
    NodeIPsWith: (name) => world.nodeIps(text(name)),
    PodIP: () => world.podIps(pod())[0] ?? "",
    PodIPWith: (...args) => world.podIps(podWith(...args))[0] ?? "",
    PodIPsWith: (...args) => world.podIps(podWith(...args)),
  };
}
