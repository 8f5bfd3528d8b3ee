export { Kubelet } from "./kubelet.ts";
export type { KubeletOptions, LogFiles, Mounter, ProbeNetwork } from "./options.ts";
