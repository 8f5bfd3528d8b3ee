import type { KubernetesObject } from "../apimachinery/object.ts";

/** What a reason is about: enough to name it in a sentence and in a command. */
export interface Subject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
}

/** `fine`: nothing to do. `waiting`: it is under way and needs nobody. `stuck`: somebody has to act. */
export type State = "fine" | "waiting" | "stuck";

/** What somebody can do next. */
export interface Step {
  /** An order: `make the ConfigMap "settings"`. */
  readonly says: string;
  /** What to type for it; capitals stand for what only the user knows. */
  readonly command?: string;
}

/**
 * One link of the chain from a thing to the reason that it is not ready: a statement about a subject, and what that
 * comes from. `says` goes on after the subject's name: "is not ready: 0 of 3 pods are".
 */
export interface Reason {
  readonly about: Subject;
  readonly state: State;
  readonly says: string;
  /** Where it comes from; the first is the one to look at first. */
  readonly because: readonly Reason[];
  readonly next?: Step;
}

interface More {
  readonly because?: readonly Reason[];
  readonly next?: Step | undefined;
}

export function subjectOf({ apiVersion, kind, metadata }: KubernetesObject): Subject {
  return { apiVersion, kind, name: metadata.name ?? "", namespace: metadata.namespace ?? "" };
}

/** Of an object that may not exist. */
export const subject = (apiVersion: string, kind: string, name: string, namespace = ""): Subject => ({
  apiVersion,
  kind,
  name,
  namespace,
});

export const fine = (about: KubernetesObject, says: string): Reason => ({
  about: subjectOf(about),
  state: "fine",
  says,
  because: [],
});

export const waiting = (about: KubernetesObject, says: string, more: More = {}): Reason =>
  reason(subjectOf(about), "waiting", says, more);

export const stuck = (about: KubernetesObject, says: string, more: More = {}): Reason =>
  reason(subjectOf(about), "stuck", says, more);

/** A statement about something that need not exist, such as a ConfigMap that is missing. */
export function reason(
  about: Subject,
  state: State,
  says: string,
  { because = [], next }: More = {},
): Reason {
  return { about, state, says, because, ...(next === undefined ? {} : { next }) };
}

/** Stuck as soon as one of its causes is, or when it has none. */
export function byCauses(
  about: KubernetesObject,
  says: string,
  because: readonly Reason[],
  next?: Step,
): Reason {
  const isWaiting = because.length > 0 && because.every(({ state }) => state !== "stuck");
  return (isWaiting ? waiting : stuck)(about, says, { because, next });
}

/** `kubectl -n shop …` for something that lives in a namespace, `kubectl …` for what does not. */
export const kubectl = ({ namespace }: Pick<Subject, "namespace">, rest: string): string =>
  namespace === "" ? `kubectl ${rest}` : `kubectl -n ${namespace} ${rest}`;

/** `1 pod`, `3 pods`. */
export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`;

/** `is` or `are`. */
export const are = (number: number): string => (number === 1 ? "is" : "are");

/** The first few of a list, and how many more there are: `a, b, c and 4 more`. */
export function some(names: readonly string[], limit = 3): string {
  const rest = names.length - limit;
  return rest > 0 ? `${names.slice(0, limit).join(", ")} and ${rest} more` : names.join(", ");
}
