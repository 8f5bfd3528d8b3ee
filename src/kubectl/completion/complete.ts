import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { KubectlCommand } from "../command.ts";
import { commands } from "../commands/index.ts";
import type { FlagSpecs } from "../flags.ts";
import { resourceOf } from "../resource-builder.ts";
import { globalFlags, type Session } from "../session.ts";

/** Commands whose first argument is a pod, or what leads to pods. */
const takePods = new Set(["attach", "cp", "debug", "exec", "logs", "port-forward"]);
const takeNodes = new Set(["cordon", "drain", "uncordon"]);
/** Commands whose arguments are a type and names. */
const takeTypes = new Set([
  "annotate",
  "autoscale",
  "delete",
  "describe",
  "edit",
  "explain",
  "expose",
  "get",
  "label",
  "patch",
  "scale",
  "taint",
  "wait",
]);
const takeWorkloads = new Set(["history", "pause", "restart", "resume", "status", "undo", "image", "env"]);
const outputs = ["json", "yaml", "name", "wide", "jsonpath=", "go-template=", "custom-columns="];

/** What the last word may become: commands, flags, types, names, namespaces. Never fails: what cannot be asked is empty. */
export async function complete(session: Session, words: readonly string[]): Promise<string[]> {
  const unfinished = words.at(-1) ?? "";
  try {
    const found = await candidates(session, words.slice(0, -1), unfinished);
    return [...new Set(found)].filter((word) => word.startsWith(unfinished)).sort();
  } catch {
    return [];
  }
}

async function candidates(
  session: Session,
  before: readonly string[],
  unfinished: string,
): Promise<string[]> {
  const { command, path, args, flagBefore } = await follow(before);
  const specs: FlagSpecs = { ...globalFlags, ...command?.flags };
  if (flagBefore !== undefined) return await flagValues(session, flagBefore);
  if (unfinished.startsWith("-")) {
    const [name = "", value] = unfinished.split("=");
    if (value !== undefined) return (await flagValues(session, name)).map((word) => `${name}=${word}`);
    return Object.entries(specs).map(([flag, { type }]) => (type === "bool" ? `--${flag}` : `--${flag}=`));
  }
  if (command === undefined) return Object.keys(commands);
  const inside = Object.keys(command.subcommands ?? {});
  if (inside.length > 0 && args.length === 0) return inside;
  return await operands(session, path, args, unfinished);
}

/** The command that the words lead to, its arguments, and a flag that still waits for its value. */
async function follow(before: readonly string[]): Promise<{
  command: KubectlCommand | undefined;
  path: readonly string[];
  args: readonly string[];
  flagBefore: string | undefined;
}> {
  let command: KubectlCommand | undefined;
  const path: string[] = [];
  const args: string[] = [];
  let flagBefore: string | undefined;
  for (const word of before) {
    if (flagBefore !== undefined) {
      flagBefore = undefined;
      continue;
    }
    if (word.startsWith("-")) {
      flagBefore = takesValue(word, { ...globalFlags, ...command?.flags }) ? word : undefined;
      continue;
    }
    const load: (() => Promise<KubectlCommand>) | undefined =
      command === undefined ? commands[word]?.load.bind(commands[word]) : command.subcommands?.[word];
    if (load === undefined || args.length > 0) args.push(word);
    else {
      command = await load();
      path.push(word);
    }
  }
  return { command, path, args, flagBefore };
}

function takesValue(word: string, specs: FlagSpecs): boolean {
  if (word.includes("=") || word === "-" || word === "--") return false;
  const spec = word.startsWith("--")
    ? specs[word.slice(2)]
    : Object.values(specs).find(({ short }) => short === word.at(-1));
  return spec !== undefined && spec.type !== "bool" && spec.optional === undefined;
}

async function flagValues(session: Session, flag: string): Promise<string[]> {
  switch (flag) {
    case "-n":
    case "--namespace":
      return await namesOf(session, "namespaces");
    case "--context":
      return [...session.config.contexts.keys()];
    case "--cluster":
      return [...session.config.clusters.keys()];
    case "--user":
      return [...session.config.users.keys()];
    case "-o":
    case "--output":
      return outputs;
    default:
      return [];
  }
}

async function operands(
  session: Session,
  path: readonly string[],
  args: readonly string[],
  unfinished: string,
): Promise<string[]> {
  const [name = "", sub = ""] = path;
  const leaf = path.at(-1) ?? "";
  const slash = unfinished.indexOf("/");
  if (slash > 0) {
    const type = unfinished.slice(0, slash);
    return (await namesOf(session, type)).map((found) => `${type}/${found}`);
  }
  if (name === "config") return /context$|^use$/.test(sub) ? [...session.config.contexts.keys()] : [];
  if (takeNodes.has(name)) return await namesOf(session, "nodes");
  if (takePods.has(name)) {
    if (args.length > 0) return [];
    return [...(await namesOf(session, "pods")), "deployment/", "service/", "statefulset/"];
  }
  if (name === "top") return args.length === 0 ? await namesOf(session, `${sub.replace(/s$/, "")}s`) : [];
  if (!takeTypes.has(name) && !takeWorkloads.has(leaf)) return [];
  const [type] = args;
  if (type === undefined) return (await session.mapper.all()).map(({ resource }) => resource);
  return type.includes("/") ? [] : await namesOf(session, type);
}

async function namesOf(session: Session, type: string): Promise<string[]> {
  const resource = await resourceOf(session, type);
  const namespace = resource.namespaced ? session.namespace : undefined;
  const list = await session.api.list({ resource, namespace });
  const items = Array.isArray(list["items"]) ? (list["items"] as unknown[]) : [];
  return items.filter(isObject).map((item) => (item as unknown as UnstructuredObject).metadata.name ?? "");
}
