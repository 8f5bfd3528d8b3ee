import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from "../../../apimachinery/field-error.ts";
import type { ObjectMeta } from "../../../apimachinery/meta-v1.ts";
import { dns1123SubdomainErrors } from "../../../apimachinery/names.ts";
import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
  Sysctl,
  WindowsSecurityContextOptions,
} from "../../types/core-v1.ts";
import { checkName, checkRange, type Errors, isEmpty, list, oneOf, optionalOneOf, text } from "../basics.ts";
import { checkLocalDescendingPath } from "./paths.ts";
import { visitContainers } from "./visit.ts";

/** Security of pods and containers. */
const idMax = 0x7fffffff;

const checkId = (id: number | undefined, path: string, errors: Errors): void =>
  checkRange(id, 0, idMax, path, errors);

export function checkPodSecurityContext(
  spec: PodSpec,
  anySeLinuxChangePolicy: boolean,
  path: string,
  errors: Errors,
): void {
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const detail = "ShareProcessNamespace and HostPID cannot both be enabled";
    errors.push(invalid(`${path}.shareProcessNamespace`, true, detail));
  }
  const context = spec.securityContext;
  if (context === undefined) return;
  checkId(context.fsGroup, `${path}.fsGroup`, errors);
  checkId(context.runAsUser, `${path}.runAsUser`, errors);
  checkId(context.runAsGroup, `${path}.runAsGroup`, errors);
  list(context.supplementalGroups).forEach((group, index) => {
    checkId(group, `${path}.supplementalGroups[${index}]`, errors);
  });
  if (context.sysctls !== undefined) checkSysctls(context.sysctls, spec, `${path}.sysctls`, errors);
  const changePolicies = ["Always", "OnRootMismatch"];
  optionalOneOf(context.fsGroupChangePolicy, changePolicies, `${path}.fsGroupChangePolicy`, errors);
  checkSeccompProfile(context.seccompProfile, `${path}.seccompProfile`, errors);
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, errors);
  checkAppArmorProfile(context.appArmorProfile, `${path}.appArmorProfile`, errors);
  const groupPolicies = ["Merge", "Strict"];
  optionalOneOf(context.supplementalGroupsPolicy, groupPolicies, `${path}.supplementalGroupsPolicy`, errors);
  const labelPolicies = anySeLinuxChangePolicy ? ["MountOption", "Recursive"] : ["Recursive"];
  optionalOneOf(context.seLinuxChangePolicy, labelPolicies, `${path}.seLinuxChangePolicy`, errors);
}

const sysctlSegment = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const sysctlSource = `^(${sysctlSegment}[\\./])*${sysctlSegment}$`;
const sysctlPattern = new RegExp(sysctlSource);
const sysctlLengthMax = 253;

function checkSysctls(sysctls: readonly Sysctl[], spec: PodSpec, path: string, errors: Errors): void {
  const seen = new Set<string>();
  sysctls.forEach(({ name }, index) => {
    const where = `${path}[${index}].name`;
    if (isEmpty(name)) errors.push(required(where));
    else if (name.length > sysctlLengthMax || !sysctlPattern.test(name)) {
      const detail = `must have at most ${sysctlLengthMax} characters and match regex ${sysctlSource}`;
      errors.push(invalid(where, name, detail));
    } else if (seen.has(name)) errors.push(duplicate(where, name));
    const namespace = sysctlNamespace(text(name));
    if (namespace === "net" && spec.hostNetwork === true) {
      errors.push(invalid(where, name, "may not be specified when 'hostNetwork' is true"));
    } else if (namespace === "ipc" && spec.hostIPC === true) {
      errors.push(invalid(where, name, "may not be specified when 'hostIPC' is true"));
    }
    seen.add(text(name));
  });
}

function sysctlNamespace(name: string): "net" | "ipc" | undefined {
  const dotted = name.replaceAll("/", ".");
  if (dotted.startsWith("net.")) return "net";
  if (dotted === "kernel.sem" || /^(?:kernel\.shm|kernel\.msg|fs\.mqueue\.)/.test(dotted)) return "ipc";
  return undefined;
}

const seccompTypes = ["Localhost", "RuntimeDefault", "Unconfined"];

