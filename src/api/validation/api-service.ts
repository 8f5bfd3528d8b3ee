import { invalid, notSupported, required } from "../../apimachinery/field-error.ts";
import {
  dns1035LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentErrors,
  portErrors,
} from "../../apimachinery/names.ts";
import type { APIService } from "../types/apiregistration-v1.ts";
import { checkName, type Errors, isEmpty, list, text } from "./basics.ts";
import { checkObjectMeta, checkObjectMetaUpdate } from "./object-meta.ts";

/** Versions of groups, and who serves them (mirrors k8s.io/kube-aggregator/pkg/apis/apiregistration/validation). */
const groupPriorityMax = 20_000;
const versionPriorityMax = 1000;

/** The name says what is served, so its rule depends on the object. */
export function checkApiService({ metadata, spec }: APIService, errors: Errors): void {
  const group = text(spec?.group);
  const version = text(spec?.version);
  const groupPriorityMinimum = spec?.groupPriorityMinimum ?? 0;
  const versionPriority = spec?.versionPriority ?? 0;
  const wanted = `${version}.${group}`;
  const name = (given: string): string[] => {
    const messages = pathSegmentErrors(given);
    if (messages.length > 0 || given === wanted) return messages;
    return [`must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`];
  };
  checkObjectMeta(metadata, { namespaced: false, name, standardFinalizers: false }, errors);
  if (group === "" && version !== "v1") {
    const detail = "only v1 may have an empty group and it better be legacy kube";
    errors.push(required("spec.group", detail));
  }
  if (group !== "") checkName(group, dns1123SubdomainErrors, "spec.group", errors);
  checkName(version, dns1035LabelErrors, "spec.version", errors);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > groupPriorityMax) {
    const detail = "must be positive and less than 20000";
    errors.push(invalid("spec.groupPriorityMinimum", groupPriorityMinimum, detail));
  }
  if (versionPriority <= 0 || versionPriority > versionPriorityMax) {
    const detail = "must be positive and less than 1000";
    errors.push(invalid("spec.versionPriority", versionPriority, detail));
  }
  checkServer(spec, errors);
}

function checkServer(spec: APIService["spec"], errors: Errors): void {
  const { service, caBundle, insecureSkipTLSVerify } = spec ?? {};
  const bundleBytes = Buffer.byteLength(text(caBundle), "base64");
  const isInsecure = insecureSkipTLSVerify === true;
  if (service === undefined) {
    if (bundleBytes > 0) {
      const detail = "local APIServices may not have a caBundle";
      errors.push(invalid("spec.caBundle", `${bundleBytes} bytes`, detail));
    }
    if (isInsecure) {
      const detail = "local APIServices may not have insecureSkipTLSVerify";
      errors.push(invalid("spec.insecureSkipTLSVerify", true, detail));
    }
    return;
  }
  if (isEmpty(service.namespace)) errors.push(required("spec.service.namespace"));
  if (isEmpty(service.name)) errors.push(required("spec.service.name"));
  const port = service.port ?? 0;
  const messages = portErrors(port);
  if (messages.length > 0) {
    errors.push(invalid("spec.service.port", port, `port is not valid: ${messages.join(", ")}`));
  }
  if (!isInsecure || bundleBytes === 0) return;
  errors.push(invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
}

export function checkApiServiceUpdate(now: APIService, old: APIService, errors: Errors): void {
  checkObjectMetaUpdate(now.metadata, old.metadata, false, errors);
  checkApiService(now, errors);
}

const statuses = ["True", "False", "Unknown"];

export function checkApiServiceStatus({ status }: APIService, _old: unknown, errors: Errors): void {
  list(status?.conditions).forEach((condition, index) => {
    if (statuses.includes(text(condition.status))) return;
    errors.push(notSupported(`status.conditions[${index}].status`, text(condition.status), statuses));
  });
}
