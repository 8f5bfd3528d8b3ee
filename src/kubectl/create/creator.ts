import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { ResourceReference } from "../../client/client.ts";
import { withLastApplied } from "../apply/apply-object.ts";
import { type CommandContext, type KubectlCommand, usageHint } from "../command.ts";
import { KubectlError, plainText } from "../errors.ts";
import type { FlagSpecs } from "../flags.ts";
import { outcomePrinterFor, printFlags } from "../printers/index.ts";
import { dryRunFlag, dryRunOf, fieldManagerFlag, validateFlag, writeQuery } from "../writing.ts";

/** One kind of `kubectl create KIND NAME`. */
export interface Creator {
  /** The full name of the subcommand. */
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly flags?: FlagSpecs;
  readonly required?: readonly string[];
  readonly resource: ResourceReference;
  /** Named before what the server refuses: `failed to create configmap`. Without it the refusal stands alone. */
  readonly failure?: string;
  /** The object, its members in the order in which Go's struct has them. Throws KubectlError for wrong flags. */
  build(context: CommandContext, name: string): UnstructuredObject | Promise<UnstructuredObject>;
}

/** The flags of every command that makes an object from flags. */
export const createFlags = (manager = "kubectl-create"): FlagSpecs => ({
  ...printFlags,
  ...dryRunFlag,
  ...validateFlag,
  ...fieldManagerFlag(manager),
  "save-config": { type: "bool", help: "note the configuration down, for apply" },
});

/** The command of a creator. */
export function creatorCommand(creator: Creator): KubectlCommand {
  return {
    name: creator.name,
    usage: creator.usage,
    summary: creator.summary,
    flags: { ...createFlags(), ...creator.flags },
    ...(creator.required === undefined ? {} : { required: creator.required }),
    run: async (context) => {
      const name = nameArgument(context);
      const object = await withHash(context, await creator.build(context, name));
      await createObject(context, creator.resource, object, creator.failure);
    },
  };
}

/** The one argument before `--`. */
export function nameArgument({ args, dashAt, path }: CommandContext): string {
  const names = args.slice(0, dashAt ?? args.length);
  const [name] = names;
  if (name === undefined || names.length > 1) {
    throw new KubectlError(`exactly one NAME is required, got ${names.length}\n${usageHint(path)}`);
  }
  return name;
}

/** What stands after `--`. */
export const commandAfterDash = ({ args, dashAt }: CommandContext): readonly string[] =>
  dashAt === undefined ? [] : args.slice(dashAt);

/** Name, namespace when one was asked for, and labels, in the order of ObjectMeta. */
export function metaOf(
  { session }: CommandContext,
  name: string,
  {
    labels,
    annotations,
    namespaced = true,
  }: {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    namespaced?: boolean;
  } = {},
): UnstructuredObject["metadata"] {
  const meta = {
    name,
    ...(namespaced && session.namespaceGiven ? { namespace: session.namespace } : {}),
    creationTimestamp: null,
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  return meta as unknown as UnstructuredObject["metadata"];
}

/** Sends the object, unless it is a dry run of the client, and prints it or that it was created. */
export async function createObject(
  { flags, session, io }: CommandContext,
  resource: ResourceReference,
  object: UnstructuredObject,
  failure: string | undefined,
  outcome = "created",
): Promise<UnstructuredObject> {
  const dryRun = dryRunOf(flags);
  const print = await outcomePrinterFor(flags, { inOrder: dryRun === "client" });
  const wanted = flags.has("save-config") && flags.bool("save-config") ? withLastApplied(object) : object;
  if (dryRun === "client") {
    io.out(print(wanted, outcome));
    return wanted;
  }
  const namespace = resource.namespaced ? session.namespace : undefined;
  const created = await send(
    () => session.api.create({ resource, namespace }, wanted, writeQuery(flags)),
    failure,
  );
  io.out(print(created, outcome));
  return created;
}

async function send<T>(call: () => Promise<T>, failure: string | undefined): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (failure === undefined) throw error;
    throw new KubectlError(`${failure}: ${plainText(error)}`, { cause: error });
  }
}

/** With `--append-hash` the name tells one content from another. */
async function withHash({ flags }: CommandContext, object: UnstructuredObject): Promise<UnstructuredObject> {
  if (!flags.has("append-hash") || !flags.bool("append-hash")) return object;
  const { contentHash } = await import("../content-hash.ts");
  const { name = "" } = object.metadata;
  return { ...object, metadata: { ...object.metadata, name: `${name}-${contentHash(object, name)}` } };
}
