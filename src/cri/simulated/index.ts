export { AddressPool } from "./addresses.ts";
export { SimulatedImages, type SimulatedImagesOptions } from "./images.ts";
export { SimulatedLogs } from "./logs.ts";
export { SimulatedNetwork } from "./network.ts";
export { SimulatedRuntime, type SimulatedRuntimeOptions } from "./runtime.ts";
export { type ContainerScript, scriptPrefix } from "./script.ts";
