import type { Node, Pod, Taint } from "../api/types/core-v1.ts";
import { findCondition } from "../apimachinery/conditions.ts";
import { Quantity } from "../apimachinery/quantity.ts";
import { resources } from "../client/resources.ts";
import type { Look } from "./look.ts";
import { are, byCauses, count, kubectl, type Reason, type Step, some, stuck, waiting } from "./reason.ts";
import { argument, workloadOf } from "./workload-of.ts";

/** So long a scheduler may take before it counts as absent. */
const patienceMs = 10_000;

/** Why a pod has no node yet: mirrors the words of kube-scheduler's plugins in the pod's PodScheduled condition. */
export async function askScheduling(pod: Pod, look: Look): Promise<Reason> {
  const condition = findCondition(pod.status?.conditions, "PodScheduled");
  if (condition?.reason === "SchedulingGated") return gated(pod);
  if (condition?.status === "False") return await unschedulable(pod, condition.message ?? "", look);
  const scheduler = pod.spec?.schedulerName ?? "default-scheduler";
  if (look.ageMs(pod.metadata.creationTimestamp) < patienceMs)
    return waiting(pod, "waits to be given a node: it is new");
  if (scheduler === "default-scheduler") {
    return stuck(pod, "was given no node: no scheduler has looked at it", {
      next: { says: "see whether the scheduler runs", command: "kubectl -n kube-system get pods,leases" },
    });
  }
  return stuck(pod, `waits for the scheduler "${scheduler}", which does not seem to run`, {
    next: { says: `start "${scheduler}", or take schedulerName out of the pod's template` },
  });
}

function gated(pod: Pod): Reason {
  const gates = (pod.spec?.schedulingGates ?? []).map(({ name }) => name);
  return stuck(pod, `is held back by ${count(gates.length, "scheduling gate")}: ${gates.join(", ")}`, {
    next: {
      says: "whoever set the gates takes them away when it is time; to do it by hand",
      command: kubectl(
        { namespace: pod.metadata.namespace ?? "" },
        `patch pod ${pod.metadata.name ?? ""} --type json -p '[{"op":"remove","path":"/spec/schedulingGates"}]'`,
      ),
    },
  });
}

async function unschedulable(pod: Pod, message: string, look: Look): Promise<Reason> {
  const claims = await claimsInTheWay(pod, message, look);
  if (claims.length > 0)
    return byCauses(pod, "was given no node: a volume that it asks for is not there", claims);
  const nodes = await look.list(resources.nodes);
  if (nodes.length === 0 && !look.isUnseen(resources.nodes)) {
    return stuck(pod, "was given no node: the cluster has none", {
      next: { says: "add a node to the cluster", command: "kubectl get nodes" },
    });
  }
  const obstacles = obstaclesOf(message);
  const told = obstacles.map(({ nodes: on, what }) => `${what} (${count(on, "node")})`);
  const first = obstacles[0];
  const workload = await workloadOf(pod, look);
  return stuck(pod, `was given no node: ${told.length === 0 ? message : told.join("; ")}`, {
    next: first === undefined ? undefined : remedy(first, { pod, nodes, workload: argument(workload) }),
  });
}

async function claimsInTheWay(pod: Pod, message: string, look: Look): Promise<Reason[]> {
  if (!/persistentvolumeclaim/i.test(message)) return [];
  const { namespace = "" } = pod.metadata;
  const { missing, found } = await claimsOf(pod, look);
  return [
    ...missing.map((name) =>
      stuck(
        { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name, namespace } },
        "does not exist",
        {
          next: {
            says: `make the PersistentVolumeClaim "${name}", or correct its name in the pod's volumes`,
            command: kubectl({ namespace }, "get persistentvolumeclaims"),
          },
        },
      ),
    ),
    ...(await look.causes(found)),
  ];
}

async function claimsOf(pod: Pod, look: Look) {
  const names = (pod.spec?.volumes ?? []).flatMap(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? [],
  );
  const claims = await Promise.all(
    names.map(
      async (name) =>
        [name, await look.get(resources.persistentvolumeclaims, name, pod.metadata.namespace)] as const,
    ),
  );
  return {
    missing: claims.flatMap(([name, claim]) => (claim === undefined ? [name] : [])),
    found: claims.flatMap(([, claim]) => claim ?? []),
  };
}

interface Obstacle {
  readonly kind: string;
  /** How many nodes it rules out. */
  readonly nodes: number;
  /** In plain words. */
  readonly what: string;
  /** What the scheduler named: a resource, a taint. */
  readonly detail: string;
}

