import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import { type CommandContext, type KubectlCommand } from "../command.ts";
import { intOrText } from "../create/basics.ts";
import { createFlags, createObject, metaOf } from "../create/creator.ts";
import { KubectlError } from "../errors.ts";
import { type LiveTarget, liveTargets } from "../modifying.ts";
import { filenameFlags } from "../resource-builder.ts";

export const exposeCommand: KubectlCommand = {
  usage:
    "(-f FILENAME | TYPE NAME) [--port=port] [--protocol=TCP|UDP|SCTP] [--target-port=number-or-name] [--name=name] [--external-ip=external-ip-of-service] [--type=type]",
  summary:
    "Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service",
  flags: {
    ...createFlags("kubectl-expose"),
    ...filenameFlags,
    port: { type: "string", help: "the port of the service" },
    "target-port": { type: "string", help: "the port of the pods" },
    protocol: { type: "string", help: "TCP, UDP or SCTP" },
    name: { type: "string", help: "the name of the service" },
    type: { type: "string", help: "ClusterIP, NodePort, LoadBalancer or ExternalName" },
    selector: { type: "string", help: "labels of the pods, instead of those of the object" },
    labels: { type: "string", short: "l", help: "labels of the service" },
    "external-ip": { type: "string", help: "a further address" },
    "load-balancer-ip": { type: "string", help: "the address to ask for" },
    "cluster-ip": { type: "string", help: "the address; None for a headless service" },
    "session-affinity": { type: "string", help: "None or ClientIP" },
    overrides: { type: "string", help: "not supported" },
  },
  run: expose,
};

async function expose(context: CommandContext): Promise<void> {
  const { args, flags } = context;
  if (flags.string("overrides") !== "") throw new KubectlError("--overrides is not supported by this client");
  for (const target of await liveTargets(context, args)) {
    await createObject(context, resources.services, serviceOf(context, target), undefined, "exposed");
  }
}

interface Exposable {
  readonly selector?: Readonly<Record<string, unknown>>;
  readonly template?: { readonly spec?: PodLike };
  readonly ports?: readonly { readonly port: number; readonly protocol?: string }[];
}
interface PodLike {
  readonly containers?: readonly {
    readonly ports?: readonly { readonly containerPort: number; readonly protocol?: string }[];
  }[];
}

const exposable = new Set(["ReplicationController", "Service", "Pod", "Deployment", "ReplicaSet"]);

function serviceOf(context: CommandContext, { live, name: from }: LiveTarget): UnstructuredObject {
  const { flags } = context;
  if (!exposable.has(live.kind)) throw new KubectlError(`cannot expose a ${live.kind}`);
  const selector = flags.string("selector") === "" ? selectorOf(live) : parseLabels(flags.string("selector"));
  const found = portsOf(live);
  const given = flags
    .string("port")
    .split(",")
    .filter((port) => port !== "")
    .map(Number);
  const clusterIP = flags.string("cluster-ip");
  if (given.length === 0 && found.length === 0 && clusterIP !== "None") {
    throw new KubectlError("couldn't find port via --port flag or introspection");
  }
  const numbers = given.length > 0 ? given : found.map(({ port }) => port);
  const targetPort = flags.string("target-port");
  const ports = numbers.map((port, index) => ({
    ...(numbers.length > 1 ? { name: `port-${index + 1}` } : {}),
    protocol:
      flags.string("protocol") === ""
        ? (found.find((other) => other.port === port)?.protocol ?? "TCP")
        : flags.string("protocol"),
    port,
    targetPort: targetPort === "" ? port : intOrText(targetPort),
  }));
  const labels = flags.string("labels") === "" ? live.metadata.labels : parseLabels(flags.string("labels"));
  const text = (flag: string, field: string): Record<string, string> =>
    flags.string(flag) === "" ? {} : { [field]: flags.string(flag) };
  const name = flags.string("name") === "" ? from : flags.string("name");
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: metaOf(context, name, labels === undefined ? {} : { labels }),
    spec: {
      ...(ports.length === 0 ? {} : { ports }),
      selector,
      ...text("cluster-ip", "clusterIP"),
      ...text("type", "type"),
      ...(flags.string("external-ip") === "" ? {} : { externalIPs: [flags.string("external-ip")] }),
      ...text("session-affinity", "sessionAffinity"),
      ...text("load-balancer-ip", "loadBalancerIP"),
    },
    status: { loadBalancer: {} },
  };
}

function selectorOf(live: UnstructuredObject): Record<string, string> {
  if (live.kind === "Pod") {
    const { labels = {} } = live.metadata;
    if (Object.keys(labels).length === 0) {
      throw new KubectlError(
        "couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed",
      );
    }
    return labels;
  }
  const { selector = {} } = live["spec"] as Exposable;
  if (live.kind === "Service" || live.kind === "ReplicationController")
    return selector as Record<string, string>;
  if (Array.isArray(selector["matchExpressions"]) && selector["matchExpressions"].length > 0) {
    throw new KubectlError(
      `couldn't retrieve selectors via --selector flag or introspection: couldn't convert expressions - "${JSON.stringify(selector["matchExpressions"])}" to map-based selector format`,
    );
  }
  return (isObject(selector["matchLabels"]) ? selector["matchLabels"] : {}) as Record<string, string>;
}

function portsOf(live: UnstructuredObject): { port: number; protocol: string }[] {
  const spec = live["spec"] as Exposable & PodLike;
  if (live.kind === "Service")
    return (spec.ports ?? []).map(({ port, protocol = "TCP" }) => ({ port, protocol }));
  const containers = (live.kind === "Pod" ? spec.containers : spec.template?.spec?.containers) ?? [];
  return containers.flatMap(({ ports = [] }) =>
    ports.map(({ containerPort, protocol = "TCP" }) => ({ port: containerPort, protocol })),
  );
}

function parseLabels(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [key = "", value, ...rest] = pair.split("=");
      if (value === undefined || rest.length > 0) throw new KubectlError(`unexpected label: ${pair}`);
      return [key, value];
    }),
  );
}
