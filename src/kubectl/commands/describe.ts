import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { describeObject } from "../describe/index.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import {
  filenameFlags,
  hasFiles,
  parseTargets,
  readTargets,
  resourceOf,
  type Target,
} from "../resource-builder.ts";
import { withSelectors } from "./get.ts";

export const describeCommand: KubectlCommand = {
  usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
  summary: "Show details of a specific resource or group of resources",
  flags: {
    ...filenameFlags,
    selector: { type: "string", short: "l", help: "label selector" },
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    "show-events": { type: "bool", default: true, help: "with the events about each" },
    "chunk-size": { type: "int", default: 500, help: "how many objects to ask for at a time" },
  },
  run: describe,
};

async function describe(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  if (context.args.length === 0 && !hasFiles(flags)) {
    throw new KubectlError(
      'You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.\n',
    );
  }
  const errors: unknown[] = [];
  const objects = await collect(context, errors);
  const texts: string[] = [];
  for (const object of objects.found) {
    try {
      texts.push(await describeObject(session, object, { showEvents: flags.bool("show-events") }));
    } catch (error) {
      errors.push(error);
    }
  }
  // Objects found by the beginning of their names are each followed by an empty line.
  io.out(objects.byPrefix ? texts.map((text) => `${text}\n`).join("") : texts.join("\n\n"));
  if (objects.found.length === 0 && errors.length === 0) {
    io.err(
      flags.bool("all-namespaces")
        ? "No resources found\n"
        : `No resources found in ${session.namespace} namespace.\n`,
    );
  }
  throwCollected(errors);
}

interface Collected {
  readonly found: readonly UnstructuredObject[];
  readonly byPrefix: boolean;
}

async function collect(context: CommandContext, errors: unknown[]): Promise<Collected> {
  const { flags, args, session } = context;
  if (hasFiles(flags)) {
    return { found: await getAll(context, await readTargets(session, flags), errors), byPrefix: false };
  }
  const query = await parseTargets(session, args, {
    typesMeanAll: true,
    selected: flags.string("selector") !== "",
    allNamespaces: flags.bool("all-namespaces"),
  });
  if (query.kind === "names") {
    const [only] = query.targets;
    const isOneName = args.length === 2 && query.targets.length === 1 && only !== undefined;
    const objects = await getAll(context, query.targets, errors);
    if (!isOneName || !errors.every(isNotFound) || errors.length === 0) {
      return { found: objects, byPrefix: false };
    }
    const matching = await withPrefix(context, only);
    if (matching.length > 0) errors.length = 0;
    return { found: matching, byPrefix: true };
  }
  const labelSelector = flags.string("selector") === "" ? undefined : flags.string("selector");
  const objects: UnstructuredObject[] = [];
  for (const resource of query.resources) {
    const namespace = flags.bool("all-namespaces") || !resource.namespaced ? undefined : session.namespace;
    try {
      const list = await session.api.list(
        { resource, namespace },
        { query: { labelSelector } },
        flags.int("chunk-size"),
      );
      objects.push(...(list["items"] as UnstructuredObject[]));
    } catch (error) {
      errors.push(withSelectors(error, resource, { labelSelector }));
    }
  }
  return { found: objects, byPrefix: false };
}

async function getAll(
  { session }: CommandContext,
  targets: readonly Target[],
  errors: unknown[],
): Promise<UnstructuredObject[]> {
  const objects: UnstructuredObject[] = [];
  for (const target of targets) {
    try {
      objects.push(await session.api.get(target));
    } catch (error) {
      errors.push(error);
    }
  }
  return objects;
}

/** A name that does not exist may be the beginning of others. */
async function withPrefix(
  { session, args }: CommandContext,
  { name, namespace }: Target,
): Promise<UnstructuredObject[]> {
  const resource = await resourceOf(session, args[0] ?? "");
  const list = await session.api.list({ resource, namespace });
  return (list["items"] as UnstructuredObject[]).filter((item) => item.metadata.name?.startsWith(name));
}
