import type { MatchResources, ParamRef } from "../../../api/types/admissionregistration-v1.ts";
import type { KubernetesObject } from "../../../apimachinery/object.ts";
import type { ObjectReader } from "../../object-reader.ts";

/** The part that bindings of both kinds of policies share. */
export interface BindingObject extends KubernetesObject {
  readonly spec: {
    readonly policyName: string;
    readonly paramRef?: ParamRef | undefined;
    readonly matchResources?: MatchResources | undefined;
    readonly validationActions?: readonly string[] | undefined;
  };
}

/** A policy, and the bindings that put it in force. */
export interface BoundPolicy<P> {
  readonly policy: P;
  readonly bindings: readonly BindingObject[];
}

/** The policies that bindings put in force, in the order of their names. */
export class BoundPolicies<P extends KubernetesObject> {
  readonly #reader: ObjectReader;
  readonly #policies: { readonly group: string; readonly resource: string };
  readonly #bindings: { readonly group: string; readonly resource: string };
  #isFollowed = false;
  #known: readonly BoundPolicy<P>[] | undefined;

  constructor(reader: ObjectReader, resources: { readonly policies: string; readonly bindings: string }) {
    const group = "admissionregistration.k8s.io";
    this.#reader = reader;
    this.#policies = { group, resource: resources.policies };
    this.#bindings = { group, resource: resources.bindings };
  }

  all(): readonly BoundPolicy<P>[] {
    if (!this.#isFollowed) {
      this.#isFollowed = true;
      const forget = (): void => {
        this.#known = undefined;
      };
      this.#reader.onChange(this.#policies, forget);
      this.#reader.onChange(this.#bindings, forget);
    }
    this.#known ??= this.#read();
    return this.#known;
  }

  #read(): BoundPolicy<P>[] {
    const bindings = byName(this.#reader.list<BindingObject>(this.#bindings));
    return byName(this.#reader.list<P>(this.#policies)).flatMap((policy) => {
      const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name);
      return own.length === 0 ? [] : [{ policy, bindings: own }];
    });
  }
}

/** What was made of objects that never change: made once, and gone with them. */
export class Compiled<P extends object, C> {
  readonly #compile: (policy: P) => C;
  readonly #known = new WeakMap<P, C>();

  constructor(compile: (policy: P) => C) {
    this.#compile = compile;
  }

  of(policy: P): C {
    let compiled = this.#known.get(policy);
    if (compiled === undefined) {
      compiled = this.#compile(policy);
      this.#known.set(policy, compiled);
    }
    return compiled;
  }
}

function byName<T extends KubernetesObject>(objects: readonly T[]): T[] {
  return [...objects].toSorted((a, b) => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
}