/** The words of the scheduler's plugins, what they mean, and what kind of remedy there is. */
const meanings: readonly (readonly [RegExp, kind: string, plain: (detail: string) => string])[] = [
  [/^Insufficient (.+)$/, "resource", (resource) => `not enough ${resource} is free`],
  [/^Too many pods$/, "pods", () => "as many pods as allowed run there already"],
  [
    /^node\(s\) had untolerated taint\(?s?\)? ?\{?(.*?)\}?$/,
    "taint",
    (taint) =>
      `the node has a taint that the pod does not tolerate${taint === "" ? "" : ` (${taint.replace(/: $/, "")})`}`,
  ],
  [/^node\(s\) were unschedulable$/, "cordoned", () => "the node is cordoned"],
  [
    /^node\(s\) didn't match Pod's node affinity\/selector$/,
    "selector",
    () => "the node lacks the labels that the pod asks for",
  ],
  [/^node\(s\) didn't have free ports for the requested pod ports$/, "ports", () => "the host port is taken"],
  [
    /^node\(s\) didn't match pod anti-affinity rules$/,
    "antiAffinity",
    () => "the pod must not be beside one that is there",
  ],
  [
    /^node\(s\) didn't satisfy existing pods anti-affinity rules$/,
    "antiAffinity",
    () => "a pod that is there wants it kept away",
  ],
  [
    /^node\(s\) didn't match pod affinity rules$/,
    "affinity",
    () => "no pod that it wants to be beside is there",
  ],
  [
    /^node\(s\) didn't match pod topology spread constraints/,
    "spread",
    () => "pods would be spread too unevenly",
  ],
  [/^node\(s\) had volume node affinity conflict$/, "volume", () => "its volume lies on another node"],
  [
    /^node\(s\) didn't find available persistent volumes to bind$/,
    "volume",
    () => "no volume there fits its claims",
  ],
];

/** Of "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. preemption: …", most nodes first. */
export function obstaclesOf(message: string): Obstacle[] {
  const list = /^\d+\/\d+ nodes are available: (.*?)\.?(?: preemption: .*)?(?: no new claims.*)?$/s.exec(
    message,
  )?.[1];
  return (list?.split(/, (?=\d+ )/) ?? [])
    .flatMap((part) => {
      const [, nodes = "0", words = ""] = /^(\d+) (.*?)\.?$/s.exec(part) ?? [];
      if (words === "") return [];
      const [pattern, kind = "other", plain] = meanings.find(([known]) => known.test(words)) ?? [];
      const detail = pattern?.exec(words)?.[1] ?? "";
      return [{ kind, nodes: Number(nodes), what: plain?.(detail) ?? words, detail }];
    })
    .toSorted((a, b) => b.nodes - a.nodes);
}

interface Situation {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  readonly workload: string;
}

function remedy({ kind, detail }: Obstacle, { pod, nodes, workload }: Situation): Step | undefined {
  const { namespace = "" } = pod.metadata;
  const names = some(nodes.map(({ metadata }) => metadata.name ?? ""));
  switch (kind) {
    case "resource":
      return {
        says: `ask for less (the pod asks for ${requested(pod, detail)} ${detail}; the largest node has ${largest(nodes, detail)}), or add a node`,
        command: workload.startsWith("pod/")
          ? "kubectl describe nodes"
          : kubectl({ namespace }, `set resources ${workload} --requests=${detail}=AMOUNT`),
      };
    case "taint": {
      const found = untolerated(pod, nodes);
      const key = found?.taint.key ?? (detail.split(":")[0] || "KEY");
      const tainted = found?.node;
      if (key.startsWith("node.kubernetes.io/"))
        return {
          says: "see what the node lacks",
          command: `sampan why node/${tainted?.metadata.name ?? "NAME"}`,
        };
      return {
        says: "tolerate the taint in the pod's template, or take it from the node",
        command: `kubectl taint nodes ${tainted?.metadata.name ?? "NAME"} ${key}-`,
      };
    }
    case "cordoned": {
      const cordoned = nodes.find(({ spec }) => spec?.unschedulable === true);
      return {
        says: "let the node take pods again",
        command: `kubectl uncordon ${cordoned?.metadata.name ?? "NAME"}`,
      };
    }
    case "selector": {
      const wanted = Object.entries(pod.spec?.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`);
      if (wanted.length === 0)
        return {
          says: "compare the pod's nodeAffinity with the labels of the nodes",
          command: "kubectl get nodes --show-labels",
        };
      return {
        says: `no node has the label ${wanted.join(" and ")}: give it to one (there ${are(nodes.length)} ${names}), or correct the pod's nodeSelector`,
        command: `kubectl label node ${nodes[0]?.metadata.name ?? "NAME"} ${wanted.join(" ")}`,
      };
    }
    case "ports":
      return {
        says: "take hostPort out of the pod's template (a Service reaches pods without it), or add a node",
      };
    case "antiAffinity":
    case "spread":
      return {
        says: "add a node, run fewer replicas, or make the rule a preference",
        command: "kubectl get pods -A -o wide",
      };
    case "affinity":
      return {
        says: "start the pods that it wants to be beside, or take the rule out",
        command: "kubectl get pods -A --show-labels",
      };
    case "volume":
      return { says: "see where the volumes lie", command: "kubectl describe persistentvolumes" };
    default:
      return { says: "look at the nodes", command: "kubectl describe nodes" };
  }
}

/** The first taint that keeps the pod away; newer schedulers do not name it. */
function untolerated(
  pod: Pod,
  nodes: readonly Node[],
): { readonly node: Node; readonly taint: Taint } | undefined {
  const tolerated = ({ key, effect, value }: Taint): boolean =>
    (pod.spec?.tolerations ?? []).some(
      (toleration) =>
        ((toleration.key ?? "") === "" || toleration.key === key) &&
        ((toleration.effect ?? "") === "" || toleration.effect === effect) &&
        (toleration.operator === "Exists" || (toleration.value ?? "") === (value ?? "")),
    );
  const taints = nodes.flatMap((node) => (node.spec?.taints ?? []).map((taint) => ({ node, taint })));
  // A cordoned node is told of by itself.
  return taints.find(
    ({ taint }) =>
      taint.effect !== "PreferNoSchedule" &&
      taint.key !== "node.kubernetes.io/unschedulable" &&
      !tolerated(taint),
  );
}

function requested(pod: Pod, resource: string): string {
  const sum = (pod.spec?.containers ?? []).reduce(
    (total, { resources: wants }) => total.add(Quantity.parse(wants?.requests?.[resource] ?? "0")),
    Quantity.parse("0"),
  );
  return sum.toString();
}

function largest(nodes: readonly Node[], resource: string): string {
  const amounts = nodes.map(({ status }) => Quantity.parse(status?.allocatable?.[resource] ?? "0"));
  return amounts.toSorted((a, b) => b.compare(a))[0]?.toString() ?? "0";
}
