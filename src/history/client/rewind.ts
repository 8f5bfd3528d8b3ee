import { isObject } from "../../apimachinery/json.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isNotFound, StatusError } from "../../apimachinery/status.ts";
import type { Client, ResourceReference } from "../../client/client.ts";
import type { ChangedObject } from "../entry.ts";
import { hiddenPrefix, isHidden } from "../redact.ts";
import { authored, essence } from "./diff.ts";
import { changedFields } from "./fields.ts";
import type { Changes } from "./read.ts";

/** Finds the resource of a kind, in exactly this version. */
export interface KindFinder {
  forKind(apiVersion: string, kind: string): Promise<ResourceReference | undefined>;
  /** Asks the cluster anew from here on: a definition came back. */
  reset(): void;
}

/** What becomes of one object. */
export interface Rewound extends ChangedObject {
  /**
   * `updated` and `created`: written back. `deleted`: it did not exist then. `unchanged`: it is as it was. `kept`: left
   * alone, see `why`. `refused`: the cluster did not take it, see `why`.
   */
  readonly outcome: "updated" | "created" | "deleted" | "unchanged" | "kept" | "refused";
  /** What was written, by path. */
  readonly fields: readonly string[];
  /** Why it was not done, and what to do then. */
  readonly why?: string;
}

export interface RewindOptions {
  readonly client: Client;
  readonly finder: KindFinder;
  /** Asks the cluster whether it would take each write, and changes nothing. */
  readonly dryRun?: boolean;
  /** Deletes what did not exist then; otherwise it is kept. */
  readonly deleteNew?: boolean;
  /** Gives the cluster the time to take up a definition that came back. */
  readonly pause: () => Promise<void>;
}

/** Who is named for the fields that come back. */
const fieldManager = "sampan-rewind";

/**
 * Writes the states before the changes back, as new writes through the API: each is admitted like any other, goes by the
 * optimistic lock, and leaves the status alone. What somebody else makes (pods of a ReplicaSet) follows by itself. What
 * needs others comes after them.
 */
export async function rewind({ items }: Pick<Changes, "items">, options: RewindOptions): Promise<Rewound[]> {
  const byObject = Map.groupBy(
    authored(items),
    ({ group, resource, namespace, name }) => `${group}/${resource}/${namespace}/${name}`,
  );
  const firsts = [...byObject.values()].flatMap(([first]) => first ?? []);
  const outcomes: Rewound[] = [];
  const returning = new Set<string>();
  for (const { group, resource, namespace, name, before, after } of firsts.toSorted(
    (a, b) => rankOf(a) - rankOf(b),
  )) {
    const object: ChangedObject = { group, resource, namespace, name };
    const some = before ?? after;
    const outcome =
      some === undefined ? nothing : await outcomeOf(object, before, some, { ...options, returning });
    if (outcome.outcome === "created" && some !== undefined) returning.add(definedBy(some));
    outcomes.push({ ...object, ...outcome });
  }
  return outcomes;
}

interface Rewinding extends RewindOptions {
  /** The kinds whose definitions have come back: `example.dev/Site`. */
  readonly returning: ReadonlySet<string>;
}

/** Which kind it defines; nothing for what is no definition. */
function definedBy({ kind, spec }: UnstructuredObject): string {
  if (kind !== "CustomResourceDefinition" || !isObject(spec) || !isObject(spec["names"])) return "";
  return `${String(spec["group"])}/${String(spec["names"]["kind"])}`;
}

type Outcome = Pick<Rewound, "outcome" | "fields" | "why">;
const nothing: Outcome = { outcome: "unchanged", fields: [] };

/** What others are made in or refer to first. */
const order = [
  "namespaces",
  "customresourcedefinitions",
  "serviceaccounts",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services",
];
const rankOf = ({ resource }: ChangedObject): number =>
  order.includes(resource) ? order.indexOf(resource) : order.length;

async function outcomeOf(
  object: ChangedObject,
  then: UnstructuredObject | undefined,
  { apiVersion, kind }: UnstructuredObject,
  options: Rewinding,
): Promise<Outcome> {
  if (isHidden(then))
    return { outcome: "refused", fields: [], why: "its values are not kept: write it yourself" };
  const isReturning = options.returning.has(`${object.group}/${kind}`);
  const resource = await find({ apiVersion, kind }, isReturning, options);
  if (resource === undefined && then === undefined) return nothing;
  if (resource === undefined && isReturning && options.dryRun === true)
    return { outcome: "created", fields: [], why: "not checked, since its definition is not there yet" };
  if (resource === undefined)
    return {
      outcome: "refused",
      fields: [],
      why: `the cluster does not serve ${kind} in ${apiVersion} any more: apply its definition first, or rewind crd/${object.resource}.${object.group}`,
    };
  const scope = object.namespace === "" ? {} : { namespace: object.namespace };
  const resources = options.client.resource(resource);
  try {
    const now = (await resources.get(object.name, scope).catch(absent)) as UnstructuredObject | undefined;
    if (then === undefined) return await takeAway(now, object, resource, options);
    if (
      hasHiddenValues(then) &&
      changedFields(essence(then, false), now === undefined ? undefined : essence(now, false)).length > 0 &&
      kind === "Secret"
    )
      return { outcome: "refused", fields: [], why: "values of Secrets are not kept: write it yourself" };
    const write = { ...scope, fieldManager, ...(options.dryRun === true && { dryRun: true }) };
    if (now === undefined) {
      await resources.create(asNew(then), write);
      return { outcome: "created", fields: [] };
    }
    const wanted = asUpdate(then, now);
    const fields = changedFields(essence(now, false), essence(wanted, false));
    if (fields.length === 0) return nothing;
    await resources.update(wanted, write);
    return { outcome: "updated", fields };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { outcome: "refused", fields: [], why: refusalText(error, object, resource) };
  }
}

