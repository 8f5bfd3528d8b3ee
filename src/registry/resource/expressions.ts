import { type FieldError, forbidden, invalid } from "../../apimachinery/field-error.ts";
import { isObject } from "../../apimachinery/json.ts";
import {
  anyType,
  boolType,
  CelCompileError,
  CelEnvironment,
  mapType,
  stringType,
  structType,
  withMaxElements,
} from "../../cel/index.ts";
import { quantityType } from "../../cel/library/quantity.ts";

/** Expressions that choose devices (mirrors k8s.io/dynamic-resource-allocation/cel). Loaded when the first is written. */
const costMax = 1_000_000;
const expressionBytesMax = 10 * 1024;
const attributesMax = 32;
const attributeBytesMax = 64;
const domainBytesMax = 63;
const identifierBytesMax = 32;
const driverBytesMax = 63;

const domain = withMaxElements(stringType, domainBytesMax);
const identifier = withMaxElements(stringType, identifierBytesMax);
const byDomain = (value: Parameters<typeof mapType>[1]): ReturnType<typeof mapType> =>
  withMaxElements(mapType(domain, withMaxElements(mapType(identifier, value), attributesMax)), attributesMax);

let environment: CelEnvironment | undefined;

function deviceEnvironment(): CelEnvironment {
  environment ??= new CelEnvironment({
    variables: {
      device: structType("kubernetes.DRADevice", {
        driver: withMaxElements(stringType, driverBytesMax),
        allowMultipleAllocations: boolType,
        attributes: byDomain(withMaxElements(anyType, attributeBytesMax)),
        capacity: byDomain(quantityType),
      }),
    },
    extensions: ["bindings"],
  });
  return environment;
}

/** One selector's faults. Those that are too long were told of before. */
function selectorErrors(selector: unknown, path: string): FieldError[] {
  const cel = isObject(selector) ? selector["cel"] : undefined;
  if (!isObject(cel)) return [];
  const expression = typeof cel["expression"] === "string" ? cel["expression"] : "";
  if (Buffer.byteLength(expression) > expressionBytesMax) return [];
  const where = `${path}.cel.expression`;
  const program = deviceEnvironment().compile(expression, { outputTypes: [boolType, anyType] });
  if (!(program instanceof CelCompileError)) {
    const isCostly = program.estimateCost().max > costMax;
    return isCostly ? [forbidden(where, "too complex, exceeds cost limit")] : [];
  }
  if (program.stage === "compilation") {
    return [invalid(where, expression, `compilation failed: ${program.message}`)];
  }
  const type = /but got (.*)$/.exec(program.message)?.[1] ?? "";
  return [invalid(where, expression, `must evaluate to bool or the unknown type, not ${type}`)];
}

export function selectorsErrors(selectors: unknown, path: string): FieldError[] {
  if (!Array.isArray(selectors)) return [];
  return (selectors as unknown[]).flatMap((selector, index) => selectorErrors(selector, `${path}[${index}]`));
}

/** Of a claim's requests; in the first beta what is asked for stands beside the name. */
export function requestsErrors(devices: unknown, path: string): FieldError[] {
  const requests: unknown = isObject(devices) ? devices["requests"] : undefined;
  if (!Array.isArray(requests)) return [];
  return (requests as unknown[]).flatMap((request, index) => {
    if (!isObject(request)) return [];
    const where = `${path}.requests[${index}]`;
    const { exactly, firstAvailable } = request;
    const alternatives = Array.isArray(firstAvailable) ? (firstAvailable as unknown[]) : [];
    // What is asked for in two ways is refused as that.
    if (alternatives.length > 0 && asksExactly(request)) return [];
    if (alternatives.length > 0) {
      return alternatives.flatMap((one, at) =>
        isObject(one) ? selectorsErrors(one["selectors"], `${where}.firstAvailable[${at}].selectors`) : [],
      );
    }
    const asked = isObject(exactly) ? exactly : request;
    return selectorsErrors(asked["selectors"], `${where}.exactly.selectors`);
  });
}

/** In the first beta what is asked for exactly stands beside the name. */
function asksExactly(request: Record<string, unknown>): boolean {
  const { name: _, firstAvailable: __, ...asked } = request;
  return Object.values(asked).some(
    (value) => value !== undefined && value !== null && value !== "" && value !== 0,
  );
}