function checkSeccompProfile(profile: SeccompProfile | undefined, path: string, errors: Errors): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (isEmpty(type)) {
    errors.push(required(`${path}.type`, "type is required when seccompProfile is set"));
  } else oneOf(type, seccompTypes, `${path}.type`, errors);
  const where = `${path}.localhostProfile`;
  if (type === "Localhost") {
    if (localhostProfile === undefined) {
      errors.push(required(where, "must be set when seccomp type is Localhost"));
    } else checkLocalDescendingPath(localhostProfile, where, errors);
  } else if (localhostProfile !== undefined) {
    errors.push(invalid(where, profile, "can only be set when seccomp type is Localhost"));
  }
}

const profileBytesMax = 4095;

function checkAppArmorProfile(profile: AppArmorProfile | undefined, path: string, errors: Errors): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  const where = `${path}.localhostProfile`;
  if (type === "Localhost") checkLocalhostAppArmor(localhostProfile, where, errors);
  else if (isEmpty(type)) {
    errors.push(required(`${path}.type`, "type is required when appArmorProfile is set"));
  } else if (type !== "RuntimeDefault" && type !== "Unconfined") {
    errors.push(notSupported(`${path}.type`, type, seccompTypes));
  } else if (localhostProfile !== undefined) {
    errors.push(invalid(where, localhostProfile, "can only be set when AppArmor type is Localhost"));
  }
}

function checkLocalhostAppArmor(profile: string | undefined, path: string, errors: Errors): void {
  if (profile === undefined) {
    errors.push(required(path, "must be set when AppArmor type is Localhost"));
    return;
  }
  const trimmed = profile.trim();
  if (trimmed !== profile) errors.push(invalid(path, profile, "must not be padded with whitespace"));
  else if (trimmed === "") errors.push(required(path, "must be set when AppArmor type is Localhost"));
  if (profile.length > profileBytesMax) errors.push(tooLong(path, profileBytesMax));
}

const credentialSpecKiBMax = 64;

function checkWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  path: string,
  errors: Errors,
): void {
  if (options === undefined) return;
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options;
  if (name !== undefined) checkName(name, dns1123SubdomainErrors, `${path}.gmsaCredentialSpecName`, errors);
  if (spec === "") {
    const detail = "gmsaCredentialSpec cannot be an empty string";
    errors.push(invalid(`${path}.gmsaCredentialSpec`, spec, detail));
  } else if (spec !== undefined && spec.length > credentialSpecKiBMax * 1024) {
    const detail = `gmsaCredentialSpec size must be under ${credentialSpecKiBMax} KiB`;
    errors.push(invalid(`${path}.gmsaCredentialSpec`, spec, detail));
  }
  if (runAsUserName === undefined) return;
  for (const detail of windowsUserErrors(runAsUserName)) {
    errors.push(invalid(`${path}.runAsUserName`, runAsUserName, detail));
  }
}

