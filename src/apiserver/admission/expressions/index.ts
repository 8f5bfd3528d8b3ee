/** Expressions about requests: conditions of webhooks, and policies. Loaded when the first of them is met. */
export { boolType } from "../../../cel/index.ts";
export { admissionEnvironment } from "./environment.ts";
export { Expression } from "./expression.ts";
export { expressionInputs } from "./inputs.ts";
export { evaluateConditions } from "./match-conditions.ts";
