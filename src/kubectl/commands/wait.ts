import { goValue } from "../../apimachinery/go-value.ts";
import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound } from "../../apimachinery/status.ts";
import type { CommandContext, KubectlCommand } from "../command.ts";
import { KubectlError, throwCollected } from "../errors.ts";
import { selectionFlags } from "../modifying.ts";
import { nameOf, printerFor, printFlags } from "../printers/index.ts";
import { JsonPath, relaxedPath } from "../printers/jsonpath.ts";
import {
  filenameFlags,
  hasFiles,
  parseTargets,
  readTargets,
  type Target,
  typeName,
} from "../resource-builder.ts";

export const waitCommand: KubectlCommand = {
  usage:
    "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
  summary: "Wait for a specific condition on one or many resources",
  flags: {
    ...printFlags,
    ...filenameFlags,
    ...selectionFlags,
    for: { type: "string", help: "create, delete, condition=NAME[=VALUE] or jsonpath={PATH}[=VALUE]" },
    timeout: {
      type: "duration",
      default: 30_000,
      help: "how long to wait; 0 looks once, below 0 waits for a week",
    },
    local: { type: "bool", help: "not supported" },
  },
  failsOnInterrupt: () => true,
  run: waitForAll,
};

/** Whether the state of an object, or that there is none, is what is waited for. */
interface Goal {
  readonly kind: "create" | "delete" | "state";
  holds(object: UnstructuredObject): boolean;
}

const weekMs = 7 * 24 * 3_600_000;

async function waitForAll(context: CommandContext): Promise<void> {
  const { flags, session, io } = context;
  const goal = parseGoal(flags.string("for"));
  const printer = await printerFor(flags);
  const timeoutMs = flags.durationMs("timeout") < 0 ? weekMs : flags.durationMs("timeout");
  const deadlineMs = session.clock.now() + timeoutMs;
  const targets = await findTargets(context, goal, deadlineMs);
  if (targets.length === 0 && goal.kind !== "delete") throw new KubectlError("no matching resources found");
  const errors: unknown[] = [];
  for (const target of targets) {
    try {
      const object = await waitFor(context, target, goal, deadlineMs, timeoutMs === 0);
      const done = goal.kind === "delete" ? "deleted" : "condition met";
      // What was never there is not announced as deleted.
      if (object === "absent") continue;
      if (object === undefined) io.out(`${typeName(target.resource)}/${target.name} ${done}\n`);
      else io.out(printer === undefined ? `${nameOf(object)} ${done}\n` : printer.print(object));
    } catch (error) {
      errors.push(error);
    }
  }
  throwCollected(errors);
}

function parseGoal(text: string): Goal {
  const lower = text.toLowerCase();
  if (lower === "delete") return { kind: "delete", holds: () => false };
  if (lower === "create") return { kind: "create", holds: () => true };
  if (text.startsWith("condition=")) {
    const [name = "", value = "true"] = text.slice("condition=".length).split("=");
    return { kind: "state", holds: (object) => hasCondition(object, name, value) };
  }
  if (text.startsWith("jsonpath=")) return jsonPathGoal(text.slice("jsonpath=".length));
  throw new KubectlError(`unrecognized condition: ${JSON.stringify(text)}`);
}

function hasCondition(object: UnstructuredObject, name: string, value: string): boolean {
  const status = isObject(object["status"]) ? object["status"] : {};
  const conditions = Array.isArray(status["conditions"])
    ? (status["conditions"] as Record<string, unknown>[])
    : [];
  const found = conditions.find(({ type }) => String(type).toLowerCase() === name.toLowerCase());
  if (found === undefined) return false;
  const { generation } = object.metadata;
  // What was said of an earlier generation says nothing of this one.
  const observed = found["observedGeneration"] ?? status["observedGeneration"];
  if (typeof observed === "number" && generation !== undefined && observed < generation) return false;
  return String(found["status"]).toLowerCase() === value.toLowerCase();
}

