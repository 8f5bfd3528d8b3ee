import type { ResourceInfo } from "../../api/scheme.ts";
import { formatTime } from "../../apimachinery/clock.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import { randomSuffix } from "../../apimachinery/random.ts";
import { newStatusError } from "../../apimachinery/status.ts";
import { CachedObject } from "../cache/cached-object.ts";
import { freezeParts } from "../cache/compact.ts";
import type { RequestContext } from "../request-context.ts";
import { newGenerateNameConflict, newInvalidObject, newNameTaken } from "./errors.ts";
import { validateMetadata } from "./object-meta.ts";
import { hasGeneration } from "./resource-facts.ts";
import type { GenericStore } from "./store.ts";

/** The last word on the object: validating admission. Undefined where nothing had to be waited for. */
export type ValidateHook = (
  object: UnstructuredObject,
  old: UnstructuredObject | undefined,
) => Promise<void> | undefined;

/** What admission has to say of a write. */
export interface Admitting {
  readonly validate: ValidateHook;
  /**
   * Called right before an object is created, when nothing is waited for any more: throws when there is no place for it
   * any more, as its namespace or its definition went meanwhile.
   */
  confirm?(object: UnstructuredObject): void;
}

/** A generated name is 63 characters at most, five of them random. */
const maxNamePrefix = 58;
const generateAttempts = 8;

/**
 * Creates the object, which is decoded, defaulted and admitted by mutating plugins, in the version it is served in.
 * The store owns it from here on.
 */
export async function createObject(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  admitting: Admitting,
): Promise<CachedObject> {
  // What is no number is no version, and says nothing.
  const hasVersion = /^\d*[1-9]\d*$/.test(object.metadata.resourceVersion ?? "");
  prepareMetadata(store, served, object);
  const { generateName = "" } = object.metadata;
  const isGenerated = generateName !== "" && (object.metadata.name ?? "") === "";
  for (let attempt = 1; ; attempt++) {
    if (isGenerated) object.metadata.name = generateName.slice(0, maxNamePrefix) + randomSuffix(store.random);
    if (attempt === 1 || isGenerated) {
      // After the name is known: what a strategy sets may carry it.
      store.strategy.prepareForCreate?.(context, object);
      const compiling = store.strategy.validateExpressions?.(context, object, undefined, "");
      const compiled = compiling === undefined ? undefined : await compiling;
      const preparing = store.scheme.prepareValidation?.(served, object, undefined);
      if (preparing !== undefined) await preparing;
      const checking = check(store, context, served, object, admitting, compiled);
      if (checking !== undefined) await checking;
    }
    // The store's own refusal, so everybody else has had a say before; a dry run does not get there.
    if (hasVersion && !context.dryRun)
      throw newStatusError(500, "", "resourceVersion should not be set on objects to be created");
    const created = await commit(store, context, served, object, admitting, isGenerated);
    if (created !== undefined) return created;
    const name = object.metadata.name ?? "";
    if (generateName === "")
      throw newNameTaken(served, name, store.cache.get(object.metadata.namespace ?? "", name));
    // Who gave both is told the same, without further attempts: the name is the client's choice.
    if (!isGenerated || attempt === generateAttempts) throw newGenerateNameConflict(served, name);
  }
}

function prepareMetadata(store: GenericStore, served: ResourceInfo, object: UnstructuredObject): void {
  const { metadata } = object;
  delete metadata.resourceVersion;
  delete metadata.selfLink;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  metadata.uid = store.random.uuid();
  metadata.creationTimestamp = formatTime(store.clock.now());
  if (hasGeneration(served)) metadata.generation = 1;
  else delete metadata.generation;
}

function check(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  admitting: Admitting,
  compiled: readonly FieldError[] = [],
): Promise<void> | undefined {
  const own = [
    ...store.scheme.validateCreate(served, object),
    ...(store.strategy.validateCreate?.(context, object) ?? []),
    ...compiled,
  ];
  // What the kind itself says is more to the point, so rules of all kinds are asked last.
  const errors = own.length > 0 ? own : validateMetadata(object);
  if (errors.length > 0) throw newInvalidObject(served, object.metadata.name ?? "", errors);
  for (const warning of store.scheme.warnings(served, object, undefined)) context.addWarning(warning);
  return admitting.validate(object, undefined);
}

/** Undefined when the name is taken. */
async function commit(
  store: GenericStore,
  context: RequestContext,
  served: ResourceInfo,
  object: UnstructuredObject,
  admitting: Admitting,
  isGenerated: boolean,
): Promise<CachedObject | undefined> {
  const { namespace = "", name = "" } = object.metadata;
  if (store.cache.get(namespace, name) !== undefined) return undefined;
  const reservation = store.strategy.begin?.(context, object, undefined);
  try {
    if (context.dryRun) {
      reservation?.rollback();
      return CachedObject.detached(object);
    }
    const form = store.toStorage(object);
    const stored = form instanceof Promise ? await form : form;
    // A name may be generated anew after a lost race, so the writer keeps the object until the name is taken.
    const isShared = isGenerated && stored === object;
    const given = isShared ? { ...object, metadata: { ...object.metadata } } : stored;
    // What nobody changes any more is frozen now, while the processor has it at hand, rather than after the commit.
    if (!isGenerated) freezeParts(given);
    admitting.confirm?.(object);
    const created = await store.put(given, 0, !isGenerated);
    if (created === undefined) reservation?.rollback();
    else reservation?.commit();
    return created && store.writtenInVersion(served, created, stored === object);
  } catch (error) {
    reservation?.rollback();
    throw error;
  }
}
