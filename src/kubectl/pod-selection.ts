import type { Pod } from "../api/types/core-v1.ts";
import { isObject } from "../apimachinery/json.ts";
import { selectorFromLabelSelector } from "../apimachinery/labels.ts";
import type { UnstructuredObject } from "../apimachinery/object.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { CommandContext } from "./command.ts";
import { KubectlError } from "./errors.ts";
import { parseTargets, type Target, targetNamed } from "./resource-builder.ts";
import type { MappedResource } from "./rest-mapper.ts";
import type { Session } from "./session.ts";

/** `web` or `deployment/web`: a pod by name, or whatever leads to pods. */
export async function podOrOwner(session: Session, arg: string): Promise<Target> {
  if (!arg.includes("/")) {
    const pods = await session.mapper.forName("pods");
    if (pods === undefined) throw new KubectlError(`the server doesn't have a resource type "pods"`);
    return targetNamed(session, pods, arg);
  }
  const query = await parseTargets(session, [arg]);
  const [target] = query.kind === "names" ? query.targets : [];
  if (target === undefined) throw new KubectlError("expected a resource");
  return target;
}

const kindsWithSelector = new Set([
  "ReplicationController",
  "ReplicaSet",
  "Deployment",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "Service",
]);

/** Which pods belong to an object, as a label selector; undefined for kinds that have none. */
export function podSelectorOf(object: UnstructuredObject): string | undefined {
  if (!kindsWithSelector.has(object.kind)) return undefined;
  const spec = isObject(object["spec"]) ? object["spec"] : {};
  const selector = spec["selector"];
  if (!isObject(selector)) return undefined;
  if (object.kind === "Service" || object.kind === "ReplicationController") {
    return Object.entries(selector)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(",");
  }
  return selectorFromLabelSelector(selector).toString();
}

/** The pods of an object, the most useful to look at first. */
export async function podsOf(session: Session, target: Target, object: UnstructuredObject): Promise<Pod[]> {
  const labelSelector = podSelectorOf(object);
  if (labelSelector === undefined || labelSelector === "") return [];
  const resource = await podResource(session);
  const list = await session.api.list(
    { resource, namespace: target.namespace },
    { query: { labelSelector } },
  );
  return (list["items"] as unknown[] as Pod[]).toSorted(byUse);
}

export async function podResource(session: Session): Promise<MappedResource> {
  const resource = await session.mapper.forName("pods");
  if (resource === undefined) throw new KubectlError(`the server doesn't have a resource type "pods"`);
  return resource;
}

/**
 * The one pod to exec into, attach or forward to: waits for one to run, up to `--pod-running-timeout`. `refusal` words that
 * a kind leads to no pods.
 */
export async function attachablePod(
  { session, flags }: CommandContext,
  target: Target,
  refusal: (kind: string) => string = (kind) =>
    `cannot attach to *v1.${kind}: selector for *v1.${kind} not implemented`,
): Promise<Pod> {
  const object = await session.api.get(target);
  if (object.kind === "Pod") return object as unknown as Pod;
  if (podSelectorOf(object) === undefined) throw new KubectlError(refusal(object.kind));
  const timeoutMs = flags.has("pod-running-timeout") ? flags.durationMs("pod-running-timeout") : 60_000;
  const deadlineMs = session.clock.now() + timeoutMs;
  for (;;) {
    const [pod] = await podsOf(session, target, object);
    if (pod !== undefined) return pod;
    if (session.clock.now() > deadlineMs) throw new KubectlError("timed out waiting for the condition");
    await session.clock.sleep(200);
  }
}

/** Assigned before waiting, running before pending, ready before not, longer ready first, older first. */
export function byUse(a: Pod, b: Pod): number {
  return (
    Number(isUnassigned(a)) - Number(isUnassigned(b)) ||
    phaseOrder(a) - phaseOrder(b) ||
    Number(!isReady(a)) - Number(!isReady(b)) ||
    compareTimes(readySince(a), readySince(b)) ||
    compareTimes(a.metadata.creationTimestamp, b.metadata.creationTimestamp)
  );
}

const isUnassigned = (pod: Pod): boolean => (pod.spec?.nodeName ?? "") === "";
const phaseOrder = (pod: Pod): number =>
  ({ Running: 0, Unknown: 1, Pending: 2 })[pod.status?.phase ?? ""] ?? 0;
const readyCondition = (pod: Pod) => pod.status?.conditions?.find(({ type }) => type === "Ready");
export const isReady = (pod: Pod): boolean => readyCondition(pod)?.status === "True";
const readySince = (pod: Pod): string | undefined =>
  isReady(pod) ? (readyCondition(pod)?.lastTransitionTime ?? undefined) : undefined;

function compareTimes(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a < b ? -1 : 1;
}

interface NamedContainer {
  readonly name: string;
  readonly tty: boolean;
  readonly kind: "init" | "regular" | "ephemeral";
}

/** Regular containers first, then init containers, then those added for debugging. */
export function containersOf(pod: Pod): NamedContainer[] {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec;
  const named =
    (kind: NamedContainer["kind"]) => (container: { name: string; tty?: boolean | undefined }) => ({
      name: container.name,
      tty: container.tty === true,
      kind,
    });
  return [
    ...containers.map(named("regular")),
    ...initContainers.map(named("init")),
    ...ephemeralContainers.map(named("ephemeral")),
  ];
}

const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container";

/** The container that was asked for; else the one of the annotation; else the first, which is said when there are more. */
export function chooseContainer(
  context: CommandContext,
  pod: Pod,
  asked: string,
  { quiet = false }: { quiet?: boolean } = {},
): NamedContainer {
  const containers = containersOf(pod);
  const name = pod.metadata.name ?? "";
  if (asked !== "") {
    const found = containers.find((container) => container.name === asked);
    if (found === undefined) throw new KubectlError(`container ${asked} not found in pod ${name}`);
    return found;
  }
  const annotated = pod.metadata.annotations?.[defaultContainerAnnotation];
  if (annotated !== undefined && annotated !== "") {
    const found = containers.find((container) => container.name === annotated);
    if (found !== undefined) return found;
    if (!quiet) {
      context.io.err(`Default container name "${annotated}" not found in pod ${name}\n`);
    }
  }
  const [first] = containers;
  if (first === undefined) throw new KubectlError(`pod ${name} does not have any containers`);
  if (containers.length > 1 && !quiet) {
    context.io.err(`Defaulted container "${first.name}" out of: ${containerNames(containers)}\n`);
  }
  return first;
}

/** `web, setup (init), debug (ephem)`. */
export function containerNames(containers: readonly NamedContainer[]): string {
  const endings = { regular: "", init: " (init)", ephemeral: " (ephem)" };
  return containers.map(({ name, kind }) => `${name}${endings[kind]}`).join(", ");
}

/** The object, or undefined when there is none. */
export async function getIfPresent(
  session: Session,
  target: Target,
): Promise<UnstructuredObject | undefined> {
  try {
    return await session.api.get(target);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
