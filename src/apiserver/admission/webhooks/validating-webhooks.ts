import { newInternalError, StatusError } from "../../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { VersionedRequest } from "./admission-review.ts";
import { callHook, HookFailure } from "./call-hook.ts";
import type { WebhookDependencies } from "./dependencies.ts";
import type { Hook, Hooks } from "./hooks.ts";
import { type Invocation, invocationOf } from "./matching.ts";

/** Asks the validating webhooks, all at once: none of them sees what another one thinks. The first refusal in order counts. */
export class ValidatingAdmissionWebhook {
  readonly #dependencies: WebhookDependencies;
  readonly #hooks: Hooks;

  constructor(dependencies: WebhookDependencies, hooks: Hooks) {
    this.#dependencies = dependencies;
    this.#hooks = hooks;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { reader, versions, conditions } = this.#dependencies;
    const views = new Map<string, VersionedRequest>();
    const calls: { readonly hook: Hook; readonly versioned: VersionedRequest }[] = [];
    for (const hook of this.#hooks.all()) {
      const invocation = invocationOf(hook, attributes, reader, versions);
      if (invocation === undefined) continue;
      const versioned = await this.#view(views, attributes, invocation);
      if (await conditions.match(hook, "validating", attributes, versioned)) calls.push({ hook, versioned });
    }
    const verdicts = await Promise.all(
      calls.map(({ hook, versioned }, index) => this.#call(hook, attributes, versioned, index)),
    );
    const refusal = verdicts.find((verdict) => verdict !== undefined);
    if (refusal !== undefined) throw refusal;
  }

  async #view(
    views: Map<string, VersionedRequest>,
    attributes: AdmissionAttributes,
    { kind, resource }: Invocation,
  ): Promise<VersionedRequest> {
    const key = `${kind.group}/${kind.version}/${kind.kind} ${resource.group}/${resource.version}`;
    let view = views.get(key);
    if (view === undefined) {
      const { versions } = this.#dependencies;
      const { object, oldObject } = attributes;
      try {
        view = {
          kind,
          resource,
          object: await versions.inKind(object, attributes.kind, kind),
          oldObject: await versions.inKind(oldObject, attributes.kind, kind),
        };
      } catch (error) {
        throw newInternalError(error);
      }
      views.set(key, view);
    }
    return view;
  }

  /** Resolves with the refusal, if it is one. */
  async #call(
    hook: Hook,
    attributes: AdmissionAttributes,
    versioned: VersionedRequest,
    index: number,
  ): Promise<Error | undefined> {
    const { caller, random, observer } = this.#dependencies;
    const observe = observer.begin(hook, "validating", attributes);
    try {
      await callHook({ hook, attributes, versioned, isMutating: false }, caller, random);
      observe.answered();
      return undefined;
    } catch (error) {
      if (!(error instanceof HookFailure)) {
        observe.refused(error);
        return error instanceof StatusError ? error : newInternalError(error);
      }
      const isOpen = hook.webhook.failurePolicy === "Ignore";
      observe.failed(error, isOpen);
      if (!isOpen) return newInternalError(error);
      const key = `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`;
      attributes.audit?.annotate(key, hook.webhook.name);
      return undefined;
    }
  }
}
