import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected, withSource } from "../errors.ts";
import { parseBool } from "../flags.ts";
import {
  filenameFlags,
  hasFiles,
  parseTargets,
  readTargetsLoosely,
  type Target,
  typeName,
} from "../resource-builder.ts";
import type { MappedResource } from "../rest-mapper.ts";
import type { Session } from "../session.ts";
import { dryRunFlag, dryRunOf, writeQuery } from "../writing.ts";
import { withSelectors } from "./get.ts";

export const deleteCommand: KubectlCommand = {
  usage: "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)]) [flags]",
  summary: "Delete resources by file names, stdin, resources and names, or by resources and label selector",
  flags: {
    ...filenameFlags,
    ...dryRunFlag,
    output: { type: "string", short: "o", help: "name prints names only" },
    all: { type: "bool", help: "all of the types" },
    "all-namespaces": { type: "bool", short: "A", help: "in all namespaces" },
    selector: { type: "string", short: "l", help: "label selector" },
    "field-selector": { type: "string", help: "field selector" },
    cascade: {
      type: "string",
      default: "background",
      optional: "background",
      help: "background, orphan or foreground",
    },
    force: { type: "bool", help: "do not wait for a graceful end" },
    "grace-period": { type: "int", default: -1, help: "seconds to end well" },
    now: { type: "bool", help: "a grace period of one second" },
    "ignore-not-found": { type: "bool", help: "what does not exist is no error" },
    wait: { type: "bool", default: true, help: "wait until it is gone" },
    timeout: { type: "duration", default: 0, help: "how long to wait" },
    interactive: { type: "bool", short: "i", help: "ask before deleting" },
    raw: { type: "string", help: "DELETE of this path" },
  },
  run: (context) => new Delete(context).run(),
};

const weekMs = 7 * 24 * 3_600_000;

class Delete {
  readonly #context: CommandContext;
  readonly #errors: unknown[] = [];
  readonly #deleted: Deleted[] = [];
  #count = 0;

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async run(): Promise<void> {
    const { flags, session, io } = this.#context;
    if (flags.string("raw") !== "") {
      const { text } = await raw(session, flags.string("raw"));
      io.out(text);
      return;
    }
    this.#check();
    const options = this.#options();
    for (const target of await this.#targets()) {
      this.#count++;
      if (target instanceof Error) {
        this.#errors.push(target);
        continue;
      }
      try {
        await this.#delete(target, options);
      } catch (error) {
        if (isNotFound(error) && this.#ignoresNotFound) continue;
        this.#errors.push(withSource(error, "deleting", target.source));
      }
    }
    if (this.#count === 0 && this.#errors.length === 0) io.out("No resources found\n");
    if (flags.bool("wait") && dryRunOf(flags) === "none") await this.#wait();
    throwCollected(this.#errors);
  }

  get #ignoresNotFound(): boolean {
    const { flags } = this.#context;
    // Of what --all and selectors find, some may be gone already.
    return flags.changed("ignore-not-found") ? flags.bool("ignore-not-found") : this.#isSelected;
  }

  get #isSelected(): boolean {
    const { flags } = this.#context;
    return flags.bool("all") || flags.string("selector") !== "" || flags.string("field-selector") !== "";
  }

  #check(): void {
    const { flags, io } = this.#context;
    const output = flags.string("output");
    if (output !== "" && output !== "name") {
      throw new KubectlError(`unexpected -o output mode: ${output}. We only support '-o name'`);
    }
    if (flags.bool("all") && flags.string("selector") !== "") {
      throw new KubectlError("setting 'all' parameter but found a non empty selector. ");
    }
    if (flags.bool("all") && flags.string("field-selector") !== "") {
      throw new KubectlError("setting 'all' parameter but found a non empty selector. ");
    }
    if (flags.bool("now") && flags.int("grace-period") !== -1) {
      throw new KubectlError("--now and --grace-period cannot be specified together");
    }
    if (flags.bool("force") && flags.int("grace-period") > 0) {
      throw new KubectlError("--force and --grace-period greater than 0 cannot be specified together");
    }
    if (flags.bool("force")) {
      io.err(
        "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n",
      );
    }
    if (flags.bool("interactive")) throw new KubectlError("--interactive is not supported by this client");
  }

