import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";

export interface LazyPluginOptions<T extends "admit" | "validate"> {
  readonly name: string;
  /** Asked of every write, so it must be cheap, and need nothing that is loaded. */
  readonly handles: (attributes: AdmissionAttributes) => boolean;
  /** Called once, when there is something to do. */
  readonly load: () => Promise<Required<Pick<AdmissionPlugin, T>> & Pick<AdmissionPlugin, "wantsRepeat">>;
}

/** A mutating plugin that most clusters never need: what does its work is loaded when it first has some. */
export function lazyMutatingPlugin({ name, handles, load }: LazyPluginOptions<"admit">): AdmissionPlugin {
  let loading: ReturnType<typeof load> | undefined;
  let loaded: Awaited<ReturnType<typeof load>> | undefined;
  return {
    name,
    handles,
    async admit(attributes, isRepeat) {
      loading ??= load();
      loaded = await loading;
      await loaded.admit(attributes, isRepeat);
    },
    wantsRepeat: (attributes) => loaded?.wantsRepeat?.(attributes) === true,
  };
}

/** A validating plugin of that kind. */
export function lazyValidatingPlugin({
  name,
  handles,
  load,
}: LazyPluginOptions<"validate">): AdmissionPlugin {
  let loading: ReturnType<typeof load> | undefined;
  return {
    name,
    handles,
    async validate(attributes) {
      loading ??= load();
      await (await loading).validate(attributes);
    },
  };
}
