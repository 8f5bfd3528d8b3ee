export { SimulatedImages, type SimulatedImagesOptions } from "./images.ts";
export { type SavedRuntime, SimulatedRuntime } from "./runtime.ts";
