import type { ContainerStatus, Pod } from "../api/types/core-v1.ts";
import type { Look } from "./look.ts";
import { kubectl, type Reason, type Step, stuck } from "./reason.ts";
import { argument, workloadOf } from "./workload-of.ts";

const reasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);

export const isImageTrouble = (reason: string): boolean => reasons.has(reason);

/** Why the image of a container is not there. */
export async function askImage(
  pod: Pod,
  status: ContainerStatus,
  named: string,
  look: Look,
): Promise<Reason> {
  const { reason = "", message = "" } = status.state?.waiting ?? {};
  const specs = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const image = specs.find(({ name }) => name === status.name)?.image ?? status.image;
  const begin = `cannot start ${named}: its image ${image}`;
  if (reason === "InvalidImageName") {
    return stuck(pod, `${begin} has no valid name`, {
      next: await setImage(pod, status.name, look, "correct the image's name"),
    });
  }
  if (reason === "ErrImageNeverPull") {
    return stuck(pod, `${begin} is not on the node, and imagePullPolicy is Never`, {
      next: {
        says: "bring the image to the node, or let it be pulled (imagePullPolicy: IfNotPresent)",
        command: "sampan image import FILE",
      },
    });
  }
  const told = (await look.events(pod, `spec.containers{${status.name}}`)).find(
    (event) => event.reason === "Failed" && (event.message ?? "").startsWith("Failed to pull image"),
  )?.message;
  const why = (told ?? message)
    .replace(/^Failed to pull image "[^"]*": /, "")
    .replace(/^.*?(?:ErrImagePull|ImagePullBackOff): /s, "");
  const { says, next } = await judge(why, pod, status.name, look);
  const detail = says === notThere ? "" : `: ${why.trim().replaceAll("\n", " ")}`;
  return stuck(pod, `${begin} ${says}${detail}`, { next });
}

/** There is nothing to add to it. */
const notThere = "is not in its registry";

async function judge(
  why: string,
  pod: Pod,
  container: string,
  look: Look,
): Promise<{ says: string; next: Step | undefined }> {
  const { namespace = "" } = pod.metadata;
  if (/unauthorized|denied|forbidden|authentication required|401|403/i.test(why) && !/not found/i.test(why)) {
    return {
      says: "may not be pulled (it is private, or does not exist)",
      next: {
        says: "give the pod the registry's credentials: make a Secret, and name it in imagePullSecrets",
        command: kubectl(
          { namespace },
          "create secret docker-registry NAME --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD",
        ),
      },
    };
  }
  if (/not found|manifest unknown|does not exist|404/i.test(why)) {
    return {
      says: notThere,
      next: await setImage(pod, container, look, "name an image and a tag that exist"),
    };
  }
  if (
    /no such host|i\/o timeout|connection refused|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|network is unreachable|dial tcp/i.test(
      why,
    )
  ) {
    return {
      says: "cannot be pulled, since its registry cannot be reached",
      next: {
        says: "see whether the node reaches the registry; without a network, bring the image yourself",
        command: "sampan image import FILE",
      },
    };
  }
  if (/x509|certificate/i.test(why)) {
    return {
      says: "cannot be pulled, since the registry's certificate is not trusted",
      next: { says: "make the node trust the registry's authority" },
    };
  }
  if (/429|toomanyrequests|rate limit/i.test(why)) {
    return {
      says: "cannot be pulled for now: the registry limits how often",
      next: { says: "wait, or pull with an account (imagePullSecrets)" },
    };
  }
  return {
    says: "cannot be pulled",
    next: {
      says: "see what the node tried",
      command: kubectl({ namespace }, `describe pod ${pod.metadata.name ?? ""}`),
    },
  };
}

async function setImage(pod: Pod, container: string, look: Look, says: string): Promise<Step> {
  const workload = await workloadOf(pod, look);
  return {
    says,
    command: kubectl(
      { namespace: pod.metadata.namespace ?? "" },
      `set image ${argument(workload)} ${container}=IMAGE:TAG`,
    ),
  };
}
