import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";

/** Runs the plugins in their order: all mutating ones, later all validating ones. */
export class AdmissionRunner {
  readonly #mutating: readonly AdmissionPlugin[];
  readonly #validating: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
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
    return inTurn(this.#validating, attributes, (plugin) => plugin.validate?.(attributes));
  }

  #admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> | undefined {
    return inTurn(this.#mutating, attributes, (plugin) => plugin.admit?.(attributes, isRepeat));
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
