import type { Scheme } from "../../api/scheme.ts";
import type { Clock } from "../../apimachinery/clock.ts";
import type { FieldError } from "../../apimachinery/field-error.ts";
import type { MetricRegistry } from "../../apimachinery/metrics.ts";
import type { UnstructuredObject } from "../../apimachinery/object.ts";
import type { Random } from "../../apimachinery/random.ts";
import type { NodeConnection } from "../../streaming/node-connection.ts";
import type { Authenticator } from "../authentication/authenticator.ts";
import type { Authorizer } from "../authorization/authorizer.ts";
import type { ObjectReader } from "../object-reader.ts";
import type { RequestContext } from "../request-context.ts";

/**
 * What a resource adds to the generic store. Every member may be left out: the store's own behaviour (schema,
 * defaults, `Scheme.validateCreate` and `validateUpdate`, generation raised when anything but metadata and status
 * changes, status kept out of main writes and everything but status out of status writes) is right for most.
 *
 * Order of a create: decode → default → mutating admission → prepareForCreate → validate → validating admission →
 * begin → commit to storage. Of an update: the same with prepareForUpdate, and again after each lost race.
 *
 * The store owns the object, but parts that an update takes over from `old` (the status of a main write, all but the
 * status of a status write) are frozen: a strategy replaces them, it does not change them in place.
 */
export interface Strategy {
  /**
   * Clears and sets what clients may not choose. Changes the object, which the store owns. For subresources other than
   * status `prepareForUpdate` runs twice, before ownership of fields is recorded and after admission.
   */
  prepareForCreate?(context: RequestContext, object: UnstructuredObject): void;
  prepareForUpdate?(
    context: RequestContext,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): void;
  /** Errors beyond `Scheme.validateCreate` / `validateUpdate`: those that depend on other objects or on allocation. */
  validateCreate?(context: RequestContext, object: UnstructuredObject): FieldError[];
  validateUpdate?(
    context: RequestContext,
    object: UnstructuredObject,
    old: UnstructuredObject,
    subresource: string,
  ): FieldError[];
  /**
   * Errors that take time: what compiling the expressions of an object says, by a part of the server that is loaded only
   * then, or what authorizers say of a field. Undefined when there is nothing to wait for.
   */
  validateExpressions?(
    context: RequestContext,
    object: UnstructuredObject,
    old: UnstructuredObject | undefined,
    subresource: string,
  ): Promise<FieldError[]> | undefined;
  /** PUT of an absent object creates it. Default: what `resource-facts.ts` says. */
  readonly allowCreateOnUpdate?: boolean;
  /** PUT without a resourceVersion overwrites. Default: what `resource-facts.ts` says. */
  readonly allowUnconditionalUpdate?: boolean;
  /**
   * The grace period in seconds that a delete is to have, or undefined when the resource is deleted at once. With a
   * period above 0 the store sets deletionTimestamp and deletionGracePeriodSeconds and keeps the object.
   */
  gracePeriodSeconds?(
    context: RequestContext,
    object: UnstructuredObject,
    asked: number | undefined,
  ): number | undefined;
  /** True while something in the object, besides finalizers, must go before it can be removed (a namespace's content). */
  holdsDeletion?(object: UnstructuredObject): boolean;
  /** Why nobody may delete the object of that name, by itself. Default: everybody may who is allowed to. */
  refuseDelete?(name: string): string | undefined;
  /** False where being marked as deleted is no new generation. Default: true. */
  readonly countsDeletion?: boolean;
  /** Called when the object is marked as being deleted and kept because of finalizers or `holdsDeletion`. May change it. */
  prepareForDelete?(context: RequestContext, object: UnstructuredObject): void;
  /**
   * What stands for the JSON of a large object when it is stored, so that a start need not read all of it: an object that is
   * the same up to the end of the metadata. It has memory of its own. Undefined where nothing is gained.
   */
  outline?(json: Uint8Array): Uint8Array | undefined;
  /**
   * Takes what the object needs (addresses, ports) just before the commit; may change the object. Exactly one of
   * `commit` and `rollback` of the answer is called. `old` is absent on create, `object` on delete.
   */
  begin?(
    context: RequestContext,
    object: UnstructuredObject | undefined,
    old: UnstructuredObject | undefined,
  ): Reservation | undefined;
}

export interface Reservation {
  commit(): void;
  rollback(): void;
}

/** A subresource that is asked to do something: the body of a POST has a kind of its own. */
export interface SubresourceHandler {
  create(context: RequestContext, body: UnstructuredObject): Promise<UnstructuredObject>;
}

/**
 * `registry/<group>/<resource>.ts` exports one of these for each resource that needs more than its schema;
 * `registry/index.ts` lists them.
 */
export interface ResourceExtension {
  readonly group: string;
  readonly resource: string;
  /** Called once per server. */
  setup(dependencies: RegistryDependencies): {
    readonly strategy?: Strategy;
    /**
     * Those that do something. Views of the object (status, approval, resize) need none: the generic registry writes
     * them, and `prepareForUpdate` puts back what they may not change. Connect verbs and `scale` are the server's own.
     */
    readonly subresources?: Readonly<Record<string, SubresourceHandler>>;
    /** For resources that are not stored at all (TokenReview, SubjectAccessReview): the answer to a create. */
    readonly create?: (context: RequestContext, object: UnstructuredObject) => Promise<UnstructuredObject>;
  };
}

/** What extensions may use. */
export interface RegistryDependencies {
  readonly reader: ObjectReader;
  readonly stores: ResourceStores;
  readonly scheme: Scheme;
  readonly clock: Clock;
  readonly random: Random;
  readonly nowMs: () => number;
  readonly nodes: NodeLocator;
  /** For reviews of tokens and access. */
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Where what they measure is shown. Default: nowhere. */
  readonly metrics?: MetricRegistry;
}

/** The generic stores, for subresources that change a stored object (binding, eviction, finalize). */
export interface ResourceStores {
  get(
    context: RequestContext,
    group: string,
    resource: string,
    namespace: string,
    name: string,
  ): Promise<UnstructuredObject>;
  /**
   * Reads, changes and writes until no race is lost. `change` receives the stored object, which is frozen, and returns
   * another one, which may share parts with it; it is called again after a lost race. Runs strategy and validation as an
   * update of `subresource` would ("" for the main resource), no admission.
   */
  update(
    context: RequestContext,
    group: string,
    resource: string,
    namespace: string,
    name: string,
    subresource: string,
    change: (current: UnstructuredObject) => UnstructuredObject,
  ): Promise<UnstructuredObject>;
  create(
    context: RequestContext,
    group: string,
    resource: string,
    namespace: string,
    object: UnstructuredObject,
  ): Promise<UnstructuredObject>;
  delete(
    context: RequestContext,
    group: string,
    resource: string,
    namespace: string,
    name: string,
    options: UnstructuredObject | undefined,
  ): Promise<UnstructuredObject>;
}

/** Finds the connection to a node's agent by the node's name; undefined while it is not connected. */
export interface NodeLocator {
  connection(nodeName: string): NodeConnection | undefined;
}
