import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";
import type { AdmissionMetrics, AdmissionPhase } from "../metrics/admission-metrics.ts";

/** Runs the plugins in their order: all mutating ones, later all validating ones. */
export class AdmissionRunner {
  readonly #mutating: readonly AdmissionPlugin[];
  readonly #validating: readonly AdmissionPlugin[];
  readonly #metrics: AdmissionMetrics | undefined;

  constructor(plugins: readonly AdmissionPlugin[], metrics?: AdmissionMetrics) {
    this.#metrics = metrics;
    this.#mutating = plugins.filter((plugin) => plugin.admit !== undefined);
    this.#validating = plugins.filter((plugin) => plugin.validate !== undefined);
  }

  /** Undefined where no plugin had to wait for anything. */
  mutate(attributes: AdmissionAttributes): Promise<void> | undefined {
    const again = (): Promise<void> | undefined =>
      this.#mutating.some((plugin) => plugin.wantsRepeat?.(attributes) === true)
        ? this.#admit(attributes, true)
        : undefined;
    const admitting = this.#admit(attributes, false);
    return admitting === undefined ? again() : admitting.then(again);
  }

  /** Undefined where no plugin had to wait for anything. */
  validate(attributes: AdmissionAttributes): Promise<void> | undefined {
    return this.#step("validate", attributes, () =>
      inTurn(this.#validating, attributes, (plugin) =>
        this.#asked(plugin, "validate", attributes, () => plugin.validate?.(attributes)),
      ),
    );
  }

  #admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> | undefined {
    return this.#step("admit", attributes, () =>
      inTurn(this.#mutating, attributes, (plugin) =>
        this.#asked(plugin, "admit", attributes, () => plugin.admit?.(attributes, isRepeat)),
      ),
    );
  }

  #asked(
    { name }: AdmissionPlugin,
    phase: AdmissionPhase,
    { operation }: AdmissionAttributes,
    ask: () => Promise<void> | void,
  ): Promise<void> | void {
    const metrics = this.#metrics;
    if (metrics === undefined) return ask();
    return measured(metrics, ask, (startMs, isRejected) =>
      metrics.plugin(name, phase, operation, startMs, isRejected),
    );
  }

  #step(
    phase: AdmissionPhase,
    { operation }: AdmissionAttributes,
    run: () => Promise<void> | undefined,
  ): Promise<void> | undefined {
    const metrics = this.#metrics;
    if (metrics === undefined) return run();
    return measured(metrics, run, (startMs, isRejected) =>
      metrics.step(phase, operation, startMs, isRejected),
    );
  }
}

/** Runs something and notes when it is over, which is at once mostly, and whether it failed. */
function measured<T extends Promise<void> | void>(
  { clock }: AdmissionMetrics,
  run: () => T,
  note: (startMs: number, isRejected: boolean) => void,
): T {
  const startMs = clock.now();
  let isOver = false;
  try {
    const pending = run();
    isOver = pending === undefined;
    if (isOver) note(startMs, false);
    else {
      isOver = true;
      pending?.then(
        () => note(startMs, false),
        () => note(startMs, true),
      );
    }
    return pending;
  } finally {
    if (!isOver) note(startMs, true);
  }
}

/** Most answer at once: to wait for nothing would still let all others go first. */
function inTurn(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
  ask: (plugin: AdmissionPlugin) => Promise<void> | void,
  first = 0,
): Promise<void> | undefined {
  for (let index = first; index < plugins.length; index++) {
    const plugin = plugins[index];
    if (plugin?.handles(attributes) !== true) continue;
    const pending = ask(plugin);
    if (pending instanceof Promise) return pending.then(() => inTurn(plugins, attributes, ask, index + 1));
  }
  return undefined;
}
