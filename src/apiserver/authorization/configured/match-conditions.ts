import {
  boolType,
  CelCompileError,
  CelEnvironment,
  type CelProgram,
  formatType,
  listType,
  mapType,
  stringType,
  structType,
  toJson,
} from "../../../cel/index.ts";
import type { ReviewSpec } from "./review.ts";

const texts = listType(stringType);
const selector = (name: string) =>
  structType(name, {
    rawSelector: stringType,
    requirements: listType(
      structType("kubernetes.SelectorRequirement", { key: stringType, operator: stringType, values: texts }),
    ),
  });

let environment: CelEnvironment | undefined;

/** Made when the first condition is: most configurations have none. Mirrors k8s.io/apiserver/pkg/authorization/cel. */
function reviewEnvironment(): CelEnvironment {
  environment ??= new CelEnvironment({
    variables: {
      request: structType("kubernetes.SubjectAccessReviewSpec", {
        resourceAttributes: structType("kubernetes.ResourceAttributes", {
          namespace: stringType,
          verb: stringType,
          group: stringType,
          version: stringType,
          resource: stringType,
          subresource: stringType,
          name: stringType,
          fieldSelector: selector("kubernetes.FieldSelectorAttributes"),
          labelSelector: selector("kubernetes.LabelSelectorAttributes"),
        }),
        nonResourceAttributes: structType("kubernetes.NonResourceAttributes", {
          path: stringType,
          verb: stringType,
        }),
        user: stringType,
        groups: texts,
        extra: mapType(stringType, texts),
        uid: stringType,
      }),
    },
  });
  return environment;
}

/** A condition under which a webhook is asked; a text says what is wrong with it. */
export function compileCondition(expression: string): CelProgram | string {
  const program = reviewEnvironment().compile(expression);
  if (program instanceof CelCompileError) {
    const stage = program.stage === "compilation" ? "compilation" : "program instantiation";
    return `${stage} failed: ${program.message}`;
  }
  const given = formatType(program.outputType);
  return given === formatType(boolType) ? program : `must evaluate to bool but got ${given}`;
}

/**
 * Whether all conditions hold. One that is false settles it, whatever became of the others; otherwise one that cannot be
 * evaluated throws an Error.
 */
export function matches(conditions: readonly CelProgram[], request: ReviewSpec): boolean {
  const faults: string[] = [];
  for (const condition of conditions) {
    try {
      if (toJson(condition.evaluate({ request }).value) !== true) return false;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      faults.push(`cel evaluation error: expression '${condition.source}' resulted in error: ${why}`);
    }
  }
  if (faults.length === 0) return true;
  throw new Error(faults.length === 1 ? faults[0] : `[${faults.join(", ")}]`);
}
