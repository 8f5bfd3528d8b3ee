import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";

/** Runs the plugins in their order: all mutating ones, later all validating ones. */
export class AdmissionRunner {
  readonly #mutating: readonly AdmissionPlugin[];
  readonly #validating: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#mutating = plugins.filter((plugin) => plugin.admit !== undefined);
    this.#validating = plugins.filter((plugin) => plugin.validate !== undefined);
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    await this.#admit(attributes, false);
    if (this.#mutating.some((plugin) => plugin.wantsRepeat?.(attributes) === true))
      await this.#admit(attributes, true);
  }

  async #admit(attributes: AdmissionAttributes, isRepeat: boolean): Promise<void> {
    for (const plugin of this.#mutating) {
      if (!plugin.handles(attributes)) continue;
      // Most answer at once; to wait for nothing would still let all others go first.
      const pending = plugin.admit?.(attributes, isRepeat);
      if (pending !== undefined) await pending;
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#validating) {
      if (!plugin.handles(attributes)) continue;
      const pending = plugin.validate?.(attributes);
      if (pending !== undefined) await pending;
    }
  }
}
