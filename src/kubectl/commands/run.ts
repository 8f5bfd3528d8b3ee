import type { Pod } from "../../api/types/core-v1.ts";
import { isObject } from "../../apimachinery/json.ts";
import { qualifiedNameErrors } from "../../apimachinery/names.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { parseYaml } from "../../apimachinery/yaml.ts";
import { resources } from "../../client/resources.ts";
import { pathOf } from "../api.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { container } from "../create/containers.ts";
import { createFlags, createObject, metaOf } from "../create/creator.ts";
import { ExitError, KubectlError } from "../errors.ts";
import type { MappedResource } from "../rest-mapper.ts";
import { converse } from "../terminal.ts";
import { dryRunOf, writeQuery } from "../writing.ts";
import { deleteAndWait } from "./delete.ts";

export const runCommand: KubectlCommand = {
  usage:
    'NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...]',
  summary: "Run a particular image on the cluster",
  flags: {
    ...createFlags("kubectl-run"),
    image: { type: "string", help: "the image" },
    "image-pull-policy": { type: "string", help: "Always, IfNotPresent or Never" },
    restart: { type: "string", default: "Always", help: "Always, OnFailure or Never" },
    port: { type: "string", help: "the port of the container" },
    env: { type: "array", short: "e", help: "KEY=VALUE" },
    labels: { type: "string", short: "l", help: "KEY=VALUE, several with commas" },
    annotations: { type: "array", help: "KEY=VALUE" },
    command: { type: "bool", help: "what stands after -- is the command, not its arguments" },
    expose: { type: "bool", help: "also make a service; with --port" },
    overrides: { type: "string", help: "JSON that changes the pod" },
    "override-type": { type: "string", default: "merge", help: "merge" },
    attach: { type: "bool", help: "wait for the pod to run and attach" },
    stdin: { type: "bool", short: "i", help: "keep standard input open" },
    tty: { type: "bool", short: "t", help: "with a terminal" },
    rm: { type: "bool", help: "delete the pod afterwards" },
    quiet: { type: "bool", short: "q", help: "only print what the container prints" },
    privileged: { type: "bool", help: "with all privileges" },
    "leave-stdin-open": { type: "bool", help: "accepted" },
    "pod-running-timeout": { type: "duration", default: 60_000, help: "how long to wait for it to run" },
    "grace-period": { type: "int", default: -1, help: "accepted" },
    timeout: { type: "duration", default: 0, help: "accepted" },
    cascade: { type: "string", default: "background", optional: "background", help: "accepted" },
    force: { type: "bool", help: "accepted" },
    wait: { type: "bool", help: "accepted" },
  },
  required: ["image"],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, flags, path, session, io } = context;
  const [name, ...words] = args;
  const hint = usageHint(path);
  if (name === undefined) throw new KubectlError(`NAME is required for run\n${hint}`);
  const attaches = flags.changed("attach") ? flags.bool("attach") : flags.bool("stdin");
  if (flags.bool("tty") && !flags.bool("stdin"))
    throw new KubectlError(`-i/--stdin is required for containers with -t/--tty=true\n${hint}`);
  if (flags.bool("rm") && !attaches)
    throw new KubectlError(`--rm should only be used for attached containers\n${hint}`);
  if (flags.bool("expose") && flags.string("port") === "")
    throw new KubectlError(`--port must be set when exposing a service\n${hint}`);
  const restart = flags.string("restart");
  if (!["Always", "OnFailure", "Never"].includes(restart))
    throw new KubectlError(`invalid restart policy: ${restart}\n${hint}`);
  const object = podOf(context, name, words);
  const isDry = dryRunOf(flags) !== "none";
  const place = { resource: resources.pods, namespace: session.namespace };
  // A pod that goes again is not announced.
  const created =
    flags.bool("rm") && !isDry
      ? await session.api.create(place, object, writeQuery(flags))
      : await createObject(context, resources.pods, object, undefined);
  if (flags.bool("expose"))
    await createObject(context, resources.services, serviceOf(context, name), undefined);
  if (!attaches || isDry) return 0;
  try {
    return await attachTo(context, created);
  } finally {
    if (flags.bool("rm")) {
      const target = {
        resource: resources.pods as unknown as MappedResource,
        namespace: session.namespace,
        name,
      };
      await deleteAndWait(session, target);
      if (!flags.bool("quiet")) io.out(`pod "${name}" deleted\n`);
    }
  }
}