  #options(): { readonly gracePeriodSeconds?: number; readonly propagationPolicy: string } {
    const { flags } = this.#context;
    let grace = flags.int("grace-period");
    if (flags.bool("now")) grace = 1;
    // A period of 0 takes running processes away from under their users: only --force says that this is meant.
    else if (grace === 0 && !flags.bool("force")) grace = 1;
    else if (flags.bool("force") && grace < 0) grace = 0;
    return {
      ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
      propagationPolicy: propagationOf(flags.string("cascade")),
    };
  }

  async #targets(): Promise<(Target | Error)[]> {
    const { flags, args, session } = this.#context;
    if (hasFiles(flags)) return await readTargetsLoosely(session, flags);
    const query = await parseTargets(session, args, {
      selected: this.#isSelected,
      allNamespaces: flags.bool("all-namespaces"),
    });
    if (query.kind === "names") return [...query.targets];
    const lists = await Promise.all(query.resources.map((resource) => this.#list(resource)));
    return lists.flat();
  }

  async #list(resource: MappedResource): Promise<Target[]> {
    const { flags, session } = this.#context;
    const text = (name: string): string | undefined =>
      flags.string(name) === "" ? undefined : flags.string(name);
    const selectors = { labelSelector: text("selector"), fieldSelector: text("field-selector") };
    const namespace = flags.bool("all-namespaces") || !resource.namespaced ? undefined : session.namespace;
    try {
      const list = await session.api.list({ resource, namespace }, { query: selectors });
      return (list["items"] as UnstructuredObject[]).map(({ metadata }) => ({
        resource,
        namespace: metadata.namespace,
        name: metadata.name ?? "",
      }));
    } catch (error) {
      throw withSelectors(error, resource, selectors);
    }
  }

  async #delete(
    target: Target,
    options: { gracePeriodSeconds?: number; propagationPolicy: string },
  ): Promise<void> {
    const { flags, session, io } = this.#context;
    const dryRun = dryRunOf(flags);
    if (dryRun === "client") await session.api.get(target);
    else {
      const body = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        ...options,
        ...(dryRun === "server" ? { dryRun: ["All"] } : {}),
      };
      const answer = await session.api.delete(target, body, writeQuery(flags));
      this.#deleted.push({ target, uid: uidOf(answer) });
    }
    const type = typeName(target.resource);
    if (flags.string("output") === "name") io.out(`${type}/${target.name}\n`);
    else {
      const ending = { none: "", client: " (dry run)", server: " (server dry run)" }[dryRun];
      const outcome = options.gracePeriodSeconds === 0 ? "force deleted" : "deleted";
      io.out(`${type} "${target.name}" ${outcome}${ending}\n`);
    }
  }

  async #wait(): Promise<void> {
    const { flags, session } = this.#context;
    const timeoutMs = flags.durationMs("timeout") === 0 ? weekMs : flags.durationMs("timeout");
    const deadlineMs = session.clock.now() + timeoutMs;
    for (const deleted of this.#deleted) {
      try {
        await waitUntilGone(session, deleted, deadlineMs - session.clock.now());
      } catch (error) {
        this.#errors.push(error);
      }
    }
  }
}

interface Deleted {
  readonly target: Target;
  readonly uid: string;
}

function propagationOf(cascade: string): string {
  if (cascade === "background") return "Background";
  if (cascade === "foreground") return "Foreground";
  if (cascade === "orphan") return "Orphan";
  const flag = parseBool(cascade);
  if (flag !== undefined) return flag ? "Background" : "Orphan";
  throw new KubectlError(
    `invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`,
  );
}

/** A delete answers with the object, or with a Status that has the uid among its details. */
function uidOf(answer: UnstructuredObject): string {
  const details = (answer["details"] as { uid?: string } | undefined)?.uid;
  return details ?? answer.metadata?.uid ?? "";
}

/** Returns when the object is gone, or another has taken its name. */
async function waitUntilGone(session: Session, { target, uid }: Deleted, timeoutMs: number): Promise<void> {
  const controller = new AbortController();
  const timer = session.clock.after(timeoutMs, () => controller.abort());
  try {
    for (;;) {
      let current: UnstructuredObject;
      try {
        current = await session.api.get(target);
      } catch (error) {
        if (isNotFound(error)) return;
        throw error;
      }
      if (uid !== "" && current.metadata.uid !== uid) return;
      const query = {
        fieldSelector: `metadata.name=${target.name}`,
        resourceVersion: current.metadata.resourceVersion,
      };
      const place = { resource: target.resource, namespace: target.namespace };
      for await (const event of session.api.watch(place, { query, signal: controller.signal })) {
        if (event.type === "DELETED" || event.object.metadata.uid !== current.metadata.uid) return;
      }
      if (controller.signal.aborted) {
        throw new KubectlError(
          `timed out waiting for the condition on ${target.resource.resource}/${target.name}`,
        );
      }
    }
  } finally {
    timer.stop();
    controller.abort();
  }
}

/** Deletes one object and waits until it is gone: for commands that create it anew. */
export async function deleteAndWait(
  session: Session,
  target: Target,
  gracePeriodSeconds = -1,
): Promise<void> {
  const body = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    propagationPolicy: "Background",
    ...(gracePeriodSeconds < 0 ? {} : { gracePeriodSeconds }),
  };
  try {
    const answer = await session.api.delete(target, body);
    await waitUntilGone(session, { target, uid: uidOf(answer) }, weekMs);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

async function raw(session: Session, path: string): Promise<{ text: string }> {
  const body = await session.api.call("DELETE", path);
  return { text: typeof body === "string" ? body : JSON.stringify(body) };
}