/** The resource of the kind; one whose definition has come back is served a moment later. */
async function find(
  { apiVersion, kind }: Pick<UnstructuredObject, "apiVersion" | "kind">,
  isReturning: boolean,
  { finder, pause, dryRun }: RewindOptions,
): Promise<ResourceReference | undefined> {
  for (let attempt = 0; ; attempt++) {
    const found = await finder.forKind(apiVersion, kind);
    if (found !== undefined || !isReturning || dryRun === true || attempt === attemptsMax) return found;
    await pause();
    finder.reset();
  }
}

const attemptsMax = 100;

async function takeAway(
  now: UnstructuredObject | undefined,
  { name, namespace }: ChangedObject,
  resource: ResourceReference,
  { client, deleteNew, dryRun }: RewindOptions,
): Promise<Outcome> {
  if (now === undefined) return nothing;
  if (deleteNew !== true)
    return { outcome: "kept", fields: [], why: "it did not exist then; --delete-new deletes it" };
  const { uid } = now.metadata;
  if (dryRun !== true) {
    await client.resource(resource).delete(name, {
      ...(namespace !== "" && { namespace }),
      propagationPolicy: "Background",
      ...(uid !== undefined && { preconditions: { uid } }),
    });
  }
  return { outcome: "deleted", fields: [] };
}

function absent(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** As it is now, with what people write as it was then. Its identity, its finalizers and its status stay. */
function asUpdate(then: UnstructuredObject, now: UnstructuredObject): UnstructuredObject {
  const { labels: _, annotations: __, managedFields: ___, ...metadata } = now.metadata;
  const { labels, annotations } = then.metadata;
  const { status: ____, ...content } = then;
  return {
    ...content,
    metadata: {
      ...metadata,
      ...(labels !== undefined && { labels }),
      ...withAnnotations(annotations, now.metadata.annotations),
    },
    ...("status" in now && { status: now["status"] }),
  };
}

/** Controllers count in some of them: those go on. */
function withAnnotations(
  then: Readonly<Record<string, string>> | undefined,
  now: Readonly<Record<string, string>> = {},
): { annotations?: Record<string, string> } {
  const kept = Object.entries(now).filter(([key]) => counted.has(key));
  const written = Object.entries(then ?? {}).filter(([key]) => !counted.has(key));
  const annotations = Object.fromEntries([...written, ...kept]);
  return Object.keys(annotations).length === 0 ? {} : { annotations };
}

const counted = new Set(["deployment.kubernetes.io/revision"]);

/** What a new object may bring along: no identity, no node, no volume that another may have by now. */
function asNew(then: UnstructuredObject): UnstructuredObject {
  const { name, namespace, labels, annotations, finalizers } = then.metadata;
  const { status: _, ...content } = then;
  const own = Object.fromEntries(
    Object.entries(annotations ?? {}).filter(([key]) => !key.startsWith("pv.kubernetes.io/")),
  );
  const metadata = {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(labels !== undefined && { labels }),
    ...(annotations !== undefined && { annotations: own }),
    ...(finalizers !== undefined && {
      finalizers: finalizers.filter(
        (finalizer) => !finalizer.startsWith("kubernetes.io/") && !transient.has(finalizer),
      ),
    }),
  };
  const drop = unwanted[then.kind] ?? [];
  const { spec } = content as { spec?: Readonly<Record<string, unknown>> };
  if (spec === undefined) return { ...content, metadata };
  return {
    ...content,
    metadata,
    spec: Object.fromEntries(Object.entries(spec).filter(([field]) => !drop.includes(field))),
  };
}

const transient = new Set(["foregroundDeletion", "orphan"]);

/** Fields of a spec that others fill in. */
const unwanted: Readonly<Record<string, readonly string[]>> = {
  Pod: ["nodeName"],
  PersistentVolumeClaim: ["volumeName"],
  Service: ["clusterIP", "clusterIPs", "healthCheckNodePort"],
};

const hasHiddenValues = ({ data }: UnstructuredObject & { data?: unknown }): boolean =>
  JSON.stringify(data ?? "").includes(hiddenPrefix);

/** What the cluster said, and what to do: fields that cannot be changed are named by it. */
function refusalText(
  error: StatusError,
  { namespace, name }: ChangedObject,
  { kind }: ResourceReference,
): string {
  const causes = error.status.details?.causes ?? [];
  const isImmutable = /immutable|may not be changed|updates to .* are forbidden|not be updated/i.test(
    error.message,
  );
  if (!isImmutable) return error.message;
  const fields = [...new Set(causes.flatMap(({ field }) => field ?? []))].join(", ");
  const scope = namespace === "" ? "" : ` -n ${namespace}`;
  return `${fields === "" ? "what differs" : fields} cannot be changed once it is there: delete it (kubectl${scope} delete ${kind.toLowerCase()} ${name}), then rewind again, which makes it anew`;
}
