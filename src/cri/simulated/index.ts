export { SimulatedImages, type SimulatedImagesOptions } from "./images.ts";
export { SimulatedRuntime } from "./runtime.ts";
