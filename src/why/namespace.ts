import { humanDuration } from "../api/columns/duration.ts";
import type { Namespace } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { isBeingDeleted } from "../apimachinery/object.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { byCauses, fine, type Reason, stuck, waiting } from "./reason.ts";

const patienceMs = 10_000;

/** Why a namespace is still there: what is left in it, and API servers that cannot be asked. */
export async function whyNamespace(namespace: Namespace, look: Look): Promise<Reason> {
  if (!isBeingDeleted(namespace)) return fine(namespace, "is in use");
  const since = look.ageMs(namespace.metadata.deletionTimestamp);
  const { conditions } = namespace.status ?? {};
  const text = `is being deleted for ${humanDuration(since)}`;
  const down = await look.causes(await look.list(resources.apiservices));
  const discovery = findCondition(conditions, "NamespaceDeletionDiscoveryFailure");
  if (discovery?.status === "True" && down.length > 0)
    return byCauses(namespace, `${text}: an API server that may have objects in it cannot be asked`, down);
  const left = await leftIn(namespace.metadata.name ?? "", look);
  const causes = await look.causes(left.filter(isBeingDeleted).slice(0, 50));
  if (causes.length > 0)
    return byCauses(
      namespace,
      `${text}: ${left.length === 1 ? "one object is" : `${left.length} objects are`} left in it`,
      causes,
    );
  const failing = [
    "NamespaceDeletionContentFailure",
    "NamespaceDeletionGroupVersionParsingFailure",
    "NamespaceDeletionDiscoveryFailure",
  ]
    .map((type) => findCondition(conditions, type))
    .find((condition) => condition?.status === "True");
  if (failing !== undefined)
    return stuck(namespace, `${text}: ${failing.message ?? failing.type}`, {
      next: {
        says: "mend what it names; the namespace goes by itself then",
        command: `kubectl get namespace ${namespace.metadata.name ?? ""} -o yaml`,
      },
    });
  const own = namespace.metadata.finalizers ?? [];
  if (own.length > 0)
    return stuck(namespace, `${text}, held by the finalizer ${own.join(", ")}`, {
      next: {
        says: "see whether the controller that set it runs; if it is gone for good, take it away",
        command: `kubectl patch namespace ${namespace.metadata.name ?? ""} --type json -p '[{"op":"remove","path":"/metadata/finalizers"}]'`,
      },
    });
  if (since < patienceMs) return waiting(namespace, text);
  return stuck(
    namespace,
    `${text}: ${left.length === 0 ? "nothing is left in it, but" : `${left.length} objects are left in it, and`} the namespace controller does not seem to run`,
    {
      next: { says: "see whether the controllers run", command: "kubectl -n kube-system get pods,leases" },
    },
  );
}

/** Whatever of whatever kind is in the namespace, but for events. */
async function leftIn(namespace: string, look: Look) {
  const served = (await look.finder.all()).filter(
    ({ namespaced, verbs, resource }) =>
      namespaced && verbs.includes("list") && verbs.includes("delete") && resource !== "events",
  );
  return (await Promise.all(served.map((resource) => look.list(resource, namespace)))).flat();
}
