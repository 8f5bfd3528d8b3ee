import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { resources } from "../../client/resources.ts";
import type { CommandContext } from "../command.ts";
import { KubectlError } from "../errors.ts";
import { parseTargets } from "../resource-builder.ts";
import { container, containerName } from "./containers.ts";
import { type Creator, commandAfterDash, metaOf } from "./creator.ts";

export const deploymentCreator: Creator = {
  name: "deployment",
  usage: "NAME --image=image -- [COMMAND] [args...]",
  summary: "Create a deployment with the specified name",
  flags: {
    image: { type: "list", help: "image of a container; may be repeated" },
    port: { type: "int", default: -1, help: "port of the first container" },
    replicas: { type: "int", short: "r", default: 1, help: "how many pods" },
  },
  required: ["image"],
  resource: resources.deployments,
  failure: "failed to create deployment",
  build: (context, name) => {
    const { flags } = context;
    const images = flags.list("image");
    const command = commandAfterDash(context);
    if (images.length > 1 && command.length > 0)
      throw new KubectlError("cannot specify multiple --image options and command");
    const port = flags.int("port");
    const labels = { app: name };
    const containers = images.map((image, index) =>
      container(containerName(image), image, {
        command: command.length === 0 ? undefined : command,
        ports: port >= 0 && index === 0 ? [{ containerPort: port }] : undefined,
      }),
    );
    return {
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: metaOf(context, name, { labels }),
      spec: {
        replicas: flags.int("replicas"),
        selector: { matchLabels: labels },
        template: { metadata: { creationTimestamp: null, labels }, spec: { containers } },
        strategy: {},
      },
      status: {},
    };
  },
};

function jobTemplate(name: string, image: string, command: readonly string[], restartPolicy: string) {
  return {
    metadata: { creationTimestamp: null },
    spec: {
      containers: [container(name, image, { command: command.length === 0 ? undefined : command })],
      restartPolicy,
    },
  };
}

export const jobCreator: Creator = {
  name: "job",
  usage: "NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]",
  summary: "Create a job with the specified name",
  flags: {
    image: { type: "string", help: "image of the container" },
    from: { type: "string", help: "the cron job to run once: cronjob/NAME" },
  },
  resource: resources.jobs,
  failure: "failed to create job",
  build: async (context, name) => {
    const { flags } = context;
    const command = commandAfterDash(context);
    const [image, from] = [flags.string("image"), flags.string("from")];
    if ((image === "") === (from === ""))
      throw new KubectlError("either --image or --from must be specified");
    if (from !== "" && command.length > 0) throw new KubectlError("cannot specify --from and command");
    if (from !== "") return await jobFrom(context, name, from);
    return {
      kind: "Job",
      apiVersion: "batch/v1",
      metadata: metaOf(context, name),
      spec: { template: jobTemplate(name, image, command, "Never") },
      status: {},
    };
  },
};

async function jobFrom(context: CommandContext, name: string, from: string): Promise<UnstructuredObject> {
  const { session } = context;
  const query = await parseTargets(session, [from]);
  const [target] = query.kind === "names" ? query.targets : [];
  if (target === undefined) throw new KubectlError(`from must be an existing cronjob`);
  const cronJob = await session.api.get(target);
  if (cronJob.kind !== "CronJob") throw new KubectlError(`unknown object type ${cronJob.kind}`);
  const { jobTemplate: template } = cronJob["spec"] as {
    jobTemplate: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec?: unknown;
    };
  };
  const annotations = { "cronjob.kubernetes.io/instantiate": "manual", ...template.metadata?.annotations };
  const labels = template.metadata?.labels;
  const owner = {
    apiVersion: "batch/v1",
    kind: "CronJob",
    name: cronJob.metadata.name ?? "",
    uid: cronJob.metadata.uid ?? "",
    controller: true,
  };
  return {
    kind: "Job",
    apiVersion: "batch/v1",
    metadata: {
      ...metaOf(context, name, { annotations, ...(labels === undefined ? {} : { labels }) }),
      ownerReferences: [owner],
    },
    spec: template.spec,
    status: {},
  };
}

export const cronJobCreator: Creator = {
  name: "cronjob",
  usage: "NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
  summary: "Create a cron job with the specified name",
  flags: {
    image: { type: "string", help: "image of the container" },
    schedule: { type: "string", help: "when to run, in cron's form" },
    restart: { type: "string", help: "OnFailure or Never" },
  },
  required: ["image", "schedule"],
  resource: resources.cronjobs,
  failure: "failed to create cronjob",
  build: (context, name) => {
    const { flags } = context;
    const restart = flags.string("restart") === "" ? "OnFailure" : flags.string("restart");
    const template = jobTemplate(name, flags.string("image"), commandAfterDash(context), restart);
    return {
      kind: "CronJob",
      apiVersion: "batch/v1",
      metadata: metaOf(context, name),
      spec: {
        schedule: flags.string("schedule"),
        jobTemplate: { metadata: { name, creationTimestamp: null }, spec: { template } },
      },
      status: {},
    };
  },
};
