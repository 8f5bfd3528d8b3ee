/**
 * The Common Expression Language as Kubernetes runs it: validation rules of custom resources, admission policies, match
 * conditions of webhooks, mappings of authentication and authorization configurations.
 *
 *     const environment = new CelEnvironment({ variables: { self: typeFromSchema(schema, { name: "selfType" }) } });
 *     const program = environment.compile("self.replicas <= self.maxReplicas", { outputTypes: [boolType] });
 *     if (program instanceof CelCompileError) return [`compilation failed: ${program.message}`];
 *     const { value, cost } = program.evaluate({ self: object.spec }, { costBudget: 1_000_000 });
 *
 * Values go in as plain JSON and are read where they lie, by the declared type of their variable; they come out as
 * `CelValue`, and `toJson` makes plain data of them.
 */
export { CelEnvironment } from "./environment.ts";
export { CelCompileError, CelCostExceeded, CelEvaluationError } from "./errors.ts";
export { escapeField, unescapeField } from "./escaping.ts";
export {
  authorizerType,
  type CelAuthorizationRequest,
  type CelAuthorizer,
  requestResource,
  resourceCheckType,
} from "./library/authorizer.ts";
export { patchTypeNameErrors, typeNameErrors } from "./library/object.ts";
export type { CelProgram } from "./program.ts";
export { type CelSchema, typeFromSchema } from "./schema-type.ts";
export { toJson } from "./to-json.ts";
export {
  anyType,
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  formatType,
  intType,
  listType,
  mapType,
  nullType,
  optionalType,
  stringType,
  structType,
  timestampType,
  typeName,
  uintType,
  withMaxElements,
} from "./types.ts";
export type { CelValue } from "./values.ts";
