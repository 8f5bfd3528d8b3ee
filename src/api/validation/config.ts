import { forbidden, invalid, required, tooLong } from "../../apimachinery/field-error.ts";
import { isObject } from "../../apimachinery/json.ts";
import { configMapKeyErrors } from "../../apimachinery/names.ts";
import type { ConfigMap, Secret } from "../types/core-v1.ts";
import { checkName, type Errors, entries, immutable, isEmpty, same } from "./basics.ts";

/** ConfigMaps and Secrets. Values of secrets are base64 and never shown. */
const bytesMax = 1024 * 1024;
const immutableWhenSet = "field is immutable when `immutable` is set";

export function checkConfigMap({ data, binaryData }: ConfigMap, errors: Errors): void {
  let bytes = 0;
  for (const [key, value] of entries(data)) {
    checkName(key, configMapKeyErrors, `data[${key}]`, errors);
    if (binaryData !== undefined && Object.hasOwn(binaryData, key)) {
      errors.push(invalid(`data[${key}]`, key, "duplicate of key present in binaryData"));
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of entries(binaryData)) {
    checkName(key, configMapKeyErrors, `binaryData[${key}]`, errors);
    bytes += base64Bytes(value);
  }
  // The error is about the object as a whole, whose path is shown as "[]".
  if (bytes > bytesMax) errors.push(tooLong("[]", bytesMax));
}

/** The length of what base64 stands for. */
function base64Bytes(value: string): number {
  const padding = value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0;
  return Math.floor((value.length * 3) / 4) - padding;
}

export function checkConfigMapUpdate(configMap: ConfigMap, old: ConfigMap, errors: Errors): void {
  if (old.immutable === true) {
    if (configMap.immutable !== true) errors.push(forbidden("immutable", immutableWhenSet));
    if (!same(configMap.data, old.data)) errors.push(forbidden("data", immutableWhenSet));
    if (!same(configMap.binaryData, old.binaryData)) errors.push(forbidden("binaryData", immutableWhenSet));
  }
  checkConfigMap(configMap, errors);
}

const serviceAccountName = "kubernetes.io/service-account.name";

export function checkSecret(secret: Secret, errors: Errors): void {
  const data = secret.data ?? {};
  let bytes = 0;
  for (const [key, value] of entries(data)) {
    checkName(key, configMapKeyErrors, `data[${key}]`, errors);
    bytes += base64Bytes(value);
  }
  if (bytes > bytesMax) errors.push(tooLong("data", bytesMax));
  switch (secret.type) {
    case "kubernetes.io/service-account-token":
      if (isEmpty(secret.metadata.annotations?.[serviceAccountName])) {
        errors.push(required(`metadata.annotations[${serviceAccountName}]`));
      }
      break;
    case "kubernetes.io/dockercfg":
      checkJson(data, ".dockercfg", errors);
      break;
    case "kubernetes.io/dockerconfigjson":
      checkJson(data, ".dockerconfigjson", errors);
      break;
    case "kubernetes.io/basic-auth":
      if (data["username"] === undefined && data["password"] === undefined) {
        errors.push(required("data[username]"), required("data[password]"));
      }
      break;
    case "kubernetes.io/ssh-auth":
      if (isEmpty(data["ssh-privatekey"])) errors.push(required("data[ssh-privatekey]"));
      break;
    case "kubernetes.io/tls":
      if (data["tls.crt"] === undefined) errors.push(required("data[tls.crt]"));
      if (data["tls.key"] === undefined) errors.push(required("data[tls.key]"));
      break;
    default:
  }
}

function checkJson(data: Readonly<Record<string, string>>, key: string, errors: Errors): void {
  const value = data[key];
  if (value === undefined) {
    errors.push(required(`data[${key}]`));
    return;
  }
  const error = jsonObjectError(Buffer.from(value, "base64").toString());
  if (error !== undefined) errors.push(invalid(`data[${key}]`, "<secret contents redacted>", error));
}

/** Why a text is no JSON object, without showing any of it beyond a character. */
function jsonObjectError(value: string): string | undefined {
  if (value === "") return "unexpected end of JSON input";
  try {
    const parsed: unknown = JSON.parse(value);
    if (parsed === null || isObject(parsed)) return undefined;
    const kind = Array.isArray(parsed) ? "array" : typeof parsed === "boolean" ? "bool" : typeof parsed;
    return `json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`;
  } catch {
    const first = value.trimStart().slice(0, 1);
    if (first === "" || first === "{") return "unexpected end of JSON input";
    return `invalid character '${first}' looking for beginning of value`;
  }
}

export function checkSecretUpdate(secret: Secret, old: Secret, errors: Errors): void {
  immutable(secret.type, old.type, "type", errors);
  if (old.immutable === true) {
    if (secret.immutable !== true) errors.push(forbidden("immutable", immutableWhenSet));
    if (!same(secret.data, old.data)) errors.push(forbidden("data", immutableWhenSet));
  }
  checkSecret(secret, errors);
}
