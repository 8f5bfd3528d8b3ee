/** Why a thing is not ready, asked of any Kubernetes through its API. */
export { type Answer, explain, explainAll } from "./explain.ts";
export { printAnswer } from "./print.ts";
export type { Reason } from "./reason.ts";
