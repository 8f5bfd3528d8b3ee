import type {
  FlowSchema,
  FlowSchemaCondition,
  PriorityLevelConfiguration,
} from "../../api/types/flowcontrol-v1.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import { deepCopy, deepEqual } from "../../apimachinery/json.ts";
import type { Logger } from "../../apimachinery/logger.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/status.ts";
import { systemContext } from "../authentication/system-context.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { ResourceStores } from "../registry/strategy.ts";
import type { RequestContext } from "../request-context.ts";
import { mandatoryConfiguration, suggestedConfiguration } from "./bootstrap-configuration.ts";
import { levelResource, schemaResource } from "./follow-configuration.ts";
import { brokenLevel } from "./priority-level.ts";

export interface MaintainOptions {
  readonly reader: ObjectReader;
  readonly stores: ResourceStores;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the upkeep. */
  readonly signal: AbortSignal;
}

/** "true": the object follows the server's version of it; "false": its editor keeps it. */
const autoUpdate = "apf.kubernetes.io/autoupdate-spec";
const intervalMs = 60_000;

type Configured = FlowSchema | PriorityLevelConfiguration;
type Resource = typeof levelResource | typeof schemaResource;

const producer = "api-priority-and-fairness-config-producer-v1";
const consumer = "api-priority-and-fairness-config-consumer-v1";

/**
 * Makes the levels and schemas that every cluster has, keeps them as they should be, and says of each schema whether its
 * level exists (flowcontrol/ensurer and apf_controller.go). Resolves after the first pass; goes on each minute and when a
 * level or schema changes, until the signal aborts.
 */
export async function maintainConfiguration(options: MaintainOptions): Promise<void> {
  const { clock, signal, reader, logger } = options;
  await ensureAll(options);
  await stateConditions(options);
  let running: Promise<void> | undefined;
  let again = false;
  const run = (pass: (options: MaintainOptions) => Promise<void>): void => {
    again = running !== undefined;
    running ??= (async () => {
      try {
        await pass(options);
        await stateConditions(options);
      } catch (error) {
        if (!signal.aborted) logger.warn("priority and fairness is not up to date", { error: String(error) });
      }
      running = undefined;
      if (again && !signal.aborted) run(async () => undefined);
    })();
  };
  const timer = clock.every(intervalMs, () => run(ensureAll));
  const removals = [levelResource, schemaResource].map((resource) =>
    reader.onChange(resource, () => run(async () => undefined)),
  );
  signal.addEventListener(
    "abort",
    () => {
      timer.stop();
      for (const remove of removals) remove();
    },
    { once: true },
  );
}

async function ensureAll(options: MaintainOptions): Promise<void> {
  const { levels, schemas } = mandatoryConfiguration;
  const suggested = suggestedConfiguration;
  await Promise.all([
    ...levels.map((object) => ensure(options, levelResource, object, true)),
    ...schemas.map((object) => ensure(options, schemaResource, object, true)),
    ...suggested.levels.map((object) => ensure(options, levelResource, object, false)),
    ...suggested.schemas.map((object) => ensure(options, schemaResource, object, false)),
  ]);
  const known = (bootstrap: readonly Configured[], more: readonly Configured[]): Set<string> =>
    new Set([...bootstrap, ...more].map(nameOf));
  await Promise.all([
    removeUnknown(options, schemaResource, known(schemas, suggested.schemas)),
    removeUnknown(options, levelResource, known(levels, suggested.levels)),
  ]);
}

async function ensure(
  { reader, stores }: MaintainOptions,
  resource: Resource,
  wanted: Configured,
  isMandatory: boolean,
): Promise<void> {
  const name = nameOf(wanted);
  const existing = reader.get<Configured>(resource, "", name);
  if (existing === undefined) {
    const made = unstructured(wanted);
    made.metadata.annotations = { [autoUpdate]: "true" };
    // As every object that is created through the API.
    made["status"] = {};
    try {
      await stores.create(
        contextFor("create", resource, name, producer),
        resource.group,
        resource.resource,
        "",
        made,
      );
    } catch (error) {
      // Another server of the same cluster was faster.
      if (!isAlreadyExists(error)) throw error;
    }
    return;
  }
  const follows = isMandatory || followsServer(existing);
  const annotation = String(follows);
  const hasSpec = !follows || deepEqual(mandatoryPart(existing, wanted), wanted.spec);
  if (hasSpec && existing.metadata.annotations?.[autoUpdate] === annotation) return;
  const context = contextFor("update", resource, name, producer);
  await stores.update(context, resource.group, resource.resource, "", name, "", (current) => ({
    ...current,
    metadata: {
      ...current.metadata,
      annotations: { ...current.metadata.annotations, [autoUpdate]: annotation },
    },
    ...(hasSpec ? {} : { spec: deepCopy(wanted.spec) }),
  }));
}

