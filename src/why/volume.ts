import type { Pod } from "../api/types/core-v1.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { missingFrom } from "./missing-part.ts";
import { byCauses, kubectl, type Reason, stuck } from "./reason.ts";

/** Why the volumes of a pod are not mounted; undefined when nothing is wrong with them. */
export async function askVolumes(pod: Pod, look: Look): Promise<Reason | undefined> {
  const isCreating = (pod.status?.containerStatuses ?? []).some(({ state }) =>
    ["ContainerCreating", "PodInitializing"].includes(state?.waiting?.reason ?? ""),
  );
  if (!isCreating) return undefined;
  const claims = await unboundClaims(pod, look);
  if (claims.length > 0) return byCauses(pod, "cannot start: a volume is not there", claims);
  const event = await look.event(
    pod,
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
  );
  if (event === undefined) return undefined;
  const { message = "", reason = "" } = event;
  const [, volume, why = message] = /for volume "([^"]+)" ?: ?(.*)$/s.exec(message) ?? [];
  if (reason === "FailedCreatePodSandBox") {
    return stuck(pod, `cannot start: its sandbox cannot be made: ${message}`, {
      next: {
        says: "look at the network and the runtime of the node",
        command: `kubectl describe node ${pod.spec?.nodeName ?? ""}`,
      },
    });
  }
  const missing = missingFrom(why, pod);
  if (missing !== undefined)
    return stuck(pod, `cannot start: volume "${volume ?? ""}" cannot be filled`, { because: [missing] });
  return stuck(pod, `cannot start: volume "${volume ?? ""}" cannot be mounted: ${why}`, {
    next: {
      says: "see the volume and its events",
      command: kubectl(
        { namespace: pod.metadata.namespace ?? "" },
        `describe pod ${pod.metadata.name ?? ""}`,
      ),
    },
  });
}

async function unboundClaims(pod: Pod, look: Look): Promise<Reason[]> {
  const names = (pod.spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
  return await look.causes(
    await Promise.all(
      names.map((name) => look.get(resources.persistentvolumeclaims, name, pod.metadata.namespace)),
    ),
  );
}
