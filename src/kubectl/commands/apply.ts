import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isConflict, isNotFound, StatusError } from "../../apimachinery/status.ts";
import { lastApplied, threeWayPatch, withLastApplied } from "../apply/apply-object.ts";
import { handOver } from "../apply/migrate.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, plainText, throwCollected, withSource } from "../errors.ts";
import { nameOf, type ObjectPrinter, printerFor, printFlags } from "../printers/index.ts";
import { filenameFlags, hasFiles, readTargetsLoosely, type Target } from "../resource-builder.ts";
import {
  asListIfSeveral,
  type DryRun,
  dryRunFlag,
  dryRunOf,
  fieldManagerFlag,
  validateFlag,
  writeQuery,
} from "../writing.ts";
import { deleteAndWait } from "./delete.ts";

export const applyCommand: KubectlCommand = {
  usage: "(-f FILENAME | -k DIRECTORY) [flags]",
  summary: "Apply a configuration to a resource by file name or stdin",
  flags: {
    ...printFlags,
    ...filenameFlags,
    ...dryRunFlag,
    ...validateFlag,
    ...fieldManagerFlag(""),
    "server-side": { type: "bool", help: "let the server merge" },
    "force-conflicts": { type: "bool", help: "take fields that others own; with --server-side" },
    force: { type: "bool", help: "delete and create again what cannot be changed" },
    overwrite: { type: "bool", default: true, help: "what the file says wins" },
    "grace-period": { type: "int", default: -1, help: "seconds to end well; with --force" },
    timeout: { type: "duration", default: 0, help: "how long to wait; with --force" },
    selector: { type: "string", short: "l", help: "label selector for the objects of the files" },
    prune: { type: "bool", help: "not supported" },
    "prune-allowlist": { type: "array", help: "not supported" },
    all: { type: "bool", help: "with --prune" },
    wait: { type: "bool", help: "accepted" },
    cascade: { type: "string", default: "background", optional: "background", help: "with --force" },
    applyset: { type: "string", help: "not supported" },
    "openapi-patch": { type: "bool", default: true, help: "accepted" },
  },
  subcommands: {
    "edit-last-applied": async () => (await import("./edit.ts")).editLastAppliedCommand,
    "set-last-applied": async () => (await import("./apply-last-applied.ts")).setLastAppliedCommand,
    "view-last-applied": async () => (await import("./apply-last-applied.ts")).viewLastAppliedCommand,
  },
  run: (context) => new Apply(context).run(),
};

/** How often a patch is tried again because the object changed in between. */
const attemptsMax = 5;

class Apply {
  readonly #context: CommandContext;
  readonly #dryRun: DryRun;
  readonly #query: Record<string, string | undefined>;
  readonly #isServerSide: boolean;

  constructor(context: CommandContext) {
    this.#context = context;
    const { flags } = context;
    this.#isServerSide = flags.bool("server-side");
    this.#dryRun = dryRunOf(flags);
    const manager = flags.string("field-manager");
    const fallback = this.#isServerSide ? "kubectl" : "kubectl-client-side-apply";
    this.#query = { ...writeQuery(flags), fieldManager: manager === "" ? fallback : manager };
  }