function jsonPathGoal(text: string): Goal {
  const equals = text.lastIndexOf("}") < 0 ? text.indexOf("=") : text.indexOf("=", text.lastIndexOf("}"));
  const expression = (equals < 0 ? text : text.slice(0, equals)).replaceAll(/^['"]|['"]$/g, "");
  const wanted = equals < 0 ? undefined : text.slice(equals + 1).replaceAll(/^['"]|['"]$/g, "");
  if (expression === "") throw new KubectlError("jsonpath expression cannot be empty");
  if (wanted === "") throw new KubectlError("jsonpath wait value should not be empty");
  const path = new JsonPath(relaxedPath(expression), { allowMissing: true });
  return {
    kind: "state",
    holds: (object) => {
      const values = path.find(object).flat();
      if (values.length === 0) return false;
      if (wanted === undefined) return true;
      if (values.length > 1) throw new KubectlError("given jsonpath expression matches more than one value");
      const [value] = values;
      if (typeof value === "object")
        throw new KubectlError("jsonpath leads to a nested object or list which is not supported");
      return goValue(value).trim() === wanted.trim();
    },
  };
}

/** Named things need not exist yet when their creation or deletion is waited for. */
async function findTargets(context: CommandContext, goal: Goal, deadlineMs: number): Promise<Target[]> {
  const { flags, args, session } = context;
  if (hasFiles(flags)) return await readTargets(session, flags);
  const everywhere = flags.bool("all-namespaces");
  const selected =
    flags.bool("all") || flags.string("selector") !== "" || flags.string("field-selector") !== "";
  const query = await parseTargets(session, args, { selected, allNamespaces: everywhere });
  if (query.kind === "names") return [...query.targets];
  const optional = (name: string): string | undefined =>
    flags.string(name) === "" ? undefined : flags.string(name);
  const selectors = { labelSelector: optional("selector"), fieldSelector: optional("field-selector") };
  for (;;) {
    const found: Target[] = [];
    for (const resource of query.resources) {
      const namespace = everywhere || !resource.namespaced ? undefined : session.namespace;
      const list = await session.api.list({ resource, namespace }, { query: selectors });
      for (const { metadata } of list["items"] as UnstructuredObject[]) {
        found.push({ resource, namespace: metadata.namespace, name: metadata.name ?? "" });
      }
    }
    if (found.length > 0 || goal.kind !== "create" || session.clock.now() >= deadlineMs) return found;
    await session.clock.sleep(500);
  }
}

async function waitFor(
  { session }: CommandContext,
  target: Target,
  goal: Goal,
  deadlineMs: number,
  looksOnce: boolean,
): Promise<UnstructuredObject | "absent" | undefined> {
  const what = `${target.resource.resource}/${target.name}`;
  const controller = new AbortController();
  const timer = session.clock.after(Math.max(0, deadlineMs - session.clock.now()), () => controller.abort());
  let seen = false;
  try {
    for (;;) {
      const current = await present(() => session.api.get(target), goal);
      if (current === undefined) {
        if (goal.kind === "delete") return seen ? undefined : "absent";
      } else if (goal.holds(current)) return current;
      if (looksOnce) throw new KubectlError(`condition not met for ${what}`);
      if (controller.signal.aborted)
        throw new KubectlError(
          goal.kind === "create"
            ? "timed out waiting for the condition"
            : `timed out waiting for the condition on ${what}`,
        );
      if (current === undefined) {
        await session.clock.sleep(200);
        continue;
      }
      seen = true;
      const query = {
        fieldSelector: `metadata.name=${target.name}`,
        resourceVersion: current.metadata.resourceVersion,
      };
      const place = { resource: target.resource, namespace: target.namespace };
      for await (const { type, object } of session.api.watch(place, { query, signal: controller.signal })) {
        if (type === "DELETED" && goal.kind === "delete") return undefined;
        if (type !== "DELETED" && type !== "BOOKMARK" && goal.holds(object)) return object;
      }
    }
  } finally {
    timer.stop();
    controller.abort();
  }
}

async function present(
  get: () => Promise<UnstructuredObject>,
  goal: Goal,
): Promise<UnstructuredObject | undefined> {
  try {
    return await get();
  } catch (error) {
    if (isNotFound(error) && goal.kind !== "state") return undefined;
    throw error;
  }
}