/** The spec as far as the server decides it: the shares of the exempt level are its owner's to choose. */
function mandatoryPart(existing: Configured, wanted: Configured): unknown {
  if (existing.kind === "PriorityLevelConfiguration" && wanted.kind === "PriorityLevelConfiguration") {
    const { exempt } = wanted.spec;
    if (exempt !== undefined && existing.spec.exempt !== undefined) return { ...existing.spec, exempt };
  }
  return existing.spec;
}

/** An object without a readable annotation follows the server as long as nobody has edited it. */
function followsServer({ metadata }: Configured): boolean {
  const annotation = metadata.annotations?.[autoUpdate] ?? "";
  if (/^(?:1|t|T|TRUE|true|True)$/.test(annotation)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(annotation)) return false;
  return metadata.generation === 1;
}

/** Takes away what an older server made and kept up to date, and this one does not know. */
async function removeUnknown(
  { reader, stores }: MaintainOptions,
  resource: Resource,
  known: ReadonlySet<string>,
): Promise<void> {
  for (const object of reader.list<Configured>(resource)) {
    const name = nameOf(object);
    if (known.has(name) || object.metadata.annotations?.[autoUpdate] !== "true") continue;
    const context = contextFor("delete", resource, name, producer);
    try {
      await stores.delete(context, resource.group, resource.resource, "", name, undefined);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Writes the condition Dangling of each schema for which it is not so. */
async function stateConditions({ reader, stores, clock }: MaintainOptions): Promise<void> {
  const levels = new Set(
    reader
      .list<PriorityLevelConfiguration>(levelResource)
      .filter((level) => brokenLevel(level) === undefined)
      .map(nameOf),
  );
  const writes = reader.list<FlowSchema>(schemaResource).map(async (schema) => {
    const level = schema.spec.priorityLevelConfiguration.name;
    const wanted = condition(level, levels.has(level));
    const current = schema.status?.conditions?.find(({ type }) => type === wanted.type);
    if (
      current?.status === wanted.status &&
      current?.reason === wanted.reason &&
      current?.message === wanted.message
    ) {
      return;
    }
    const name = nameOf(schema);
    const lastTransitionTime = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
    const context = contextFor("update", schemaResource, name, consumer, "status");
    try {
      await stores.update(
        context,
        schemaResource.group,
        schemaResource.resource,
        "",
        name,
        "status",
        (found) => ({
          ...found,
          status: { conditions: [{ ...wanted, lastTransitionTime }] },
        }),
      );
    } catch (error) {
      // Deleted meanwhile: nothing is left to be said of it.
      if (!isNotFound(error)) throw error;
    }
  });
  await Promise.all(writes);
}

function condition(level: string, exists: boolean): FlowSchemaCondition {
  const subject = `This FlowSchema references the PriorityLevelConfiguration object named "${level}"`;
  return exists
    ? { type: "Dangling", status: "False", reason: "Found", message: `${subject} and it exists` }
    : {
        type: "Dangling",
        status: "True",
        reason: "NotFound",
        message: `${subject} but there is no such object`,
      };
}

const nameOf = ({ metadata }: Configured): string => metadata.name ?? "";

const unstructured = (object: Configured): UnstructuredObject =>
  deepCopy(object) as unknown as UnstructuredObject;

function contextFor(
  verb: string,
  { group, resource }: Resource,
  name: string,
  fieldManager: string,
  subresource = "",
): RequestContext {
  return { ...systemContext(verb, { group, version: "v1", resource }, { name }, subresource), fieldManager };
}
