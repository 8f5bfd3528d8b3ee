import { formatMicroTime } from "../apimachinery/clock.ts";
import type { TemplateFunction } from "../apimachinery/go-template/functions.ts";
import { goValue } from "../apimachinery/go-value.ts";
import { isObject } from "../apimachinery/json.ts";
import { printYaml } from "../apimachinery/yaml.ts";

/** What templates ask of the cluster. */
export interface TemplateWorld {
  readonly nowMs: () => number;
  readonly startedMs: number;
  readonly nodeIp: (node: string) => string;
  readonly podIp: (pod: {
    readonly node: string;
    readonly hostNetwork: boolean;
    readonly uid: string;
    readonly key: string;
  }) => string;
}

const text = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined || value === null ? "" : goValue(value);
const number = (value: unknown): number => {
  const read = typeof value === "string" ? Number.parseInt(value, 10) : Number(value ?? 0);
  return Number.isNaN(read) ? 0 : Math.trunc(read);
};
const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isObject(value) ? Object.keys(value).length === 0 : !value;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const quoted = (value: unknown): string =>
  JSON.stringify(typeof value === "string" ? value : (JSON.stringify(value ?? null) ?? ""));

/** The conditions of a node that is well. */
const nodeConditions = [
  ["Ready", "True", "KubeletReady", "kubelet is posting ready status"],
  ["MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  ["NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"],
].map(([type, status, reason, message]) => ({ type, status, reason, message }));

function dict(...parts: readonly unknown[]): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  for (let at = 0; at < parts.length; at += 2) entries.push([text(parts[at]), parts[at + 1] ?? ""]);
  return Object.fromEntries(entries);
}

function yaml(value: unknown, indent: unknown = 0): string {
  const printed = printYaml(value);
  const depth = number(indent);
  return depth > 0 ? `\n${printed}`.replaceAll("\n", `\n${"  ".repeat(depth)}`) : printed;
}

/** Of sprig, what stages use. */
const sprig: Readonly<Record<string, TemplateFunction>> = {
  dict,
  list: (...values) => values,
  default: (otherwise, value) => (isEmpty(value) ? otherwise : value),
  coalesce: (...values) => values.find((value) => !isEmpty(value)),
  ternary: (yes, no, condition) => (condition === true ? yes : no),
  empty: isEmpty,
  add: (...values) => values.reduce<number>((sum, value) => sum + number(value), 0),
  add1: (value) => number(value) + 1,
  sub: (a, b) => number(a) - number(b),
  mul: (...values) => values.reduce<number>((product, value) => product * number(value), 1),
  div: (a, b) => Math.trunc(number(a) / number(b)),
  mod: (a, b) => number(a) % number(b),
  max: (...values) => Math.max(...values.map(number)),
  min: (...values) => Math.min(...values.map(number)),
  int: number,
  int64: number,
  toString: text,
  quote: (...values) => values.map((value) => JSON.stringify(text(value))).join(" "),
  squote: (...values) => values.map((value) => `'${text(value)}'`).join(" "),
  upper: (value) => text(value).toUpperCase(),
  lower: (value) => text(value).toLowerCase(),
  trim: (value) => text(value).trim(),
  trimPrefix: (prefix, value) =>
    text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value),
  trimSuffix: (suffix, value) =>
    text(value).endsWith(text(suffix))
      ? text(value).slice(0, text(value).length - text(suffix).length)
      : text(value),
  trunc: (length, value) => text(value).slice(0, number(length)),
  replace: (from, to, value) => text(value).replaceAll(text(from), text(to)),
  contains: (part, value) => text(value).includes(text(part)),
  hasPrefix: (prefix, value) => text(value).startsWith(text(prefix)),
  hasSuffix: (suffix, value) => text(value).endsWith(text(suffix)),
  splitList: (by, value) => text(value).split(text(by)),
  join: (by, values) => list(values).map(text).join(text(by)),
  has: (value, values) => list(values).includes(value),
  first: (values) => list(values)[0],
  last: (values) => list(values).at(-1),
  append: (values, value) => [...list(values), value],
  until: (count) => Array.from({ length: number(count) }, (_, at) => at),
  hasKey: (object, key) => isObject(object) && Object.hasOwn(object, text(key)),
  get: (object, key) => (isObject(object) ? (object[text(key)] ?? "") : ""),
  keys: (object) => (isObject(object) ? Object.keys(object) : []),
  indent: (depth, value) =>
    " ".repeat(number(depth)) + text(value).replaceAll("\n", `\n${" ".repeat(number(depth))}`),
  nindent: (depth, value) =>
    `\n${" ".repeat(number(depth))}${text(value).replaceAll("\n", `\n${" ".repeat(number(depth))}`)}`,
  toJson: (value) => JSON.stringify(value ?? null),
  fromJson: (value) => JSON.parse(text(value)) as unknown,
  b64enc: (value) => Buffer.from(text(value)).toString("base64"),
  b64dec: (value) => Buffer.from(text(value), "base64").toString(),
};

/** The functions of Stages' templates: kwok's own, and of sprig those in use. `node` is the object's own, for Nodes. */
export function templateFunctions(
  world: TemplateWorld,
  node: () => string,
): Readonly<Record<string, TemplateFunction>> {
  const time = (ms: number): string => formatMicroTime(ms);
  return {
    ...sprig,
    Quote: quoted,
    Now: () => time(world.nowMs()),
    StartTime: () => time(world.startedMs),
    YAML: yaml,
    Version: () => "sampan",
    NodeConditions: () => nodeConditions,
    NodeName: () => node(),
    NodeIP: () => world.nodeIp(node()),
    NodePort: () => 0,
    NodeIPWith: (name) => world.nodeIp(text(name)),
    PodIP: () => world.podIp({ node: "", hostNetwork: false, uid: "", key: "" }),
    PodIPWith: (name, hostNetwork, uid, podName, namespace) =>
      world.podIp({
        node: text(name),
        hostNetwork: hostNetwork === true,
        uid: text(uid),
        key: `${text(namespace)}/${text(podName)}`,
      }),
  };
}
