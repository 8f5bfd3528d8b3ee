import type { Container, Pod, SeccompProfile } from "../../api/types/core-v1.ts";
import type { ContainerSecurity, ImageInfo } from "../../cri/runtime.ts";
import { formatPod } from "../pods/pod-spec.ts";

/** The container's security settings: its own, else the pod's, else the image's. */
export function containerSecurity(pod: Pod, container: Container, image: ImageInfo): ContainerSecurity {
  const own = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  const runAsGroup = own.runAsGroup ?? shared.runAsGroup;
  const privileged = own.privileged ?? false;
  const fsGroup = shared.fsGroup === undefined ? [] : [shared.fsGroup];
  return {
    privileged,
    ...userOf(runAsUser, image),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    supplementalGroups: [...new Set([...(shared.supplementalGroups ?? []), ...fsGroup])],
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: privileged ? "unconfined" : seccompOf(own.seccompProfile ?? shared.seccompProfile),
    maskedPaths: own.procMount !== "Unmasked",
  };
}

function userOf(
  runAsUser: number | undefined,
  image: ImageInfo,
): Pick<ContainerSecurity, "runAsUser" | "runAsUserName"> {
  if (runAsUser !== undefined) return { runAsUser };
  return image.user === "" ? {} : { runAsUserName: image.user };
}

/** Without a profile containers run unconfined: the kubelet's seccompDefault is off unless it is asked for. */
function seccompOf(profile: SeccompProfile | undefined): ContainerSecurity["seccomp"] {
  if (profile?.type === "RuntimeDefault") return "runtimeDefault";
  if (profile?.type === "Localhost") return { localhostProfile: profile.localhostProfile ?? "" };
  return "unconfined";
}

/** Why the container may not run though it must not be root; undefined when it may. Mirrors verifyRunAsNonRoot. */
export function rootRefusal(pod: Pod, container: Container, image: ImageInfo): string | undefined {
  const own = container.securityContext ?? {};
  const shared = pod.spec?.securityContext ?? {};
  if ((own.runAsNonRoot ?? shared.runAsNonRoot) !== true) return undefined;
  const where = `(pod: "${formatPod(pod)}", container: ${container.name})`;
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  if (runAsUser !== undefined) {
    return runAsUser === 0 ? `container's runAsUser breaks non-root policy ${where}` : undefined;
  }
  const user = image.user.split(":")[0] ?? "";
  if (user === "" || user === "0") return `container has runAsNonRoot and image will run as root ${where}`;
  if (/^\d+$/.test(user)) return undefined;
  return `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${where}`;
}
