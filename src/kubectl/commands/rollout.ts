import type { Deployment } from "../../api/types/apps-v1.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import { formatGroupResource } from "../../apimachinery/gvk.ts";
import { isObject } from "../../apimachinery/json.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import { type CommandContext, type KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { type LiveTarget, liveTargets, modifyFlags, patchBetween } from "../modifying.ts";
import { outcomePrinterFor, printerFor } from "../printers/index.ts";
import { filenameFlags, hasFiles, typeName } from "../resource-builder.ts";
import { describeTemplate, historyOf, type Revision } from "../rollout-history.ts";
import { rolloutStatus } from "../rollout-status.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

const selector = { selector: { type: "string" as const, short: "l", help: "label selector" } };
const usage = "(TYPE NAME | TYPE/NAME) [flags]";

const statusCommand: KubectlCommand = {
  usage,
  summary: "Show the status of the rollout",
  flags: {
    ...filenameFlags,
    ...selector,
    watch: { type: "bool", short: "w", default: true, help: "wait until it is done" },
    revision: { type: "int", default: 0, help: "fail when another revision is rolled out meanwhile" },
    timeout: { type: "duration", default: 0, help: "how long to wait" },
  },
  run: status,
};

const historyCommand: KubectlCommand = {
  usage,
  summary: "View rollout history",
  flags: {
    ...modifyFlags(""),
    ...selector,
    revision: { type: "int", default: 0, help: "details of this revision" },
  },
  run: history,
};

const undoCommand: KubectlCommand = {
  usage,
  summary: "Undo a previous rollout",
  flags: {
    ...modifyFlags(""),
    ...selector,
    "to-revision": { type: "int", default: 0, help: "back to this revision" },
  },
  run: undo,
};

const changeCommand = (summary: string, run: (context: CommandContext) => Promise<void>): KubectlCommand => ({
  usage,
  summary,
  flags: { ...modifyFlags("kubectl-rollout"), ...selector },
  run,
});

export const rolloutCommand: KubectlCommand = {
  usage: "SUBCOMMAND",
  summary: "Manage the rollout of one or many resources",
  subcommands: {
    history: () => Promise.resolve(historyCommand),
    pause: () =>
      Promise.resolve(
        changeCommand("Mark the provided resource as paused", (context) => setPaused(context, true)),
      ),
    restart: () => Promise.resolve(changeCommand("Restart a resource", restart)),
    resume: () =>
      Promise.resolve(changeCommand("Resume a paused resource", (context) => setPaused(context, false))),
    status: () => Promise.resolve(statusCommand),
    undo: () => Promise.resolve(undoCommand),
  },
};

async function targetsOf(context: CommandContext): Promise<LiveTarget[]> {
  if (context.args.length === 0 && !hasFiles(context.flags)) {
    throw new KubectlError("required resource not specified");
  }
  return await liveTargets(context, context.args, { typesMeanAll: true });
}

