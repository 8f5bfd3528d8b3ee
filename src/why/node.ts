import { humanDuration } from "../api/columns/duration.ts";
import type { Node } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import type { Look } from "./look.ts";
import { fine, type Reason, stuck } from "./reason.ts";

const pressures: Readonly<Record<string, string>> = {
  MemoryPressure: "it is short of memory",
  DiskPressure: "its disk is nearly full",
  PIDPressure: "it is short of process numbers",
  NetworkUnavailable: "its network is not set up",
};

export function whyNode(node: Node, look: Look): Reason {
  const { name = "" } = node.metadata;
  const conditions = node.status?.conditions;
  const ready = findCondition(conditions, "Ready");
  const since = humanDuration(look.ageMs(ready?.lastTransitionTime));
  if (ready === undefined || ready.status === "Unknown") {
    return stuck(
      node,
      ready === undefined
        ? "has never said that it is ready"
        : `has given no sign of life for ${humanDuration(look.ageMs(ready.lastHeartbeatTime))}: its agent does not run, or cannot reach the API server`,
      {
        next: {
          says: "see whether the machine runs and its agent with it; pods on it are replaced elsewhere after five minutes",
          command: `kubectl describe node ${name}`,
        },
      },
    );
  }
  if (ready.status !== "True") {
    return stuck(node, `is not ready for ${since}: ${ready.message ?? ready.reason ?? ""}`, {
      next: { says: "see what it lacks", command: `kubectl describe node ${name}` },
    });
  }
  const pressure = Object.keys(pressures).find((type) => findCondition(conditions, type)?.status === "True");
  if (pressure !== undefined) {
    return stuck(
      node,
      `is ready, but takes no new pods: ${pressures[pressure]} (${findCondition(conditions, pressure)?.message ?? pressure})`,
      {
        next: {
          says: "free what it is short of, or move pods elsewhere",
          command: `kubectl describe node ${name}`,
        },
      },
    );
  }
  if (node.spec?.unschedulable === true) {
    return stuck(node, "is ready, but cordoned: it takes no new pods", {
      next: { says: "let it take pods again", command: `kubectl uncordon ${name}` },
    });
  }
  return fine(node, "is ready");
}
