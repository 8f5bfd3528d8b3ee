import type { ContainerPort, PodSpec } from "../../types/core-v1.ts";
import { isEmpty, list, text } from "../basics.ts";
import { visitContainers } from "../pod/visit.ts";

interface SeenPort {
  readonly path: string;
  readonly port: ContainerPort;
}

/** Ports of one pod that get in each other's way. */
export function portWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  const seen = new Map<string, SeenPort[]>();
  visitContainers(spec, path, ({ ports }, containerPath) => {
    list(ports).forEach((port, index) => {
      const where = `${containerPath}.ports[${index}]`;
      const { hostIP = "", hostPort = 0, protocol = "" } = port;
      if (hostIP !== "" && hostPort === 0) {
        const shown = `{Name:${text(port.name)} HostPort:0 ContainerPort:${port.containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
        warnings.push(`${where}: hostIP set without hostPort: ${shown}`);
      }
      const key = `${port.containerPort}/${protocol}`;
      const others = seen.get(key) ?? [];
      for (const other of others) {
        const how = overlap(port, other.port);
        if (how !== undefined) warnings.push(`${where}: ${how} port definition with ${other.path}`);
      }
      seen.set(key, [...others, { path: where, port }]);
    });
  });
  portNameWarnings(spec, path, warnings);
}

function portNameWarnings(spec: PodSpec, path: string, warnings: string[]): void {
  const seen = new Map<string, string>();
  visitContainers(spec, path, ({ ports }, containerPath) => {
    list(ports).forEach(({ name = "" }, index) => {
      if (name === "") return;
      const where = `${containerPath}.ports[${index}]`;
      const other = seen.get(name);
      if (other === undefined) seen.set(name, where);
      else {
        const why = `duplicate port name ${JSON.stringify(name)} with ${other}, services and probes that select ports by name will use ${other}`;
        warnings.push(`${where}: ${why}`);
      }
    });
  });
}

function overlap(a: ContainerPort, b: ContainerPort): string | undefined {
  const [portA, portB] = [a.hostPort ?? 0, b.hostPort ?? 0];
  if (text(a.hostIP) === text(b.hostIP) && portA === portB) return "duplicate";
  if (portA === 0 || portB === 0) return "overlapping";
  if (portA === portB && isEmpty(a.hostIP) !== isEmpty(b.hostIP)) return "dangerously ambiguous";
  return undefined;
}
