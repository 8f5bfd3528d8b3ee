import { deepEqual } from "../../../apimachinery/json.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import { newInternalError, newTimeout, StatusError } from "../../../apimachinery/status.ts";
import type { AdmissionAttributes } from "../admission.ts";
import type { ReviewAnswer, VersionedRequest } from "./admission-review.ts";
import { callHook, HookFailure } from "./call-hook.ts";
import type { WebhookDependencies } from "./dependencies.ts";
import type { Hook, Hooks } from "./hooks.ts";
import { type Invocation, invocationOf } from "./matching.ts";
import { ObjectView } from "./object-view.ts";
import { parsePatch } from "./parse-patch.ts";
import { Reinvocation } from "./reinvocation.ts";

/**
 * Asks the mutating webhooks, one after the other: each sees what those before it have made of the object. When one has
 * changed it, all mutating plugins run once more, and with them those webhooks that wish to see later changes.
 */
export class MutatingAdmissionWebhook {
  readonly #dependencies: WebhookDependencies;
  readonly #hooks: Hooks;
  readonly #reinvocations = new WeakMap<AdmissionAttributes, Reinvocation>();

  constructor(dependencies: WebhookDependencies, hooks: Hooks) {
    this.#dependencies = dependencies;
    this.#hooks = hooks;
  }

  wantsRepeat(attributes: AdmissionAttributes): boolean {
    return this.#reinvocations.get(attributes)?.isWanted === true;
  }

  async admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> {
    const reinvocation = this.#reinvocations.get(attributes) ?? new Reinvocation();
    this.#reinvocations.set(attributes, reinvocation);
    if (isRepeat) reinvocation.begin(attributes.object);
    const view = new ObjectView(attributes, this.#dependencies.versions);
    for (const [index, hook] of this.#hooks.all().entries()) {
      const round = new Round(hook, attributes, isRepeat ? 1 : 0, index);
      await this.#consider(round, reinvocation, view);
    }
    await view.settle();
    if (!isRepeat) reinvocation.end(attributes.object);
  }

  async #consider(round: Round, reinvocation: Reinvocation, view: ObjectView): Promise<void> {
    const { hook, attributes } = round;
    const { reader, versions, conditions } = this.#dependencies;
    const invocation = invocationOf(hook, view.attributes, reader, versions);
    if (invocation === undefined) return;
    // Who was not asked in the first round is not asked in the second, whatever has changed since.
    const mayAsk = round.number === 0 || reinvocation.mayAsk(hook.id);
    const hasConditions = (hook.webhook.matchConditions ?? []).length > 0;
    if (!mayAsk && !hasConditions) return;
    const versioned = await inView(view, invocation);
    if (!(await conditions.match(hook, "admit", attributes, versioned)) || !mayAsk) return;
    const hasChanged = await this.#call(round, versioned, view);
    if (hasChanged) reinvocation.changed();
    if (hook.webhook.reinvocationPolicy === "IfNeeded") reinvocation.asked(hook.id);
  }

  /** Whether the webhook has changed the object. */
  async #call(round: Round, versioned: VersionedRequest, view: ObjectView): Promise<boolean> {
    const { hook, attributes } = round;
    const { caller, random, observer } = this.#dependencies;
    const observe = observer.begin(hook, "admit", attributes);
    let hasChanged = false;
    try {
      const answer = await callHook({ hook, attributes, versioned, isMutating: true }, caller, random);
      hasChanged = this.#apply(round, versioned, answer, view);
      observe.answered();
      return hasChanged;
    } catch (error) {
      if (!(error instanceof HookFailure)) {
        observe.refused(error);
        throw error instanceof StatusError ? error : newInternalError(error);
      }
      const isOpen = hook.webhook.failurePolicy === "Ignore";
      observe.failed(error, isOpen);
      if (!isOpen) throw newInternalError(error);
      round.annotateFailedOpen();
      if (attributes.signal?.aborted === true)
        throw newTimeout("request did not complete within requested timeout");
      return false;
    } finally {
      round.annotateMutation(hasChanged);
    }
  }

  #apply(
    round: Round,
    { kind, object }: VersionedRequest,
    { patch: text, patchType }: ReviewAnswer,
    view: ObjectView,
  ): boolean {
    if (text === "") return false;
    const { hook, attributes } = round;
    const { versions } = this.#dependencies;
    const patch = parsePatch(hook.webhook.name, text);
    if (patch.length === 0) return false;
    if (object === undefined || attributes.object === undefined) {
      const name = JSON.stringify(hook.webhook.name);
      throw newInternalError(
        new Error(
          `admission webhook ${name} attempted to modify the object, which is not supported for this operation`,
        ),
      );
    }
    if (patchType !== "JSONPatch")
      throw new HookFailure(hook.webhook.name, `unsupported patch type ${JSON.stringify(patchType)}`, 400);
    const changed = internalOnFailure(() => versions.decode(kind, applyJsonPatch(object, patch)));
    round.annotatePatch(patch);
    if (deepEqual(changed, object)) return false;
    view.become(changed);
    return true;
  }
}

async function inView(view: ObjectView, invocation: Invocation): Promise<VersionedRequest> {
  try {
    return await view.in(invocation);
  } catch (error) {
    // Kubernetes says so twice: who converts for mutating webhooks does, and then who asks them.
    throw newInternalError(newInternalError(error));
  }
}

/** A patch that does not apply, or makes no object: 500 with the reason, whatever the failurePolicy says. */
function internalOnFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    // What decoders and patches say to clients is said in their own words here; the rest is meant for clients.
    if (error instanceof StatusError && !(error.cause instanceof Error)) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw newInternalError(cause);
  }
}

/** One webhook in one of the two rounds, and what the audit log is told of it. */
class Round {
  readonly hook: Hook;
  readonly attributes: AdmissionAttributes;
  readonly number: 0 | 1;
  readonly #suffix: string;

  constructor(hook: Hook, attributes: AdmissionAttributes, number: 0 | 1, index: number) {
    this.hook = hook;
    this.attributes = attributes;
    this.number = number;
    this.#suffix = `round_${number}_index_${index}`;
  }

  annotateFailedOpen(): void {
    const key = `failed-open.mutation.webhook.admission.k8s.io/${this.#suffix}`;
    this.attributes.audit?.annotate(key, this.hook.webhook.name);
  }

  annotateMutation(mutated: boolean): void {
    const { configuration, webhook } = this.hook;
    const value = JSON.stringify({ configuration, webhook: webhook.name, mutated });
    this.attributes.audit?.annotate(`mutation.webhook.admission.k8s.io/${this.#suffix}`, value);
  }

  /** Patches quote the object, so they are written only where requests are. */
  annotatePatch(patch: unknown): void {
    const { audit } = this.attributes;
    if (audit?.wantsRequest !== true) return;
    const { configuration, webhook } = this.hook;
    const value = JSON.stringify({ configuration, webhook: webhook.name, patch, patchType: "JSONPatch" });
    audit.annotate(`patch.webhook.admission.k8s.io/${this.#suffix}`, value);
  }
}