  async run(): Promise<void> {
    const { flags, args, session, io } = this.#context;
    this.#check();
    const printer = await printerFor(flags);
    if (args.length > 0) {
      throw new KubectlError(
        `Unexpected args: [${args.join(" ")}]\nSee 'kubectl apply -h' for help and examples`,
      );
    }
    const { parseLabelSelector } = await import("../../apimachinery/labels.ts");
    const selector = parseLabelSelector(flags.string("selector"));
    const read = await readTargetsLoosely(session, flags);
    const errors: unknown[] = read.filter((target) => target instanceof Error);
    const targets = read.filter((target): target is Target => !(target instanceof Error));
    const chosen = targets.filter(({ object }) => selector.matches(object?.metadata.labels));
    if (chosen.length === 0 && errors.length === 0) throw new KubectlError("no objects passed to apply");
    const applied: UnstructuredObject[] = [];
    for (const target of chosen) {
      try {
        applied.push(await this.#apply(target, printer));
      } catch (error) {
        errors.push(error);
      }
    }
    if (printer !== undefined && applied.length > 0) io.out(printer.print(asListIfSeveral(applied)));
    throwCollected(errors);
  }

  #check(): void {
    const { flags } = this.#context;
    if (!hasFiles(flags)) throw new KubectlError("must specify one of -f and -k");
    if (flags.bool("prune") || flags.list("prune-allowlist").length > 0 || flags.string("applyset") !== "") {
      throw new KubectlError(
        "--prune is not supported by this client: delete what is no longer wanted by name or by label",
      );
    }
    if (this.#isServerSide && flags.bool("force"))
      throw new KubectlError("--force cannot be used with --server-side");
    if (this.#isServerSide && this.#dryRun === "client") {
      throw new KubectlError(
        "--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)",
      );
    }
    if (flags.bool("force-conflicts") && !this.#isServerSide) {
      throw new KubectlError("--force-conflicts only works with --server-side");
    }
    if (this.#dryRun !== "none" && flags.bool("force"))
      throw new KubectlError("--dry-run=server cannot be used with --force");
  }

  /** Applies one object, prints the outcome unless objects are printed, and answers with what the server has now. */
  async #apply(target: Target, printer: ObjectPrinter | undefined): Promise<UnstructuredObject> {
    if (target.name === "" && (target.object?.metadata.generateName ?? "") !== "") {
      throw new KubectlError(
        `from ${target.object?.metadata.generateName}: cannot use generate name with apply`,
      );
    }
    const { object, outcome } = this.#isServerSide
      ? await this.#serverSide(target)
      : await this.#clientSide(target);
    const ending = { none: "", client: " (dry run)", server: " (server dry run)" }[this.#dryRun];
    if (printer === undefined) this.#context.io.out(`${nameOf(object)} ${outcome}${ending}\n`);
    return object;
  }

  async #serverSide(target: Target): Promise<{ object: UnstructuredObject; outcome: string }> {
    const { session, flags } = this.#context;
    const force = flags.bool("force-conflicts") ? "true" : "false";
    try {
      const object = await session.api.patch(target, "apply", target.object, { ...this.#query, force });
      return { object: await this.#migrate(target, object), outcome: "serverside-applied" };
    } catch (error) {
      if (isConflict(error))
        throw new KubectlError(`${(error as Error).message}\n${conflictAdvice}`, { cause: error });
      throw error;
    }
  }

  /** Takes over what client-side apply owned, and applies once more. Failing here undoes nothing: the next apply tries again. */
  async #migrate(target: Target, applied: UnstructuredObject): Promise<UnstructuredObject> {
    const { session, io } = this.#context;
    const manager = this.#query["fieldManager"] ?? "";
    if (manager !== "kubectl" || this.#dryRun !== "none") return applied;
    const { managedFields, resourceVersion } = applied.metadata;
    const entries = handOver(managedFields, manager);
    if (entries === undefined) return applied;
    const patch = [
      { op: "replace", path: "/metadata/managedFields", value: entries },
      { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion },
    ];
    try {
      await session.api.patch(target, "json", patch, { fieldManager: manager });
      return await session.api.patch(target, "apply", target.object, { ...this.#query, force: "false" });
    } catch (error) {
      io.err(
        `Warning: failed to migrate kubectl.kubernetes.io/last-applied-configuration for Server-Side Apply. This is non-fatal and will be retried next time you apply. Error: ${plainText(error)}\n`,
      );
      return applied;
    }
  }

  async #clientSide(target: Target): Promise<{ object: UnstructuredObject; outcome: string }> {
    const { session } = this.#context;
    const wanted = target.object ?? missing(target);
    const modified = withLastApplied(wanted);
    const current = await this.#current(target);
    if (current === undefined) return { object: await this.#create(target, modified), outcome: "created" };
    if (this.#dryRun === "client") return { object: current, outcome: "configured" };
    if (current.metadata.annotations?.[lastApplied] === undefined) this.#warnAboutMissingNote(target);
    try {
      return await this.#patch(target, current, modified);
    } catch (error) {
      const mayReplace = error instanceof StatusError && ["Conflict", "Invalid"].includes(error.reason);
      if (mayReplace && this.#context.flags.bool("force")) {
        await deleteAndWait(session, target, this.#context.flags.int("grace-period"));
        return { object: await this.#create(target, modified), outcome: "configured" };
      }
      throw withSource(
        error,
        `applying patch:\nto:\nResource: ${JSON.stringify(resourceText(target))}, GroupVersionKind: ${JSON.stringify(kindText(target))}\nName: ${JSON.stringify(target.name)}, Namespace: ${JSON.stringify(target.namespace ?? "")}\nfor:`,
        target.source,
      );
    }
  }

  async #current(target: Target): Promise<UnstructuredObject | undefined> {
    try {
      return await this.#context.session.api.get(target);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw withSource(
        error,
        `retrieving current configuration of:\nResource: ${JSON.stringify(resourceText(target))}, GroupVersionKind: ${JSON.stringify(kindText(target))}\nName: ${JSON.stringify(target.name)}, Namespace: ${JSON.stringify(target.namespace ?? "")}\nfrom server for:`,
        target.source,
      );
    }
  }

  async #create(target: Target, modified: UnstructuredObject): Promise<UnstructuredObject> {
    if (this.#dryRun === "client") return modified;
    try {
      return await this.#context.session.api.create(target, modified, this.#query);
    } catch (error) {
      throw withSource(error, "creating", target.source);
    }
  }

  async #patch(
    target: Target,
    found: UnstructuredObject,
    modified: UnstructuredObject,
  ): Promise<{ object: UnstructuredObject; outcome: string }> {
    const { session } = this.#context;
    let current = found;
    for (let attempt = 1; ; attempt++) {
      const { patch, type } = threeWayPatch(current, modified);
      if (Object.keys(patch as object).length === 0) return { object: current, outcome: "unchanged" };
      try {
        return { object: await session.api.patch(target, type, patch, this.#query), outcome: "configured" };
      } catch (error) {
        if (!isConflict(error) || attempt >= attemptsMax) throw error;
        await session.clock.sleep(attempt * 100);
        current = await session.api.get(target);
      }
    }
  }

  #warnAboutMissingNote({ resource, name }: Target): void {
    this.#context.io.err(
      `Warning: resource ${resource.resource}/${name} is missing the ${lastApplied} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n`,
    );
  }
}

function missing(target: Target): never {
  throw new Error(`${target.name} was not read from a file`);
}

const resourceText = ({ resource }: Target): string =>
  `${resource.group === "" ? "" : resource.group}/${resource.version}, Resource=${resource.resource}`;
const kindText = ({ resource }: Target): string =>
  `${resource.group}/${resource.version}, Kind=${resource.kind}`;

const conflictAdvice = `Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the \`--force-conflicts\` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts`;
