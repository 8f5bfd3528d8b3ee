import { invalid, notFound, notSupported, required } from "../../../apimachinery/field-error.ts";
import {
  configMapKeyErrors,
  dns1123SubdomainErrors,
  qualifiedNameErrors,
  relaxedEnvVarNameErrors,
} from "../../../apimachinery/names.ts";
import type {
  ConfigMapKeySelector,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  PodSpec,
  ResourceFieldSelector,
} from "../../types/core-v1.ts";
import {
  checkLabel,
  checkName,
  type Errors,
  isEmpty,
  list,
  nameIsDnsSubdomain,
  quantity,
  text,
} from "../basics.ts";
import { checkNoBacksteps } from "./paths.ts";
import { visitContainers } from "./visit.ts";

/** Environment variables, and the selectors of fields that volumes use too. */
export function checkEnv(variables: readonly EnvVar[] | undefined, path: string, errors: Errors): void {
  if (variables === undefined) return;
  variables.forEach(({ name, value, valueFrom }, index) => {
    if (isEmpty(name)) errors.push(required(`${path}[${index}].name`));
    else checkName(name, relaxedEnvVarNameErrors, `${path}[${index}].name`, errors);
    if (valueFrom !== undefined) {
      checkValueFrom(valueFrom, text(value), `${path}[${index}].valueFrom`, errors);
    }
  });
}

const envFields = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

function checkValueFrom(source: EnvVarSource, value: string, path: string, errors: Errors): void {
  let sources = 0;
  if (source.fieldRef !== undefined) {
    sources++;
    checkFieldSelector(source.fieldRef, envFields, `${path}.fieldRef`, errors);
  }
  if (source.resourceFieldRef !== undefined) {
    sources++;
    checkResourceFieldSelector(source.resourceFieldRef, false, `${path}.resourceFieldRef`, errors);
  }
  if (source.configMapKeyRef !== undefined) {
    sources++;
    checkKeySelector(source.configMapKeyRef, `${path}.configMapKeyRef`, errors);
  }
  if (source.secretKeyRef !== undefined) {
    sources++;
    checkKeySelector(source.secretKeyRef, `${path}.secretKeyRef`, errors);
  }
  if (source.fileKeyRef !== undefined) {
    sources++;
    checkFileKeySelector(source.fileKeyRef, `${path}.fileKeyRef`, errors);
  }
  if (sources === 0) {
    const detail =
      "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
    errors.push(invalid(path, "", detail));
  } else if (value !== "") {
    errors.push(invalid(path, "", "may not be specified when `value` is not empty"));
  } else if (sources > 1) {
    errors.push(invalid(path, "", "may not have more than one field specified at a time"));
  }
}

/** Fields that the downward API of pods knows; which of them are allowed where is narrower. */
const podFields = new Set([
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.restartPolicy",
  "spec.serviceAccountName",
  "spec.schedulerName",
  "status.phase",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
]);

const subscripted = /^(metadata\.annotations|metadata\.labels)\['(.*)'\]$/s;

export function checkFieldSelector(
  { apiVersion, fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
  path: string,
  errors: Errors,
): void {
  if (isEmpty(apiVersion)) {
    errors.push(required(`${path}.apiVersion`));
    return;
  }
  if (isEmpty(fieldPath)) {
    errors.push(required(`${path}.fieldPath`));
    return;
  }
  const [, field, key = ""] = subscripted.exec(fieldPath) ?? [];
  if (apiVersion !== "v1") {
    const why = `error converting fieldPath: unsupported pod version: ${apiVersion}`;
    errors.push(invalid(`${path}.fieldPath`, fieldPath, why));
  } else if (field !== undefined) {
    checkName(field === "metadata.labels" ? key : key.toLowerCase(), qualifiedNameErrors, path, errors);
  } else if (!podFields.has(fieldPath === "spec.host" ? "spec.nodeName" : fieldPath)) {
    const why = `error converting fieldPath: field label not supported: ${fieldPath}`;
    errors.push(invalid(`${path}.fieldPath`, fieldPath, why));
  } else if (!supported.includes(fieldPath)) {
    errors.push(notSupported(`${path}.fieldPath`, fieldPath, supported));
  }
}

const resourceFields = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];

const isHugePagesField = (resource: string): boolean =>
  resource.startsWith("limits.hugepages-") || resource.startsWith("requests.hugepages-");

