import { deepCopy, deepEqual, isObject, setOwn } from "../json.ts";
import { newBadRequest, newStatusError, type StatusError } from "../status.ts";

/**
 * JSON Patch (RFC 6902) with the answers of the API server: 400 for what is no patch, 413 for one that is too long,
 * 422 for one that does not apply. The reasons are those of gopkg.in/evanphx/json-patch.v4 and stand in the error's
 * cause; the server shows its clients a general message only.
 *
 * As there, replacing a member that does not exist adds it, copying one that does not exist makes null, an operation
 * without a value has null, negative indexes count from the end, and the whole document can be replaced, but not added.
 */
type Container = Record<string, unknown> | unknown[];

const maxOperations = 10_000;
const maxCopiedValues = 1_000_000;

/** Applies the patch and returns a new document; neither input is changed. Throws StatusError 400, 413 or 422. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = readOperations(patch);
  const target: Target = { root: deepCopy(document), copyBudget: maxCopiedValues };
  try {
    for (const operation of operations) applyOperation(target, operation);
  } catch (error) {
    if (error instanceof PatchError) throw unprocessable(error);
    throw error;
  }
  return target.root;
}

interface Target {
  root: unknown;
  /** How many values `copy` may still make: few operations can double a document many times. */
  copyBudget: number;
}

class PatchError extends Error {}

function unprocessable(cause: PatchError): StatusError {
  const message = "the server rejected our request due to an error in our request";
  return newStatusError(422, "Invalid", message, { details: {}, cause });
}

function readOperations(patch: unknown): Record<string, unknown>[] {
  if (!Array.isArray(patch)) {
    const kind = typeof patch === "boolean" ? "bool" : typeof patch;
    throw newBadRequest(`json: cannot unmarshal ${kind} into Go value of type jsonpatch.Patch`);
  }
  if (patch.length > maxOperations) {
    throw newStatusError(
      413,
      "RequestEntityTooLarge",
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    );
  }
  return (patch as unknown[]).map(readOperation);
}

/** null is an operation that says nothing. */
function readOperation(operation: unknown): Record<string, unknown> {
  if (operation === null) return {};
  const fault = (what: string): Error =>
    newBadRequest(`error decoding patch: json: cannot unmarshal ${what}`);
  if (!isObject(operation)) throw fault(`${describe(operation)} into Go value of type handlers.jsonPatchOp`);
  for (const name of Object.keys(operation)) {
    const value = operation[name];
    if (value === null || typeof value === "string" || !textFields.has(name)) continue;
    throw fault(`${describe(value)} into Go struct field jsonPatchOp.${name} of type string`);
  }
  return operation;
}

const textFields = new Set(["op", "path", "from"]);

function describe(value: unknown): string {
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}

function applyOperation(target: Target, operation: Record<string, unknown>): void {
  const kind = operation["op"];
  switch (kind) {
    case "add":
      return add(target, pathOf(operation, kind), valueOf(operation));
    case "remove":
      remove(target, pathOf(operation, kind));
      return;
    case "replace":
      return replace(target, pathOf(operation, kind), valueOf(operation));
    case "move":
      return move(target, fromOf(operation, kind), pathOf(operation, kind));
    case "copy":
      return copy(target, fromOf(operation, kind), pathOf(operation, kind));
    case "test":
      return test(target, pathOf(operation, kind), valueOf(operation));
    default:
      throw new PatchError(`Unexpected kind: ${typeof kind === "string" ? kind : "unknown"}`);
  }
}

function pathOf(operation: Record<string, unknown>, kind: string): string {
  const path = operation["path"];
  if (typeof path === "string") return path;
  const why = tersely.has(kind) ? "missing value" : "operation missing path field: missing value";
  throw new PatchError(`${kind} operation failed to decode path: ${why}`);
}

/** Operations that do not say what is missing. */
const tersely = new Set(["add", "remove", "copy"]);

function fromOf(operation: Record<string, unknown>, kind: string): string {
  const from = operation["from"];
  if (typeof from === "string") return from;
  throw new PatchError(
    `${kind} operation failed to decode from: operation, missing from field: missing value`,
  );
}

/** What is not given is null. */
function valueOf(operation: Record<string, unknown>): unknown {
  return Object.hasOwn(operation, "value") ? deepCopy(operation["value"]) : null;
}

interface Place {
  readonly container: Container;
  readonly key: string;
}

/** The container that holds the path's last step; undefined when a step before it leads nowhere. */
function find(root: unknown, path: string): Place | undefined {
  if (!path.includes("/")) return undefined;
  const steps = path.split("/").slice(1).map(unescapeStep);
  const key = steps.pop() ?? "";
  let container = root;
  for (const step of steps) {
    if (!isContainer(container)) return undefined;
    container = Array.isArray(container) ? elementAt(container, step) : ownMember(container, step);
  }
  return isContainer(container) ? { container, key } : undefined;
}

