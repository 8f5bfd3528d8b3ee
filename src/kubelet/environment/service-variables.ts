import type { Service } from "../../api/types/core-v1.ts";

/**
 * The variables by which Services are announced: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` and so on. Mirrors
 * pkg/kubelet/envvars.
 */
export function serviceVariables(services: readonly Service[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const service of services)
    for (const [name, value] of variablesOf(service)) variables.set(name, value);
  return variables;
}

/** By Service, which is frozen and shared: each container of its namespace keeps these very texts. */
const known = new WeakMap<Service, ReadonlyMap<string, string>>();

function variablesOf(service: Service): ReadonlyMap<string, string> {
  let variables = known.get(service);
  if (variables === undefined) {
    const made = new Map<string, string>();
    addService(made, service);
    variables = made;
    known.set(service, variables);
  }
  return variables;
}

/** Headless and external Services have no address to announce. */
export function hasAddress({ spec }: Service): boolean {
  return spec?.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None";
}

function addService(variables: Map<string, string>, service: Service): void {
  const { clusterIP = "", ports = [] } = service.spec ?? {};
  const [first] = ports;
  if (!hasAddress(service) || first === undefined) return;
  const prefix = upper(service.metadata.name ?? "");
  variables.set(`${prefix}_SERVICE_HOST`, clusterIP);
  variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const { name, port } of ports) {
    if (name !== undefined && name !== "")
      variables.set(`${prefix}_SERVICE_PORT_${upper(name)}`, String(port));
  }
  const host = clusterIP.includes(":") ? `[${clusterIP}]` : clusterIP;
  for (const [index, { port, protocol = "TCP" }] of ports.entries()) {
    const url = `${protocol.toLowerCase()}://${host}:${port}`;
    const each = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    if (index === 0) variables.set(`${prefix}_PORT`, url);
    variables.set(each, url);
    variables.set(`${each}_PROTO`, protocol.toLowerCase());
    variables.set(`${each}_PORT`, String(port));
    variables.set(`${each}_ADDR`, clusterIP);
  }
}

const upper = (text: string): string => text.toUpperCase().replaceAll("-", "_");