export function checkResourceFieldSelector(
  { containerName, resource, divisor }: ResourceFieldSelector,
  inVolume: boolean,
  path: string,
  errors: Errors,
): void {
  if (inVolume && isEmpty(containerName)) errors.push(required(`${path}.containerName`));
  else if (isEmpty(resource)) errors.push(required(`${path}.resource`));
  else if (!resourceFields.includes(resource) && !isHugePagesField(resource)) {
    errors.push(notSupported(`${path}.resource`, resource, resourceFields));
  }
  checkDivisor(text(resource), divisor, path, errors);
}

const byteDivisors = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

const divisorsOf: Readonly<Record<string, { name: string; divisors: readonly string[] }>> = {
  cpu: { name: "cpu", divisors: ["1m", "1"] },
  memory: { name: "memory", divisors: byteDivisors },
  "ephemeral-storage": { name: "local ephemeral storage", divisors: byteDivisors },
};

function checkDivisor(resource: string, raw: string | undefined, path: string, errors: Errors): void {
  const divisor = quantity(raw);
  if (divisor.isZero()) return;
  const kind = isHugePagesField(resource)
    ? { name: "hugepages", divisors: byteDivisors }
    : divisorsOf[resource.slice(resource.indexOf(".") + 1)];
  if (kind === undefined || kind.divisors.includes(divisor.toString())) return;
  const shown = kind.name === "cpu" ? kind.divisors.join(" and ") : kind.divisors.join(", ");
  const detail = `only divisor's values ${shown} are supported with the ${kind.name} resource`;
  errors.push(invalid(`${path}.divisor`, resource, detail));
}

/** A key of a ConfigMap or Secret. */
function checkKeySelector({ name, key }: ConfigMapKeySelector, path: string, errors: Errors): void {
  checkName(text(name), dns1123SubdomainErrors, `${path}.name`, errors);
  if (isEmpty(key)) errors.push(required(`${path}.key`));
  else checkName(key, configMapKeyErrors, `${path}.key`, errors);
}

function checkFileKeySelector(
  { volumeName, path: file, key }: FileKeySelector,
  path: string,
  errors: Errors,
): void {
  if (isEmpty(key)) errors.push(required(`${path}.key`));
  else checkName(key, relaxedEnvVarNameErrors, `${path}.key`, errors);
  if (isEmpty(volumeName)) errors.push(required(`${path}.volumeName`));
  else checkLabel(volumeName, `${path}.volumeName`, errors);
  if (isEmpty(file)) errors.push(required(`${path}.path`));
  else checkNoBacksteps(file, `${path}.path`, errors);
}

/** Files with variables lie in volumes that live as long as the pod. */
export function checkFileKeyVolumes(spec: PodSpec, path: string, errors: Errors): void {
  visitContainers(spec, path, ({ env }, where) => {
    list(env).forEach(({ valueFrom }, index) => {
      if (valueFrom?.fileKeyRef === undefined) return;
      const name = text(valueFrom.fileKeyRef.volumeName);
      const at = `${where}.env[${index}].valueFrom.fileKeyRef.volumeName`;
      const volume = list(spec.volumes).findLast((one) => one.name === name);
      if (volume === undefined) errors.push(notFound(at, name));
      else if (volume.emptyDir === undefined) {
        errors.push(invalid(at, name, "referenced volume must be of type emptyDir"));
      }
    });
  });
}

export function checkEnvFrom(
  sources: readonly EnvFromSource[] | undefined,
  path: string,
  errors: Errors,
): void {
  list(sources).forEach(({ prefix, configMapRef, secretRef }, index) => {
    const where = `${path}[${index}]`;
    if (!isEmpty(prefix)) checkName(text(prefix), relaxedEnvVarNameErrors, `${where}.prefix`, errors);
    if (configMapRef !== undefined) checkReferenceName(configMapRef.name, `${where}.configMapRef`, errors);
    if (secretRef !== undefined) checkReferenceName(secretRef.name, `${where}.secretRef`, errors);
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(invalid(path, "", "may not have more than one field specified at a time"));
    }
  });
}

function checkReferenceName(name: string | undefined, path: string, errors: Errors): void {
  if (name === undefined || name === "") errors.push(required(`${path}.name`));
  else checkName(name, (value) => nameIsDnsSubdomain(value, true), `${path}.name`, errors);
}
