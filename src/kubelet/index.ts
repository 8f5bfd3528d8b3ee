export type { EvictionThresholds } from "./eviction/signals.ts";
export { Kubelet } from "./kubelet.ts";
export type { KubeletOptions, LogFiles, Mounter, ProbeNetwork } from "./options.ts";