const isContainer = (value: unknown): value is Container => Array.isArray(value) || isObject(value);
const unescapeStep = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");
const ownMember = (container: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(container, key) ? container[key] : undefined;

const indexPattern = /^[+-]?[0-9]+$/;

function elementAt(list: readonly unknown[], step: string): unknown {
  return indexPattern.test(step) ? list.at(Number(step)) : undefined;
}

/** The index that a step names, below `end`; negative ones count from there. */
function indexOf(step: string, end: number, fault = ""): number {
  if (!indexPattern.test(step)) {
    throw new PatchError(`${fault}strconv.Atoi: parsing ${JSON.stringify(step)}: invalid syntax`);
  }
  const index = Number(step);
  if (index >= end || index < -end)
    throw new PatchError(`Unable to access invalid index: ${index}: invalid index referenced`);
  return index < 0 ? index + end : index;
}

const within = <T>(what: string, path: string, run: () => T): T =>
  because(`error in ${what} for path: '${path}'`, run);

function because<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof PatchError) throw new PatchError(`${what}: ${error.message}`);
    throw error;
  }
}

function add(target: Target, path: string, value: unknown): void {
  const place = find(target.root, path);
  if (place === undefined) throw missing("add", "path", JSON.stringify(path));
  within("add", path, () => put(place, value));
}

function put({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) setOwn(container, key, value);
  else if (key === "-") container.push(value);
  else {
    const fault = `value was not a proper array index: '${key}': `;
    container.splice(indexOf(key, container.length + 1, fault), 0, value);
  }
}

const missing = (kind: string, what: string, path: string): PatchError =>
  new PatchError(`${kind} operation does not apply: doc is missing ${what}: ${path}: missing value`);

function remove(target: Target, path: string): void {
  const place = find(target.root, path);
  if (place === undefined) throw missing("remove", "path", JSON.stringify(path));
  within("remove", path, () => take(place));
}

/** Takes the value out and returns it. */
function take({ container, key }: Place): unknown {
  if (Array.isArray(container)) return container.splice(indexOf(key, container.length), 1)[0];
  if (!Object.hasOwn(container, key)) {
    throw new PatchError(`Unable to remove nonexistent key: ${key}: missing value`);
  }
  const value = container[key];
  delete container[key];
  return value;
}

function replace(target: Target, path: string, value: unknown): void {
  if (path === "") {
    if (!isContainer(value)) throw new PatchError("replace operation value must be object or array");
    target.root = value;
    return;
  }
  const place = find(target.root, path);
  if (place === undefined) {
    throw missing("replace", "path", path);
  }
  const { container, key } = place;
  if (!Array.isArray(container)) {
    setOwn(container, key, value);
    return;
  }
  if (!indexPattern.test(key) || Number(key) >= container.length || Number(key) < -container.length) {
    throw missing("replace", "key", path);
  }
  container[indexOf(key, container.length)] = value;
}

function move(target: Target, from: string, path: string): void {
  const source = find(target.root, from);
  if (source === undefined) throw missing("move", "from path", from);
  const value = within("move", source.key, () => take(source));
  const place = find(target.root, path);
  if (place === undefined) throw missing("move", "destination path", path);
  within("move", path, () => put(place, value));
}

/** A member that does not exist is copied as null. */
function copy(target: Target, from: string, path: string): void {
  const source = find(target.root, from);
  if (source === undefined) throw missing("copy", "from path", from);
  const { container, key } = source;
  const value = deepCopy(
    Array.isArray(container)
      ? because(`error in copy for from: '${from}'`, () => container[indexOf(key, container.length)])
      : (ownMember(container, key) ?? null),
  );
  const place = find(target.root, path);
  if (place === undefined) throw missing("copy", "destination path", path);
  target.copyBudget -= countValues(value);
  if (target.copyBudget < 0) throw new PatchError("copy operations make the document too large");
  because("error while adding value during copy", () => put(place, value));
}

function countValues(value: unknown): number {
  if (!isContainer(value)) return 1;
  let count = 1;
  for (const child of Object.values(value)) count += countValues(child);
  return count;
}

/** A missing member equals null, as it does upstream. */
function test(target: Target, path: string, expected: unknown): void {
  let actual: unknown = target.root;
  if (path !== "") {
    const place = find(target.root, path);
    if (place === undefined) {
      throw new PatchError(`test operation does not apply: is missing path: ${path}: missing value`);
    }
    const { container, key } = place;
    actual = Array.isArray(container)
      ? within("test", path, () => container[indexOf(key, container.length)])
      : (ownMember(container, key) ?? null);
  }
  if (!deepEqual(actual, expected)) throw new PatchError(`testing value ${path} failed: test failed`);
}
