export { SimulatedImages, type SimulatedImagesOptions } from "./images.ts";
export {
  type PodPattern,
  type PodScript,
  PodScripts,
  type ScriptedPods,
  type ScriptRule,
} from "./pod-scripts.ts";
export { type SavedRuntime, SimulatedRuntime } from "./runtime.ts";
export { scriptProblems } from "./script.ts";
