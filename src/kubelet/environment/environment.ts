import type { ConfigMap, Container, EnvVar, EnvVarSource, Pod, Secret } from "../../api/types/core-v1.ts";
import type { ObjectSources } from "../sources.ts";
import { expand } from "./expansion.ts";
import { type FieldSources, fieldText, resourceText } from "./field-paths.ts";
import { hasAddress, serviceVariables } from "./service-variables.ts";

/** The environment cannot be made: the message is what the container's status shows. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

/**
 * All variables of a container, in order. Errors are worded as in pkg/kubelet/kubelet_pods.go: the container waits
 * with CreateContainerConfigError until what is missing is there.
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  sources: ObjectSources,
  fields: FieldSources,
): Promise<{ name: string; value: string }[]> {
  const namespace = pod.metadata.namespace ?? "";
  const services = announced(pod, namespace, sources);
  const result = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    const { configMapRef, secretRef, prefix = "" } = source;
    if (configMapRef !== undefined) {
      const map = await sources.configMap(namespace, configMapRef.name ?? "");
      if (map === undefined && configMapRef.optional !== true) {
        throw new EnvironmentError(`configmap "${configMapRef.name}" not found`);
      }
      for (const [key, value] of Object.entries(map?.data ?? {})) result.set(prefix + key, value);
    } else if (secretRef !== undefined) {
      const secret = await sources.secret(namespace, secretRef.name ?? "");
      if (secret === undefined && secretRef.optional !== true) {
        throw new EnvironmentError(`secret "${secretRef.name}" not found`);
      }
      for (const [key, value] of Object.entries(secret?.data ?? {}))
        result.set(prefix + key, fromBase64(value));
    }
  }
  for (const variable of container.env ?? []) {
    const value = await valueOf(pod, container, variable, result, services, sources, fields);
    if (value !== undefined) result.set(variable.name, value);
  }
  // What the container sets itself wins over what Services announce.
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value);
  return [...result].map(([name, value]) => ({ name, value }));
}

/** The API server is always announced; the Services of the namespace unless the pod says no. */
function announced(pod: Pod, namespace: string, sources: ObjectSources): Map<string, string> {
  const master = sources.services("default").filter(({ metadata }) => metadata.name === "kubernetes");
  const own = pod.spec?.enableServiceLinks === false ? [] : sources.services(namespace);
  return serviceVariables([...own, ...master].filter(hasAddress));
}

async function valueOf(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  known: ReadonlyMap<string, string>,
  services: ReadonlyMap<string, string>,
  sources: ObjectSources,
  fields: FieldSources,
): Promise<string | undefined> {
  const { value, valueFrom } = variable;
  if (value !== undefined && value !== "")
    return expand(value, (name) => known.get(name) ?? services.get(name));
  if (valueFrom === undefined) return value ?? "";
  return fromSource(pod, container, valueFrom, sources, fields);
}

async function fromSource(
  pod: Pod,
  container: Container,
  source: EnvVarSource,
  sources: ObjectSources,
  fields: FieldSources,
): Promise<string | undefined> {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  const namespace = pod.metadata.namespace ?? "";
  if (fieldRef !== undefined) {
    const text = fieldText(pod, fieldRef.fieldPath, fields);
    if (text !== undefined) return text;
    throw new EnvironmentError(`unsupported fieldPath: ${fieldRef.fieldPath}`);
  }
  if (resourceFieldRef !== undefined) {
    try {
      return resourceText(pod, container, resourceFieldRef, fields.allocatable);
    } catch (error) {
      throw new EnvironmentError(error instanceof Error ? error.message : String(error));
    }
  }
  if (configMapKeyRef !== undefined) {
    const { name = "", key, optional = false } = configMapKeyRef;
    const map = await sources.configMap(namespace, name);
    return pick(map, map?.data?.[key], "ConfigMap", namespace, name, key, optional);
  }
  if (secretKeyRef !== undefined) {
    const { name = "", key, optional = false } = secretKeyRef;
    const secret = await sources.secret(namespace, name);
    const encoded = secret?.data?.[key];
    const value = encoded === undefined ? undefined : fromBase64(encoded);
    return pick(secret, value, "Secret", namespace, name, key, optional);
  }
  throw new EnvironmentError("fileKeyRef is not supported");
}

function pick(
  object: ConfigMap | Secret | undefined,
  value: string | undefined,
  kind: "ConfigMap" | "Secret",
  namespace: string,
  name: string,
  key: string,
  optional: boolean,
): string | undefined {
  if (value !== undefined || optional) return value;
  if (object === undefined) throw new EnvironmentError(`${kind.toLowerCase()} "${name}" not found`);
  throw new EnvironmentError(`couldn't find key ${key} in ${kind} ${namespace}/${name}`);
}

const fromBase64 = (text: string): string => Buffer.from(text, "base64").toString();