const controlCharacters = /\p{Cc}/u;
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsName =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const dotsAndSpaces = /^[. ]+$/;
const forbiddenInUser = /["/\\:;|=,+*?<>@[\]]/;

/** `DOMAIN\user`, where the domain may be absent. */
function windowsUserErrors(name: string): string[] {
  if (name === "") return ["runAsUserName cannot be an empty string"];
  if (controlCharacters.test(name)) return ["runAsUserName cannot contain control characters"];
  const parts = name.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const domain = parts.length === 2 ? text(parts[0]) : undefined;
  const user = text(parts.at(-1));
  const errors: string[] = [];
  if (domain !== undefined) {
    if (domain.length >= 256) errors.push("runAsUserName's Domain length must be under 256 characters");
    if (!netBiosName.test(domain) && !dnsName.test(domain)) {
      errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
    }
  }
  if (user === "") errors.push("runAsUserName's User cannot be empty");
  else if (user.length > 104) {
    errors.push("runAsUserName's User length must not be longer than 104 characters");
  }
  if (dotsAndSpaces.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces");
  if (forbiddenInUser.test(user)) {
    errors.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  }
  return errors;
}

export function checkSecurityContext(
  context: SecurityContext | undefined,
  hostUsers: boolean,
  path: string,
  errors: Errors,
): void {
  if (context === undefined) return;
  checkId(context.runAsUser, `${path}.runAsUser`, errors);
  checkId(context.runAsGroup, `${path}.runAsGroup`, errors);
  if (context.procMount !== undefined) {
    oneOf(context.procMount, ["Default", "Unmasked"], `${path}.procMount`, errors);
    if (hostUsers && context.procMount === "Unmasked") {
      const detail = "`hostUsers` must be false to use `Unmasked`";
      errors.push(invalid(`${path}.procMount`, context.procMount, detail));
    }
  }
  checkSeccompProfile(context.seccompProfile, `${path}.seccompProfile`, errors);
  if (context.allowPrivilegeEscalation === false) checkNoEscalation(context, path, errors);
  checkWindowsOptions(context.windowsOptions, `${path}.windowsOptions`, errors);
  checkAppArmorProfile(context.appArmorProfile, `${path}.appArmorProfile`, errors);
}

function checkNoEscalation(context: SecurityContext, path: string, errors: Errors): void {
  if (context.privileged === true) {
    const detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
    errors.push(invalid(path, context, detail));
  }
  for (const capability of list(context.capabilities?.add)) {
    if (capability !== "CAP_SYS_ADMIN") continue;
    const detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
    errors.push(invalid(path, context, detail));
  }
}

/** Pods with a user namespace of their own share none of these with the host. */
export function checkHostUsers(spec: PodSpec, path: string, errors: Errors): void {
  if (spec.hostUsers !== false) return;
  const detail = "when `pod.Spec.HostUsers` is false";
  if (spec.hostNetwork === true) errors.push(forbidden(`${path}.hostNetwork`, detail));
  if (spec.hostPID === true) errors.push(forbidden(`${path}.HostPID`, detail));
  if (spec.hostIPC === true) errors.push(forbidden(`${path}.HostIPC`, detail));
}

export function checkHostProcess(spec: PodSpec, path: string, errors: Errors): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let containers = 0;
  let hostProcesses = 0;
  visitContainers(spec, path, ({ securityContext }, containerPath) => {
    containers++;
    const own = securityContext?.windowsOptions?.hostProcess;
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const where = `${containerPath}.securityContext.windowsOptions.hostProcess`;
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`;
      errors.push(invalid(where, own, detail));
    }
    if (own ?? ofPod ?? false) hostProcesses++;
  });
  if (hostProcesses === 0) return;
  if (hostProcesses !== containers) {
    const detail =
      "If pod contains any hostProcess containers then all containers must be HostProcess containers";
    errors.push(invalid(path, "", detail));
  }
  if (spec.hostNetwork !== true) {
    const detail = "hostNetwork must be true if pod contains any hostProcess containers";
    errors.push(invalid(`${path}.hostNetwork`, false, detail));
  }
}

export function checkOs(spec: PodSpec, path: string, errors: Errors): void {
  const name = spec.os?.name;
  if (spec.os === undefined) return;
  if (isEmpty(name)) errors.push(required(`${path}.os.name`));
  else if (name === "linux") checkLinux(spec, path, errors);
  else if (name === "windows") checkWindows(spec, path, errors);
  else errors.push(notSupported(`${path}.os`, name, ["linux", "windows"]));
}

function checkLinux(spec: PodSpec, path: string, errors: Errors): void {
  const detail = "windows options cannot be set for a linux pod";
  if (spec.securityContext?.windowsOptions !== undefined) {
    errors.push(forbidden(`${path}.securityContext.windowsOptions`, detail));
  }
  visitContainers(spec, path, ({ securityContext }, containerPath) => {
    if (securityContext?.windowsOptions === undefined) return;
    errors.push(forbidden(`${containerPath}.securityContext.windowsOptions`, detail));
  });
}

type SpecField = "hostUsers" | "hostPID" | "hostIPC" | "shareProcessNamespace";

/** What Windows has not, in the order of its errors: fields of the pod's spec, and of its security context. */
const notOnWindows: readonly (
  | readonly ["spec", SpecField]
  | readonly ["securityContext", keyof PodSecurityContext]
)[] = [
  ["securityContext", "appArmorProfile"],
  ["securityContext", "seLinuxOptions"],
  ["spec", "hostUsers"],
  ["spec", "hostPID"],
  ["spec", "hostIPC"],
  ["securityContext", "seccompProfile"],
  ["securityContext", "fsGroup"],
  ["securityContext", "fsGroupChangePolicy"],
  ["securityContext", "sysctls"],
  ["spec", "shareProcessNamespace"],
  ["securityContext", "runAsUser"],
  ["securityContext", "runAsGroup"],
  ["securityContext", "supplementalGroups"],
  ["securityContext", "supplementalGroupsPolicy"],
  ["securityContext", "seLinuxChangePolicy"],
];

const containerNotOnWindows: readonly (keyof SecurityContext)[] = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
];

function checkWindows(spec: PodSpec, path: string, errors: Errors): void {
  const detail = "cannot be set for a windows pod";
  for (const [owner, field] of notOnWindows) {
    const value = owner === "spec" ? spec[field] : spec.securityContext?.[field];
    const isFlag = field === "hostPID" || field === "hostIPC";
    if (value === undefined || (isFlag && value === false) || isEmptyList(value)) continue;
    errors.push(
      forbidden(owner === "spec" ? `${path}.${field}` : `${path}.securityContext.${field}`, detail),
    );
  }
  visitContainers(spec, path, ({ securityContext }, containerPath) => {
    for (const field of containerNotOnWindows) {
      if (securityContext?.[field] === undefined) continue;
      errors.push(forbidden(`${containerPath}.securityContext.${field}`, detail));
    }
  });
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

const seccompPodAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainerPrefix = "container.seccomp.security.alpha.kubernetes.io/";
const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

/** The old annotations, which must at least be readable. */
export function checkSecurityAnnotations(
  annotations: Readonly<Record<string, string>>,
  spec: PodSpec,
  path: string,
  errors: Errors,
): void {
  for (const [key, value] of Object.entries(annotations)) {
    if (key === seccompPodAnnotation || key.startsWith(seccompContainerPrefix)) {
      checkSeccompAnnotation(value, `${path}.${key}`, errors);
    } else if (key.startsWith(appArmorPrefix)) {
      const container = key.slice(appArmorPrefix.length);
      let found = false;
      visitContainers(spec, path, ({ name }) => {
        found ||= name === container;
      });
      if (!found) errors.push(invalid(`${path}[${key}]`, container, "container not found"));
      if (value !== "" && !/^(?:runtime\/default|unconfined|localhost\/.*)$/s.test(value)) {
        const detail = `invalid AppArmor profile name: ${JSON.stringify(value)}`;
        errors.push(invalid(`${path}[${key}]`, value, detail));
      }
    }
  }
}

function checkSeccompAnnotation(value: string, path: string, errors: Errors): void {
  if (value === "runtime/default" || value === "docker/default" || value === "unconfined") return;
  if (value.startsWith("localhost/")) checkLocalDescendingPath(value.slice(10), path, errors);
  else errors.push(invalid(path, value, "must be a valid seccomp profile"));
}

/** Where an annotation and its field are both set, they say the same. */
export function checkAnnotationsMatchFields(
  meta: ObjectMeta | undefined,
  spec: PodSpec,
  path: string,
  errors: Errors,
): void {
  const annotations = meta?.annotations;
  if (annotations === undefined) return;
  const ofPod = spec.securityContext;
  checkMatch(
    annotations[seccompPodAnnotation],
    ofPod?.seccompProfile,
    "seccomp",
    `${path}.securityContext`,
    errors,
  );
  visitContainers(spec, path, ({ name, securityContext }, containerPath) => {
    const where = `${containerPath}.securityContext`;
    const seccomp = annotations[seccompContainerPrefix + name];
    checkMatch(seccomp, securityContext?.seccompProfile, "seccomp", where, errors);
  });
  if (spec.os?.name === "windows") return;
  visitContainers(spec, path, ({ name, securityContext }, containerPath) => {
    const profile = securityContext?.appArmorProfile ?? ofPod?.appArmorProfile;
    const where = `${containerPath}.securityContext`;
    checkMatch(annotations[appArmorPrefix + name], profile, "apparmor", where, errors);
  });
}

function checkMatch(
  annotation: string | undefined,
  profile: SeccompProfile | AppArmorProfile | undefined,
  what: "seccomp" | "apparmor",
  context: string,
  errors: Errors,
): void {
  if (annotation === undefined || profile === undefined) return;
  const path = `${context}.${what === "seccomp" ? "seccompProfile" : "appArmorProfile"}`;
  const { type, localhostProfile } = profile;
  const differs =
    (type === "Unconfined" && annotation !== "unconfined") ||
    (type === "RuntimeDefault" && annotation !== "runtime/default" && annotation !== "docker/default") ||
    (type === "Localhost" && !annotation.startsWith("localhost/"));
  if (differs) {
    errors.push(forbidden(`${path}.type`, `${what} type in annotation and field must match`));
  } else if (type === "Localhost" && annotation.slice("localhost/".length) !== localhostProfile) {
    const detail = `${what} profile in annotation and field must match`;
    errors.push(forbidden(`${path}.localhostProfile`, detail));
  }
}
