import type { Container, EnvVar, PodSpec } from "../../api/types/core-v1.ts";
import { deepCopy, deepEqual, isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { type LiveTarget, liveTargets, modifyFlags, patchBetween, selectionFlags } from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { hasFiles } from "../resource-builder.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

const containerFlags = {
  ...modifyFlags("kubectl-set"),
  ...selectionFlags,
  local: { type: "bool" as const, help: "not supported" },
};

const imageCommand: KubectlCommand = {
  usage:
    "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
  summary: "Update the image of a pod template",
  flags: containerFlags,
  run: setImage,
};

const envCommand: KubectlCommand = {
  usage: "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
  summary: "Update environment variables on a pod template",
  flags: {
    ...containerFlags,
    containers: { type: "string", short: "c", default: "*", help: "in containers with this name; * for any" },
    env: { type: "array", short: "e", help: "KEY=VALUE" },
    list: { type: "bool", help: "print the environment" },
    overwrite: { type: "bool", default: true, help: "change what has a value already" },
    from: { type: "string", help: "not supported" },
    keys: { type: "list", help: "not supported" },
    prefix: { type: "string", help: "not supported" },
    resolve: { type: "bool", help: "not supported" },
  },
  run: setEnv,
};

const resourcesCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]",
  summary: "Update resource requests/limits on objects with pod templates",
  flags: {
    ...containerFlags,
    containers: { type: "string", short: "c", default: "*", help: "in containers with this name; * for any" },
    limits: { type: "string", help: "RESOURCE=AMOUNT, several with commas" },
    requests: { type: "string", help: "RESOURCE=AMOUNT, several with commas" },
  },
  run: setResources,
};

const serviceAccountCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE NAME) SERVICE_ACCOUNT",
  summary: "Update the service account of a resource",
  flags: containerFlags,
  run: setServiceAccount,
};

export const setCommand: KubectlCommand = {
  usage: "SUBCOMMAND",
  summary: "Configure application resources",
  bareHelp: "stderr",
  subcommands: {
    selector: async () => (await import("./set-selector.ts")).setSelectorCommand,
    subject: async () => (await import("./set-subject.ts")).setSubjectCommand,
    image: () => Promise.resolve(imageCommand),
    env: () => Promise.resolve(envCommand),
    resources: () => Promise.resolve(resourcesCommand),
    serviceaccount: () => Promise.resolve(serviceAccountCommand),
    sa: () => Promise.resolve(serviceAccountCommand),
  },
};

/** The pod spec inside of an object: its own, or that of its template. Undefined for kinds without one. */
export function podSpecOf(object: UnstructuredObject): PodSpec | undefined {
  const spec = object["spec"];
  if (!isObject(spec)) return undefined;
  if (object.kind === "Pod") return spec as unknown as PodSpec;
  const template = object.kind === "CronJob" ? at(spec, "jobTemplate", "spec", "template") : spec["template"];
  return isObject(template) && isObject(template["spec"])
    ? (template["spec"] as unknown as PodSpec)
    : undefined;
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((inner: unknown, key) => (isObject(inner) ? inner[key] : undefined), value);
}

