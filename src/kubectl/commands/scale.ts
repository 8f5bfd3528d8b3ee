import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, plainText, throwCollected } from "../errors.ts";
import { type LiveTarget, liveTargets, modifyFlags, selectionFlags } from "../modifying.ts";
import { outcomePrinterFor } from "../printers/index.ts";
import { dryRunOf, writeQuery } from "../writing.ts";

export const scaleCommand: KubectlCommand = {
  usage: "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
  summary: "Set a new size for a deployment, replica set, or replication controller",
  flags: {
    ...modifyFlags(""),
    ...selectionFlags,
    replicas: { type: "int", default: 0, help: "the new size" },
    "current-replicas": { type: "int", default: -1, help: "only if this is its size" },
    "resource-version": { type: "string", help: "only if this is its version" },
    timeout: { type: "duration", default: 0, help: "how long to wait until it has the size" },
  },
  required: ["replicas"],
  run: scale,
};

interface Scale extends UnstructuredObject {
  spec: { replicas?: number };
}

async function scale(context: CommandContext): Promise<void> {
  const { flags, args, io } = context;
  if (flags.int("replicas") < 0) {
    throw new KubectlError(
      `The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0`,
    );
  }
  const print = await outcomePrinterFor(flags);
  const targets = await find(context, args);
  const errors: unknown[] = [];
  for (const target of targets) {
    try {
      await scaleOne(context, target);
      io.out(print(target.live, "scaled"));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

async function find(context: CommandContext, args: readonly string[]): Promise<LiveTarget[]> {
  try {
    return await liveTargets(context, args);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new KubectlError(`no objects passed to scale ${plainText(error)}`, { cause: error });
  }
}

async function scaleOne({ flags, session }: CommandContext, target: LiveTarget): Promise<void> {
  if (dryRunOf(flags) === "client") return;
  const place = { ...target, subresource: "scale" };
  const wanted = flags.int("replicas");
  const expected = flags.int("current-replicas");
  const version = flags.string("resource-version");
  if (expected < 0 && version === "") {
    await session.api.patch(place, "merge", { spec: { replicas: wanted } }, writeQuery(flags));
  } else {
    const current = (await session.api.get(place)) as Scale;
    const size = current.spec.replicas ?? 0;
    if (expected >= 0 && size !== expected)
      throw new KubectlError(`Expected replicas to be ${expected}, was ${size}`);
    if (version !== "" && current.metadata.resourceVersion !== version) {
      throw new KubectlError(
        `Expected resource version to be ${version}, was ${current.metadata.resourceVersion}`,
      );
    }
    await session.api.replace(
      place,
      { ...current, spec: { ...current.spec, replicas: wanted } },
      writeQuery(flags),
    );
  }
  const timeoutMs = flags.durationMs("timeout");
  if (timeoutMs === 0) return;
  const deadlineMs = session.clock.now() + timeoutMs;
  for (;;) {
    const now = await session.api.get(place);
    if ((now["status"] as { replicas?: number } | undefined)?.replicas === wanted) return;
    if (session.clock.now() > deadlineMs) throw new KubectlError("timed out waiting for the condition");
    await session.clock.sleep(500);
  }
}