function podOf(context: CommandContext, name: string, words: readonly string[]): UnstructuredObject {
  const { flags } = context;
  const labels =
    flags.string("labels") === "" ? { run: name } : parsePairs(flags.string("labels").split(","));
  const annotations = parsePairs(flags.list("annotations"));
  const port = flags.string("port");
  const policy = flags.string("image-pull-policy");
  const env = flags.list("env").map((text) => {
    const equals = text.indexOf("=");
    if (equals <= 0) throw new KubectlError(`invalid env: ${text}`);
    return { name: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  const used = words.length === 0 ? undefined : words;
  const only = container(name, flags.string("image"), {
    ...(flags.bool("command") ? { command: used } : { args: used }),
    ports: port === "" ? undefined : [{ containerPort: portNumber(port) }],
    env: env.length === 0 ? undefined : env,
    ...(policy === "" ? {} : { imagePullPolicy: policy }),
    ...(flags.bool("privileged") ? { securityContext: { privileged: true } } : {}),
    ...(flags.bool("stdin") ? { stdin: true, stdinOnce: !flags.bool("leave-stdin-open") } : {}),
    ...(flags.bool("tty") ? { tty: true } : {}),
  });
  const pod: UnstructuredObject = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: metaOf(context, name, {
      labels,
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    }),
    spec: { containers: [only], restartPolicy: flags.string("restart"), dnsPolicy: "ClusterFirst" },
    status: {},
  };
  const overrides = flags.string("overrides");
  if (overrides === "") return pod;
  const patch = parseYaml(overrides);
  if (!isObject(patch)) throw new KubectlError(`Invalid JSON Patch: ${overrides}`);
  return applyMergePatch(pod, patch) as UnstructuredObject;
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port))
    throw new KubectlError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return port;
}

function parsePairs(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      if (equals <= 0) throw new KubectlError(`unexpected label: ${pair}`);
      const key = pair.slice(0, equals);
      const errors = qualifiedNameErrors(key);
      if (errors.length > 0)
        throw new KubectlError(`invalid label key ${JSON.stringify(key)}: ${errors.join(";")}`);
      return [key, pair.slice(equals + 1)];
    }),
  );
}

function serviceOf(context: CommandContext, name: string): UnstructuredObject {
  const port = portNumber(context.flags.string("port"));
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: metaOf(context, name),
    spec: { ports: [{ protocol: "TCP", port, targetPort: port }], selector: { run: name } },
    status: { loadBalancer: {} },
  };
}

/** Waits until the pod runs or has ended, and joins it with this terminal; one that has ended shows its log. */
async function attachTo(context: CommandContext, created: UnstructuredObject): Promise<number> {
  const { session, flags, io } = context;
  const target = { resource: resources.pods, namespace: session.namespace, name: created.metadata.name };
  const deadlineMs = session.clock.now() + flags.durationMs("pod-running-timeout");
  let pod = created as unknown as Pod;
  while (pod.status?.phase === undefined || pod.status.phase === "Pending") {
    if (session.clock.now() > deadlineMs) throw new KubectlError("timed out waiting for the condition");
    await session.clock.sleep(100);
    pod = (await session.api.get(target)) as unknown as Pod;
  }
  const name = pod.spec?.containers[0]?.name ?? "";
  if (pod.status.phase !== "Running") {
    const query = { container: name };
    for await (const chunk of await session.transport.stream({
      method: "GET",
      path: pathOf({ ...target, subresource: "log" }),
      query,
    })) {
      io.out(chunk);
    }
  } else {
    if (!flags.bool("quiet")) io.err("If you don't see a command prompt, try pressing enter.\n");
    await converse(context, pathOf({ ...target, subresource: "attach" }), { container: name });
  }
  return flags.string("restart") === "Always" ? 0 : await exitCodeOf(context, target);
}

async function exitCodeOf(
  { session }: CommandContext,
  target: { resource: typeof resources.pods; namespace: string; name: string | undefined },
): Promise<number> {
  const deadlineMs = session.clock.now() + 60_000;
  while (session.clock.now() < deadlineMs) {
    const pod = (await session.api.get(target)) as unknown as Pod;
    const code = pod.status?.containerStatuses?.[0]?.state?.terminated?.exitCode;
    if (code !== undefined) {
      if (code !== 0) throw new ExitError(code);
      return 0;
    }
    await session.clock.sleep(100);
  }
  return 0;
}