/** Lets `change` change a copy of each object's pod spec, and sends the difference. Without one nothing is printed. */
async function changeEach(
  context: CommandContext,
  targets: readonly LiveTarget[],
  outcome: string,
  change: (spec: PodSpec, target: LiveTarget) => void,
  { skipsSame = true }: { skipsSame?: boolean } = {},
): Promise<void> {
  const { flags, session, io } = context;
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const target of targets) {
    const changed = deepCopy(target.live);
    const spec = podSpecOf(changed);
    try {
      if (spec === undefined)
        throw new KubectlError(`${target.resource.resource}/${target.name} does not have a pod template`);
      change(spec, target);
      if (skipsSame && deepEqual(changed, target.live)) continue;
      const isDry = dryRunOf(flags) === "client";
      const { type, patch } = patchBetween(target.live, changed);
      io.out(
        print(isDry ? changed : await session.api.patch(target, type, patch, writeQuery(flags)), outcome),
      );
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

const isAssignment = (arg: string): boolean => arg.includes("=") || arg.endsWith("-");

async function setImage(context: CommandContext): Promise<void> {
  const { args } = context;
  const pairs = args
    .filter((arg) => arg.includes("="))
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const);
  const rest = args.filter((arg) => !arg.includes("="));
  if (rest.length === 0 && !hasFiles(context.flags)) {
    throw new KubectlError(
      "one or more resources must be specified as <resource> <name> or <resource>/<name>",
    );
  }
  if (pairs.length === 0) throw new KubectlError("at least one image update is required");
  if (pairs.length > 1 && pairs.some(([name]) => name === "*"))
    throw new KubectlError(
      "all containers are already specified by *, but saw more than one container_name=container_image pairs",
    );
  await changeEach(context, await liveTargets(context, rest), "image updated", (spec) => {
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    for (const [name, image] of pairs) {
      const found = containers.filter((container) => name === "*" || container.name === name);
      if (found.length === 0)
        throw new KubectlError(`unable to find container named ${JSON.stringify(name)}`);
      for (const container of found) container.image = image;
    }
  });
}

function chosenContainers({ flags }: CommandContext, spec: PodSpec): Container[] {
  const pattern = new RegExp(
    `^${flags
      .string("containers")
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")}$`,
  );
  return [...(spec.initContainers ?? []), ...spec.containers].filter(({ name }) => pattern.test(name));
}

async function setEnv(context: CommandContext): Promise<void> {
  const { flags, args, io } = context;
  if (flags.string("from") !== "" || flags.bool("resolve")) {
    throw new KubectlError("--from and --resolve are not supported by this client");
  }
  const changes = [...args.filter(isAssignment), ...flags.list("env")];
  const rest = args.filter((arg) => !isAssignment(arg));
  if (rest.length === 0 && !hasFiles(flags)) {
    throw new KubectlError(
      "one or more resources must be specified as <resource> <name> or <resource>/<name>",
    );
  }
  const targets = await liveTargets(context, rest);
  if (flags.bool("list")) {
    for (const target of targets) {
      for (const container of chosenContainers(context, podSpecOf(target.live) ?? { containers: [] })) {
        io.out(`# ${target.live.kind} ${target.name}, container ${container.name}\n`);
        for (const variable of container.env ?? []) io.out(`${formatVariable(variable)}\n`);
      }
    }
    return;
  }
  await changeEach(context, targets, "env updated", (spec) => {
    for (const container of chosenContainers(context, spec)) applyVariables(context, container, changes);
  });
}

function formatVariable({ name, value = "", valueFrom }: EnvVar): string {
  if (valueFrom === undefined) return `${name}=${value}`;
  const { fieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef !== undefined) return `# ${name} from field path ${fieldRef.fieldPath}`;
  if (secretKeyRef !== undefined)
    return `# ${name} from secret ${secretKeyRef.name}, key ${secretKeyRef.key}`;
  if (configMapKeyRef !== undefined)
    return `# ${name} from configmap ${configMapKeyRef.name}, key ${configMapKeyRef.key}`;
  return `# ${name} from resource field`;
}

function applyVariables({ flags }: CommandContext, container: Container, changes: readonly string[]): void {
  let env = [...(container.env ?? [])];
  for (const change of changes) {
    const equals = change.indexOf("=");
    if (equals < 0) {
      env = env.filter(({ name }) => name !== change.slice(0, -1));
      continue;
    }
    const [name, value] = [change.slice(0, equals), change.slice(equals + 1)];
    const known = env.find((variable) => variable.name === name);
    if (known !== undefined && !flags.bool("overwrite") && known.value !== value) {
      throw new KubectlError(
        `'${name}' already has a value (${known.value ?? ""}), and --overwrite is false`,
      );
    }
    env =
      known === undefined
        ? [...env, { name, value }]
        : env.map((variable) => (variable === known ? { name, value } : variable));
  }
  if (env.length > 0) container.env = env;
  else delete container.env;
}

function parseAmounts(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split(",")
      .filter((part) => part !== "")
      .map((part) => {
        const [name = "", amount, ...rest] = part.split("=");
        if (amount === undefined || rest.length > 0)
          throw new KubectlError(`Invalid argument syntax ${part}, expected <resource>=<value>`);
        return [name, amount];
      }),
  );
}

async function setResources(context: CommandContext): Promise<void> {
  const { flags, args } = context;
  const [limits, requests] = [parseAmounts(flags.string("limits")), parseAmounts(flags.string("requests"))];
  if (Object.keys(limits).length + Object.keys(requests).length === 0) {
    throw new KubectlError(
      "you must specify an update to requests or limits (in the form of --requests/--limits)",
    );
  }
  await changeEach(context, await liveTargets(context, args), "resource requirements updated", (spec) => {
    for (const container of chosenContainers(context, spec)) {
      container.resources = {
        ...container.resources,
        ...(Object.keys(limits).length === 0
          ? {}
          : { limits: { ...container.resources?.limits, ...limits } }),
        ...(Object.keys(requests).length === 0
          ? {}
          : { requests: { ...container.resources?.requests, ...requests } }),
      };
    }
  });
}

async function setServiceAccount(context: CommandContext): Promise<void> {
  const account = context.args.at(-1);
  if (account === undefined) throw new KubectlError("serviceaccount is required");
  await changeEach(
    context,
    await liveTargets(context, context.args.slice(0, -1)),
    "serviceaccount updated",
    (spec) => {
      spec.serviceAccountName = account;
    },
    { skipsSame: false },
  );
}
