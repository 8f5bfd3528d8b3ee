import type { Pod } from "../../api/types/core-v1.ts";
import { controllerOf } from "../../apimachinery/object.ts";
import { isNotFound, isTooManyRequests } from "../../apimachinery/status.ts";
import { resources } from "../../client/resources.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError, PlainError, plainText } from "../errors.ts";
import { nodesOf, setUnschedulable } from "../nodes.ts";
import { dryRunFlag, dryRunOf } from "../writing.ts";

export const drainCommand: KubectlCommand = {
  usage: "NODE",
  summary: "Drain node in preparation for maintenance",
  flags: {
    ...dryRunFlag,
    force: { type: "bool", help: "also pods that nothing will make anew" },
    "ignore-daemonsets": { type: "bool", help: "leave pods of daemon sets" },
    "delete-emptydir-data": { type: "bool", help: "also pods whose local data is then lost" },
    "grace-period": { type: "int", default: -1, help: "seconds to end well" },
    timeout: { type: "duration", default: 0, help: "how long to try" },
    "disable-eviction": { type: "bool", help: "delete without regard to disruption budgets" },
    "pod-selector": { type: "string", help: "only pods with these labels" },
    selector: { type: "string", short: "l", help: "label selector for nodes" },
    "chunk-size": { type: "int", default: 500, help: "accepted" },
    "skip-wait-for-delete-timeout": { type: "int", default: 0, help: "accepted" },
  },
  run: drain,
};

async function drain(context: CommandContext): Promise<void> {
  const { args, flags, path, io } = context;
  const selector = flags.string("selector");
  if (args.length === 0 && selector === "")
    throw new KubectlError(`USAGE: ${path.split(" ").at(-1)} NODE [flags]\n${usageHint(path)}`);
  if (args.length > 0 && selector !== "")
    throw new KubectlError(
      `error: cannot specify both a node name and a --selector option\n${usageHint(path)}`,
    );
  const nodes = await nodesOf(context);
  for (const node of nodes) await setUnschedulable(context, node, true);
  const ending = { none: "", client: " (dry run)", server: " (server dry run)" }[dryRunOf(flags)];
  const failed: { name: string; why: string }[] = [];
  for (const node of nodes) {
    const name = node.metadata.name ?? "";
    try {
      await empty(context, name);
      io.out(`node/${name} drained${ending}\n`);
    } catch (error) {
      const why = plainText(error);
      io.err(
        `error: unable to drain node ${JSON.stringify(name)} due to error: ${why}, continuing command...\n`,
      );
      failed.push({ name, why });
    }
  }
  if (failed.length === 0) return;
  const names = failed.map(({ name }) => ` ${name}\n`).join("");
  throw new PlainError(
    `There are pending nodes to be drained:\n${names}${failed.map(({ why }) => why).join("\n")}`,
  );
}

async function empty(context: CommandContext, node: string): Promise<void> {
  const { session, flags, io } = context;
  const labelSelector = flags.string("pod-selector");
  const query = {
    fieldSelector: `spec.nodeName=${node}`,
    labelSelector: labelSelector === "" ? undefined : labelSelector,
  };
  const list = await session.api.list({ resource: resources.pods }, { query });
  const { leaving, warnings, errors } = sortOut(context, list["items"] as unknown[] as Pod[]);
  if (errors.length > 0) throw new KubectlError(errors.map((text) => `cannot delete ${text}`).join(", "));
  if (warnings.length > 0) io.err(`Warning: ${warnings.join("; ")}\n`);
  const deadlineMs =
    flags.durationMs("timeout") === 0
      ? Number.POSITIVE_INFINITY
      : session.clock.now() + flags.durationMs("timeout");
  const ending = { none: "", client: " (dry run)", server: " (server dry run)" }[dryRunOf(flags)];
  for (const { metadata } of leaving) {
    const verb = flags.bool("disable-eviction") ? "deleting" : "evicting";
    io.out(`${verb} pod ${metadata.namespace}/${metadata.name}${ending}\n`);
  }
  if (dryRunOf(flags) === "client") return;
  await Promise.all(leaving.map((pod) => remove(context, pod, deadlineMs)));
}

