let loading: Promise<unknown> | undefined;

/**
 * Loads what a server loads when it is first needed. Reading a file takes a while that no clock of ours rules: on a
 * virtual clock all of it is there before anything begins, so that the first cluster of a process runs like the next.
 */
export async function preload(): Promise<void> {
  loading ??= Promise.all([
    import("../../apimachinery/yaml.ts"),
    import("../../apiserver/admission/expressions/index.ts"),
    import("../../apiserver/admission/policies/policy-plugins.ts"),
    import("../../apiserver/admission/policies/type-checking.ts"),
    import("../../apiserver/admission/webhooks/webhook-plugins.ts"),
    import("../../apiserver/endpoints/protobuf.ts"),
    import("../../apiserver/extensions/load-machinery.ts").then(({ loadMachinery }) => loadMachinery()),
    import("../../apiserver/flowcontrol/maintain-configuration.ts"),
    import("../../apiserver/webhook/review-form.ts"),
    import("../../apiserver/webhook/webhook-caller.ts"),
    import("../../registry/admissionregistration/expressions.ts"),
    import("../../registry/resource/expressions.ts"),
    import("../../registry/resource/status-authorization.ts"),
    import("../../stages/engine.ts"),
  ]);
  await loading;
}
