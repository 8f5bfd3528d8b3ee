import { formatApiVersion } from "../../apimachinery/gvk.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { createFlags, createObject } from "../create/creator.ts";
import { KubectlError } from "../errors.ts";
import { liveTargets } from "../modifying.ts";
import { filenameFlags } from "../resource-builder.ts";

export const autoscaleCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE NAME | TYPE/NAME) [--min=MINPODS] --max=MAXPODS [--cpu-percent=CPU]",
  summary: "Auto-scale a deployment, replica set, stateful set, or replication controller",
  flags: {
    ...createFlags("kubectl-autoscale"),
    ...filenameFlags,
    min: { type: "int", default: -1, help: "the least number of pods" },
    max: { type: "int", default: -1, help: "the greatest number of pods" },
    "cpu-percent": {
      type: "int",
      default: -1,
      help: "how busy pods are to be, in percent of what they ask for",
    },
    name: { type: "string", help: "the name of the autoscaler" },
  },
  required: ["max"],
  run: autoscale,
};

async function autoscale(context: CommandContext): Promise<void> {
  const { flags, args } = context;
  const [min, max, percent] = [flags.int("min"), flags.int("max"), flags.int("cpu-percent")];
  if (max < 1) throw new KubectlError(`--max=MAXPODS is required and must be at least 1, max: ${max}`);
  if (max < min)
    throw new KubectlError(
      `--max=MAXPODS must be larger or equal to --min=MINPODS, max: ${max}, min: ${min}`,
    );
  for (const { resource, live, name: target } of await liveTargets(context, args)) {
    if (!["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"].includes(live.kind)) {
      throw new KubectlError(
        `cannot autoscale a ${live.kind}: selector for *v1.${live.kind} not implemented`,
      );
    }
    const name = flags.string("name") === "" ? target : flags.string("name");
    const metrics = [
      {
        type: "Resource",
        resource: { name: "cpu", target: { type: "Utilization", averageUtilization: percent } },
      },
    ];
    const metadata = { name, creationTimestamp: null } as unknown as { name: string };
    const object = {
      kind: "HorizontalPodAutoscaler",
      apiVersion: "autoscaling/v2",
      metadata,
      spec: {
        scaleTargetRef: { kind: live.kind, name: target, apiVersion: formatApiVersion(resource) },
        ...(min > 0 ? { minReplicas: min } : {}),
        maxReplicas: max,
        ...(percent >= 0 ? { metrics } : {}),
      },
      status: { desiredReplicas: 0, currentMetrics: null },
    };
    await createObject(context, resources.horizontalpodautoscalers, object, undefined, "autoscaled");
  }
}
