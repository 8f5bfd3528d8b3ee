import { dns1123SubdomainErrors } from "../../apimachinery/names.ts";
import { admissionPluginNames } from "../../apiserver/admission/chain.ts";
import { everyName } from "./every-name.ts";
import { checkNames, checkText, meant } from "./known-names.ts";
import { failureKinds } from "./node-failures.ts";
import type { CreateClusterOptions, NodeOptions, TestUser } from "./options.ts";

const optionNames = everyName<CreateClusterOptions>()(
  "clock",
  "startTime",
  "seed",
  "nodes",
  "controllers",
  "scripts",
  "scheduler",
  "authorization",
  "admission",
  "store",
  "record",
  "serviceCidr",
  "from",
  "identities",
);

const nodeOptionNames = everyName<NodeOptions>()(
  "name",
  "labels",
  "annotations",
  "zone",
  "region",
  "capacity",
  "reserved",
  "taints",
  "events",
  "failures",
);

/**
 * Throws TypeError for options that nobody reads and values that mean nothing, with what was probably meant: tests are
 * written in JavaScript too, where nothing else tells. Names of controllers are checked where they are known.
 */
export function checkOptions(options: CreateClusterOptions): void {
  checkObject("the options", options);
  checkNames("createCluster", options, optionNames);
  const { clock, seed, nodes, scheduler, record, authorization, admission, controllers } = options;
  checkOneOf("clock", clock, ["real", "virtual"]);
  checkOneOf("authorization", authorization, ["RBAC", "AlwaysAllow"]);
  if (typeof controllers === "string") checkOneOf("controllers", controllers, ["all", "none"]);
  else if (controllers !== undefined && !Array.isArray(controllers)) {
    checkObject("controllers", controllers);
    checkNames("controllers", controllers, ["except"]);
  }
  if (seed !== undefined && !Number.isInteger(seed))
    throw new TypeError(`seed: ${shown(seed)} is no whole number`);
  for (const [name, value] of Object.entries({ scheduler, record })) {
    if (value !== undefined && typeof value !== "boolean")
      throw new TypeError(`${name}: ${shown(value)} is neither true nor false`);
  }
  if (Array.isArray(nodes)) checkNodes(nodes);
  else if (nodes !== undefined && !(Number.isInteger(nodes) && Number(nodes) >= 0))
    throw new TypeError(`nodes: ${shown(nodes)} is no number of nodes`);
  if (admission !== undefined) checkAdmission(admission);
  checkSources(options);
}

/** What the cluster is made from, and what is said of its pods. */
function checkSources({ scripts = [], store, from }: CreateClusterOptions): void {
  if (!Array.isArray(scripts)) throw new TypeError(`scripts: ${shown(scripts)} is no list`);
  for (const each of scripts) checkNames("one of the scripts", each, ["pods", "script"]);
  if (store !== undefined && typeof store.txn !== "function")
    throw new TypeError("store: that is no Storage");
  if (from !== undefined && typeof from !== "string" && !(from instanceof Uint8Array))
    throw new TypeError(`from: ${shown(from)} is neither what cluster.save() gave nor the path of its file`);
}

/** Throws TypeError for what nobody is. */
export function checkUser(user: TestUser): void {
  checkNames("a user", user, ["name", "groups"]);
  checkText("a user's name", user.name);
  if (user.groups !== undefined && !Array.isArray(user.groups))
    throw new TypeError(`a user's groups: ${shown(user.groups)} is no list`);
}

function checkAdmission(admission: NonNullable<CreateClusterOptions["admission"]>): void {
  checkObject("admission", admission);
  checkNames("admission", admission, ["enable", "disable"]);
  for (const name of [...(admission.enable ?? []), ...(admission.disable ?? [])]) {
    if (admissionPluginNames.includes(name)) continue;
    throw new TypeError(
      `admission: no plugin is named ${shown(name)}; there are ${admissionPluginNames.join(", ")}.${meant(name, admissionPluginNames)}`,
    );
  }
}

function checkNodes(nodes: readonly NodeOptions[]): void {
  const seen = new Set<string>();
  for (const options of nodes) {
    checkNode(options);
    if (seen.has(options.name)) throw new TypeError(`nodes: two are named ${shown(options.name)}`);
    seen.add(options.name);
  }
}

/** Throws TypeError for what no node can be. */
export function checkNode(options: NodeOptions): void {
  checkObject("a node", options);
  checkNames("a node", options, nodeOptionNames);
  const { name, failures = [] } = options;
  for (const { kind } of failures) checkOneOf("the kind of a failure", kind ?? "", failureKinds);
  const [wrong] = typeof name === "string" ? dns1123SubdomainErrors(name) : ["it has to be a text"];
  if (wrong !== undefined) throw new TypeError(`nodes: ${shown(name)} is no name of a node: ${wrong}`);
}

function checkOneOf(option: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || known.some((each) => each === value)) return;
  const all = known.map((each) => JSON.stringify(each)).join(" or ");
  throw new TypeError(
    `${option}: ${shown(value)} is not ${all}.${typeof value === "string" ? meant(value, known) : ""}`,
  );
}

/** In JavaScript anything may be given. */
function checkObject(what: string, value: unknown): void {
  if (typeof value === "object" && value !== null) return;
  throw new TypeError(`${what}: ${shown(value)} is no object`);
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);
