import type { Clock } from "../../apimachinery/clock.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";
import { managedFieldsOf, restoreManagedFields } from "../admission/managed-fields.ts";
import type { AdmissionMetrics, AdmissionPhase, AdmissionTimes } from "../metrics/admission-metrics.ts";

/** A plugin, and where its times are counted. */
interface Step {
  readonly plugin: AdmissionPlugin;
  readonly times: AdmissionTimes | undefined;
}

type Ask = (plugin: AdmissionPlugin) => Promise<void> | void;

/** Runs the plugins in their order: all mutating ones, later all validating ones. */
export class AdmissionRunner {
  readonly #mutating: readonly Step[];
  readonly #validating: readonly Step[];
  readonly #confirming: readonly AdmissionPlugin[];
  readonly #admitTimes: AdmissionTimes | undefined;
  readonly #validateTimes: AdmissionTimes | undefined;
  readonly #clock: Clock | undefined;

  constructor(plugins: readonly AdmissionPlugin[], metrics?: AdmissionMetrics) {
    const steps = (phase: AdmissionPhase): Step[] =>
      plugins
        .filter((plugin) => plugin[phase] !== undefined)
        .map((plugin) => ({ plugin, times: metrics?.plugin(plugin.name, phase) }));
    this.#mutating = steps("admit");
    this.#validating = steps("validate");
    this.#confirming = plugins.filter((plugin) => plugin.confirm !== undefined);
    this.#admitTimes = metrics?.step("admit");
    this.#validateTimes = metrics?.step("validate");
    this.#clock = metrics?.clock;
  }

  /** Undefined where no plugin had to wait for anything. */
  mutate(attributes: AdmissionAttributes): Promise<void> | undefined {
    const before = managedFieldsOf(attributes);
    const mutating = this.#mutateAll(attributes);
    if (mutating === undefined) return restoreManagedFields(attributes, before);
    return mutating.then(() => restoreManagedFields(attributes, before));
  }

  #mutateAll(attributes: AdmissionAttributes): Promise<void> | undefined {
    const again = (): Promise<void> | undefined =>
      this.#mutating.some(({ plugin }) => plugin.wantsRepeat?.(attributes) === true)
        ? this.#admit(attributes, true)
        : undefined;
    const admitting = this.#admit(attributes, false);
    return admitting === undefined ? again() : admitting.then(again);
  }

  /** Undefined where no plugin had to wait for anything. */
  validate(attributes: AdmissionAttributes): Promise<void> | undefined {
    const ask: Ask = (plugin) => plugin.validate?.(attributes);
    return this.#run(attributes, this.#validating, this.#validateTimes, ask);
  }

  /** The last look before an object is created: throws when what was found before no longer holds. */
  confirm(attributes: AdmissionAttributes): void {
    for (const plugin of this.#confirming) if (plugin.handles(attributes)) plugin.confirm?.(attributes);
  }

  #admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> | undefined {
    const ask: Ask = (plugin) => plugin.admit?.(attributes, isRepeat);
    return this.#run(attributes, this.#mutating, this.#admitTimes, ask);
  }

  #run(
    attributes: AdmissionAttributes,
    steps: readonly Step[],
    times: AdmissionTimes | undefined,
    ask: Ask,
  ): Promise<void> | undefined {
    const startMs = this.#now();
    return this.#noted(attributes, times, startMs, () => this.#inTurn(attributes, steps, ask, 0, startMs));
  }

  /** Most answer at once: to wait for nothing would still let all others go first. `startMs` is the time it is. */
  #inTurn(
    attributes: AdmissionAttributes,
    steps: readonly Step[],
    ask: Ask,
    first: number,
    startMs: number,
  ): Promise<void> | undefined {
    let atMs = startMs;
    for (let index = first; index < steps.length; index++) {
      const step = steps[index];
      if (step?.plugin.handles(attributes) !== true) continue;
      const { plugin, times } = step;
      const pending = this.#noted(attributes, times, atMs, () => ask(plugin));
      if (pending instanceof Promise) {
        return pending.then(() => this.#inTurn(attributes, steps, ask, index + 1, this.#now()));
      }
      atMs = this.#now();
    }
    return undefined;
  }

  /** Runs something and notes when it is over, which is at once mostly, and whether it failed. */
  #noted<T extends Promise<void> | void>(
    { operation }: AdmissionAttributes,
    times: AdmissionTimes | undefined,
    startMs: number,
    run: () => T,
  ): T {
    if (times === undefined) return run();
    const note = (isRejected: boolean): void => times.note(operation, this.#now() - startMs, isRejected);
    let pending: T;
    try {
      pending = run();
    } catch (error) {
      note(true);
      throw error;
    }
    if (pending === undefined) note(false);
    else
      pending.then(
        () => note(false),
        () => note(true),
      );
    return pending;
  }

  #now(): number {
    return this.#clock?.now() ?? 0;
  }
}