const isMirror = ({ metadata }: Pod): boolean =>
  metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
const hasEnded = ({ status }: Pod): boolean => status?.phase === "Succeeded" || status?.phase === "Failed";
const hasLocalData = ({ spec }: Pod): boolean =>
  spec?.volumes?.some(({ emptyDir }) => emptyDir !== undefined) === true;

/** Which pods leave, and what speaks against it. */
function sortOut(
  { flags }: CommandContext,
  pods: readonly Pod[],
): { leaving: Pod[]; warnings: string[]; errors: string[] } {
  const groups = new Map<string, string[]>();
  const note = (kind: "warning" | "error", text: string, { metadata }: Pod): void => {
    const key = `${kind}|${text}`;
    groups.set(key, [...(groups.get(key) ?? []), `${metadata.namespace}/${metadata.name}`]);
  };
  const leaving = pods.filter((pod) => {
    if (isMirror(pod)) return false;
    const owner = controllerOf(pod);
    if (owner?.kind === "DaemonSet" && !hasEnded(pod)) {
      if (flags.bool("ignore-daemonsets")) note("warning", "ignoring DaemonSet-managed Pods", pod);
      else note("error", "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)", pod);
      return false;
    }
    if (hasLocalData(pod) && !hasEnded(pod)) {
      if (!flags.bool("delete-emptydir-data")) {
        note("error", "cannot delete Pods with local storage (use --delete-emptydir-data to override)", pod);
        return false;
      }
      note("warning", "deleting Pods with local storage", pod);
    }
    if (owner === undefined && !hasEnded(pod)) {
      if (!flags.bool("force")) {
        note("error", "cannot delete Pods that declare no controller (use --force to override)", pod);
        return false;
      }
      note("warning", "deleting Pods that declare no controller", pod);
    }
    return true;
  });
  const texts = (kind: string): string[] =>
    [...groups].flatMap(([key, names]) =>
      key.startsWith(`${kind}|`) ? [`${key.slice(kind.length + 1)}: ${names.join(", ")}`] : [],
    );
  return { leaving, warnings: texts("warning"), errors: texts("error") };
}

/** Evicts or deletes a pod and waits until it is gone; while its disruption budget forbids it, tries again. */
async function remove({ session, flags, io }: CommandContext, pod: Pod, deadlineMs: number): Promise<void> {
  const { name = "", namespace, uid } = pod.metadata;
  const target = { resource: resources.pods, namespace, name };
  const grace = flags.int("grace-period");
  const isServerRun = dryRunOf(flags) === "server";
  const deleteOptions = {
    ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
    ...(isServerRun ? { dryRun: ["All"] } : {}),
  };
  for (;;) {
    try {
      if (flags.bool("disable-eviction")) {
        await session.api.delete(target, { apiVersion: "v1", kind: "DeleteOptions", ...deleteOptions });
      } else {
        const eviction = {
          apiVersion: "policy/v1",
          kind: "Eviction",
          metadata: { name, namespace },
          deleteOptions,
        };
        await session.api.post({ ...target, subresource: "eviction" }, eviction);
      }
      break;
    } catch (error) {
      if (isNotFound(error)) return;
      if (!isTooManyRequests(error) || isServerRun) throw error;
      io.err(
        `error when evicting pods/${JSON.stringify(name)} -n ${JSON.stringify(namespace)} (will retry after 5s): ${plainText(error)}\n`,
      );
      await session.clock.sleep(5000);
      checkDeadline(session.clock.now(), deadlineMs, flags.string("timeout"));
    }
  }
  if (isServerRun) return;
  for (;;) {
    const current = await session.api.get(target).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (current === undefined || current.metadata.uid !== uid) break;
    checkDeadline(session.clock.now(), deadlineMs, flags.string("timeout"));
    await session.clock.sleep(250);
  }
  io.out(`pod/${name} ${flags.bool("disable-eviction") ? "deleted" : "evicted"}\n`);
}

function checkDeadline(nowMs: number, deadlineMs: number, timeout: string): void {
  if (nowMs > deadlineMs) throw new KubectlError(`drain did not complete within ${Number(timeout) / 1000}s`);
}