async function status(context: CommandContext): Promise<void> {
  const { session, io } = context;
  const errors: unknown[] = [];
  const targets = await targetsOf(context);
  if (targets.length === 0) io.err(`No resources found in ${session.namespace} namespace.\n`);
  for (const target of targets) {
    try {
      await follow(context, target);
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

/** Prints each new status until the rollout is done, or has failed. */
async function follow({ flags, session, io }: CommandContext, target: LiveTarget): Promise<void> {
  const revision = flags.int("revision");
  let last = "";
  const report = (object: typeof target.live): boolean => {
    const { message, done } = rolloutStatus(object, revision);
    if (message !== last || done) io.out(message);
    last = message;
    return done || !flags.bool("watch");
  };
  if (report(target.live)) return;
  const controller = new AbortController();
  const timeoutMs = flags.durationMs("timeout");
  const timer = timeoutMs === 0 ? undefined : session.clock.after(timeoutMs, () => controller.abort());
  try {
    const place = { resource: target.resource, namespace: target.namespace };
    while (!controller.signal.aborted) {
      const current = await session.api.get(target);
      if (report(current)) return;
      const query = {
        fieldSelector: `metadata.name=${target.name}`,
        resourceVersion: current.metadata.resourceVersion,
      };
      for await (const { type, object } of session.api.watch(place, { query, signal: controller.signal })) {
        if (type === "DELETED") throw new KubectlError("object has been deleted");
        if (report(object)) return;
      }
    }
    throw new KubectlError("timed out waiting for the condition");
  } finally {
    timer?.stop();
    controller.abort();
  }
}

async function history(context: CommandContext): Promise<void> {
  const { flags, io, session } = context;
  const wanted = flags.int("revision");
  if (wanted < 0) throw new KubectlError(`revision must be a positive integer: ${wanted}`);
  const printer = await printerFor(flags);
  for (const target of await targetsOf(context)) {
    const revisions = await historyOf(session, target);
    const found = wanted === 0 ? revisions.at(-1) : revisions.find(({ revision }) => revision === wanted);
    if (wanted > 0 && found === undefined) throw new KubectlError("unable to find the specified revision");
    if (printer !== undefined) {
      if (found !== undefined) io.out(printer.print(found.object));
      continue;
    }
    const name = `${typeName(target.resource)}/${target.name}`;
    const text = found !== undefined && wanted > 0 ? describeTemplate(session, found) : table(revisions);
    io.out(`${name} ${wanted > 0 ? `with revision #${wanted}` : ""}\n${text}\n`);
  }
}

function table(revisions: readonly Revision[]): string {
  if (revisions.length === 0) return "No rollout history found.";
  const rows = [
    ["REVISION", "CHANGE-CAUSE"],
    ...revisions.map(({ revision, cause }) => [String(revision), cause]),
  ];
  const width = Math.max(...rows.map(([first = ""]) => first.length)) + 2;
  return `${rows.map(([first = "", second = ""]) => `${first.padEnd(width)}${second}`).join("\n")}\n`;
}

async function undo(context: CommandContext): Promise<void> {
  const { flags, io } = context;
  const wanted = flags.int("to-revision");
  if (wanted < 0) throw new KubectlError(`revision must be a positive integer: ${wanted}`);
  const errors: unknown[] = [];
  const print = await outcomePrinterFor(flags);
  for (const target of await targetsOf(context)) {
    try {
      io.out(print(target.live, await undoOne(context, target, wanted)));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

/** What to say: `rolled back`, or why there was nothing to do. */
async function undoOne(context: CommandContext, target: LiveTarget, wanted: number): Promise<string> {
  const { session, flags } = context;
  const { live } = target;
  if (live.kind === "Deployment" && (live as unknown as Deployment).spec.paused === true) {
    throw new KubectlError(
      `you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again`,
    );
  }
  const revisions = await historyOf(session, target);
  const found = wanted === 0 ? revisions.at(-2) : revisions.find(({ revision }) => revision === wanted);
  if (found === undefined) {
    if (wanted > 0) throw new KubectlError(`unable to find specified revision ${wanted} in history`);
    throw new KubectlError(
      `no rollout history found for ${live.kind.toLowerCase()} ${JSON.stringify(target.name)}`,
    );
  }
  if (dryRunOf(flags) === "client") return describeTemplate(session, found);
  if (found === revisions.at(-1))
    return `skipped rollback (current template already matches revision ${found.revision})`;
  await session.api.patch(target, found.patch.type, found.patch.patch, writeQuery(flags));
  return "rolled back";
}

async function setPaused(context: CommandContext, paused: boolean): Promise<void> {
  const verb = paused ? "pausing" : "resuming";
  await changeEach(context, paused ? "paused" : "resumed", (target) => {
    const what = `${formatGroupResource(target.resource)} ${JSON.stringify(target.name)}`;
    if (target.live.kind !== "Deployment") throw new KubectlError(`${what} ${verb} is not supported`);
    const spec = isObject(target.live["spec"]) ? target.live["spec"] : {};
    if ((spec["paused"] === true) === paused)
      throw new KubectlError(`${what} is ${paused ? "already" : "not"} paused`);
    const { paused: _, ...rest } = spec;
    return { ...target.live, spec: paused ? { ...rest, paused } : rest };
  });
}

const restartable = new Set(["Deployment", "DaemonSet", "StatefulSet"]);
const restartedAt = "kubectl.kubernetes.io/restartedAt";

async function restart(context: CommandContext): Promise<void> {
  const now = formatTime(context.session.clock.now());
  await changeEach(context, "restarted", ({ live, resource, name }) => {
    const what = `${formatGroupResource(resource)} ${JSON.stringify(name)}`;
    if (!restartable.has(live.kind)) throw new KubectlError(`${what} restarting is not supported`);
    const spec = live["spec"] as {
      paused?: boolean;
      template: { metadata?: { annotations?: Record<string, string> } };
    };
    if (spec.paused === true)
      throw new KubectlError(`${what} can't restart paused deployment (run rollout resume first)`);
    const { template } = spec;
    const annotations = { ...template.metadata?.annotations, [restartedAt]: now };
    return {
      ...live,
      spec: { ...spec, template: { ...template, metadata: { ...template.metadata, annotations } } },
    };
  });
}

async function changeEach(
  context: CommandContext,
  outcome: string,
  change: (target: LiveTarget) => LiveTarget["live"],
): Promise<void> {
  const { flags, session, io } = context;
  const print = await outcomePrinterFor(flags);
  const errors: unknown[] = [];
  for (const target of await targetsOf(context)) {
    try {
      const { type, patch } = patchBetween(target.live, change(target));
      const isDry = dryRunOf(flags) === "client";
      io.out(
        print(isDry ? target.live : await session.api.patch(target, type, patch, writeQuery(flags)), outcome),
      );
    } catch (error) {
      if (isNotFound(error)) throw error;
      errors.push(error);
    }
  }
  throwCollected(errors);
}
