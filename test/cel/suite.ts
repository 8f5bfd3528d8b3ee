import { globSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { equals } from "../../src/cel/eval/equality.ts";
import { runtimeTypeName } from "../../src/cel/eval/runtime-type.ts";
import {
  boolType,
  bytesType,
  CelCompileError,
  CelEnvironment,
  CelEvaluationError,
  type CelProgram,
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
  timestampType,
  uintType,
} from "../../src/cel/index.ts";
import type { Evaluation } from "../../src/cel/program.ts";
import {
  ArrayList,
  CelDouble,
  CelList,
  CelMap,
  CelTypeValue,
  type CelValue,
  HashMap,
  intValue,
  listItems,
  uintValue,
} from "../../src/cel/values.ts";
import { type Message, messageOf, messagesOf, parseTextproto, textOf } from "./textproto.ts";

/** The conformance suite of cel-spec, read from its text files. */
export const specFolder = resolve(import.meta.dirname, "../../../shared/specs/cel");

export interface SpecTest {
  readonly file: string;
  readonly section: string;
  readonly name: string;
  readonly message: Message;
}

export type Outcome =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly why: string }
  /** Needs what Kubernetes' environment has not. */
  | { readonly kind: "left out"; readonly why: string };

export function readSuite(): SpecTest[] {
  return globSync("*.textproto", { cwd: specFolder })
    .toSorted()
    .flatMap((name) => {
      const file = parseTextproto(readFileSync(join(specFolder, name), "utf8"));
      return messagesOf(file, "section").flatMap((section) =>
        messagesOf(section, "test").map((message) => ({
          file: basename(name, ".textproto"),
          section: textOf(section, "name") ?? "",
          name: textOf(message, "name") ?? "",
          message,
        })),
      );
    });
}

/** Files whose subject Kubernetes' environment does not have, and why. */
export const leftOutFiles: Readonly<Record<string, string>> = {
  block_ext: "the block extension is for optimizers of compiled expressions",
  enums: "there are no protobuf enums",
  proto2: "there are no protobuf messages",
  proto2_ext: "there are no protobuf messages",
  proto3: "there are no protobuf messages",
  wrappers: "there are no protobuf messages",
  unknowns: "nothing is ever unknown",
};

const messages = /TestAllTypes|google\.protobuf\.|NestedTestAllTypes|TestRequired|proto2|proto3|GlobalEnum/u;

export function runTest({ file, message }: SpecTest): Outcome {
  const expr = textOf(message, "expr") ?? "";
  const left = leftOutFiles[file] ?? leftOut(expr, message);
  if (left !== undefined) return { kind: "left out", why: left };
  const types = variableTypes(message);
  const values = bindings(message);
  if (types === undefined || values === undefined)
    return { kind: "left out", why: "there are no protobuf messages" };
  const environment = new CelEnvironment({
    variables: types,
    mixedLiterals: true,
    escapedIdentifiers: true,
    extensions: ["bindings", "encoders", "math", "strings"],
  });
  const program = environment.compile(expr);
  const error = message["eval_error"] ?? message["any_eval_errors"];
  if (program instanceof CelCompileError) {
    if (error !== undefined) return { kind: "pass" };
    return textOf(message, "disable_check") === "true"
      ? { kind: "left out", why: "expressions are always checked" }
      : { kind: "fail", why: program.message };
  }
  const deduced = messageOf(messageOf(message, "typed_result"), "deduced_type");
  if (deduced !== undefined) {
    const wanted = typeFrom(deduced);
    if (wanted === undefined) return { kind: "left out", why: "there are no protobuf messages" };
    if (formatType(wanted) !== formatType(program.outputType)) {
      return { kind: "fail", why: `type ${formatType(program.outputType)}, not ${formatType(wanted)}` };
    }
    if (textOf(message, "check_only") === "true") return { kind: "pass" };
  }
  const wanted = messageOf(message, "value") ?? messageOf(messageOf(message, "typed_result"), "result");
  const compared = compareResult(() => program.evaluate(values).value, wanted, error !== undefined);
  const inParts = differenceInParts(program, values);
  return inParts === undefined || compared.kind === "left out" ? compared : { kind: "fail", why: inParts };
}

/** An evaluation that rests wherever it can is to give the same, at the same cost. */
function differenceInParts(
  program: CelProgram,
  values: Readonly<Record<string, unknown>>,
): string | undefined {
  const whole = outcomeOf(() => program.evaluate(values));
  const parts = outcomeOf(() => {
    const work = program.evaluateInParts(values, { partUnits: 1 });
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
    }
  });
  if (whole.error !== parts.error)
    return `in parts ${parts.error ?? "a value"}, else ${whole.error ?? "a value"}`;
  if (whole.cost !== parts.cost) return `in parts it costs ${parts.cost}, else ${whole.cost}`;
  return whole.value === undefined || same(whole.value, parts.value ?? null)
    ? undefined
    : "another value in parts";
}

function outcomeOf(evaluate: () => Evaluation): { value?: CelValue; cost: number; error?: string } {
  try {
    return evaluate();
  } catch (error) {
    if (!(error instanceof CelEvaluationError)) throw error;
    return { cost: error.cost, error: error.message };
  }
}

function compareResult(evaluate: () => CelValue, wanted: Message | undefined, fails: boolean): Outcome {
  let value: CelValue;
  try {
    value = evaluate();
  } catch (error) {
    if (!(error instanceof CelEvaluationError)) throw error;
    return fails ? { kind: "pass" } : { kind: "fail", why: `error: ${error.message}` };
  }
  if (fails) return { kind: "fail", why: `${runtimeTypeName(value)} instead of an error` };
  const expected = wanted === undefined ? true : valueFrom(wanted);
  if (expected === undefined) return { kind: "left out", why: "there are no protobuf messages" };
  return same(value, expected)
    ? { kind: "pass" }
    : { kind: "fail", why: `another ${runtimeTypeName(value)}` };
}

/** Equal and of the same type, all the way down. */
function same(a: CelValue, b: CelValue): boolean {
  if (a instanceof CelDouble && b instanceof CelDouble && Number.isNaN(a.value)) return Number.isNaN(b.value);
  if (runtimeTypeName(a) !== runtimeTypeName(b)) return false;
  if (a instanceof CelList && b instanceof CelList) {
    const others = listItems(b);
    return a.size === b.size && listItems(a).every((item, index) => same(item, others[index] ?? null));
  }
  if (a instanceof CelMap && b instanceof CelMap) {
    return a.size === b.size && a.keys().every((key) => same(a.find(key) ?? null, b.find(key) ?? "absent"));
  }
  return equals(a, b) === true;
}

function leftOut(expr: string, message: Message): string | undefined {
  if (textOf(message, "container") !== undefined && !messages.test(expr))
    return "there is no container of names";
  if (messages.test(expr) && !/google\.protobuf\.(?:Timestamp|Duration)(?!\s*\{)/u.test(expr))
    return "there are no protobuf messages";
  if (textOf(message, "disable_macros") === "true") return "macros are always expanded";
  if (messagesOf(message, "type_env").some((each) => messageOf(each, "function") !== undefined)) {
    return "nobody declares functions";
  }
  return undefined;
}

function variableTypes(message: Message): Record<string, CelType> | undefined {
  const types: Record<string, CelType> = {};
  for (const declared of messagesOf(message, "type_env")) {
    const type = messageOf(messageOf(declared, "ident"), "type");
    const made = type === undefined ? dynType : typeFrom(type);
    if (made === undefined) return undefined;
    types[textOf(declared, "name") ?? ""] = made;
  }
  for (const binding of messagesOf(message, "bindings")) types[textOf(binding, "key") ?? ""] ??= dynType;
  return types;
}

const primitives: Readonly<Record<string, CelType>> = {
  BOOL: boolType,
  INT64: intType,
  UINT64: uintType,
  DOUBLE: doubleType,
  STRING: stringType,
  BYTES: bytesType,
};

function typeFrom(message: Message): CelType | undefined {
  const primitive = textOf(message, "primitive");
  if (primitive !== undefined) return primitives[primitive];
  const known = textOf(message, "well_known");
  if (known !== undefined)
    return known === "TIMESTAMP" ? timestampType : known === "DURATION" ? durationType : undefined;
  if (message["null"] !== undefined) return nullType;
  if (message["dyn"] !== undefined) return dynType;
  const list = messageOf(messageOf(message, "list_type"), "elem_type");
  if (list !== undefined) return wrap(typeFrom(list), listType);
  const map = messageOf(message, "map_type");
  if (map !== undefined) {
    const key = typeFrom(messageOf(map, "key_type") ?? {});
    const value = typeFrom(messageOf(map, "value_type") ?? {});
    return key && value && mapType(key, value);
  }
  const type = messageOf(message, "type");
  if (type !== undefined)
    return wrap(typeFrom(type), (inner) => ({ kind: "type", name: "type", params: [inner] }));
  const abstract = messageOf(message, "abstract_type");
  if (textOf(abstract, "name") === "optional_type") {
    return wrap(typeFrom(messageOf(abstract, "parameter_types") ?? {}), optionalType);
  }
  return undefined;
}

function wrap(type: CelType | undefined, make: (type: CelType) => CelType): CelType | undefined {
  return type && make(type);
}

function bindings(message: Message): Record<string, CelValue> | undefined {
  const values: Record<string, CelValue> = {};
  for (const binding of messagesOf(message, "bindings")) {
    const value = valueFrom(messageOf(messageOf(binding, "value"), "value") ?? {});
    if (value === undefined) return undefined;
    values[textOf(binding, "key") ?? ""] = value;
  }
  return values;
}

function valueFrom(message: Message): CelValue | undefined {
  const text = (name: string) => textOf(message, name);
  const int = text("int64_value");
  if (int !== undefined) return intValue(BigInt(int)) ?? 0;
  const uint = text("uint64_value");
  if (uint !== undefined) return uintValue(BigInt(uint));
  const double = text("double_value");
  if (double !== undefined) return new CelDouble(real(double));
  const string = text("string_value");
  if (string !== undefined) return string;
  const bool = text("bool_value");
  if (bool !== undefined) return bool === "true";
  if (message["null_value"] !== undefined) return null;
  const bytes = message["bytes_value"]?.[0];
  if (bytes instanceof Uint8Array) return bytes;
  const typeValue = text("type_value");
  if (typeValue !== undefined) return new CelTypeValue({ kind: "struct", name: typeValue, params: [] });
  return containerFrom(message);
}

function containerFrom(message: Message): CelValue | undefined {
  const list = messageOf(message, "list_value");
  if (list !== undefined) {
    const items = messagesOf(list, "values").map(valueFrom);
    return items.every((item) => item !== undefined) ? new ArrayList(items) : undefined;
  }
  const map = messageOf(message, "map_value");
  if (map === undefined) return undefined;
  const made = new HashMap();
  for (const entry of messagesOf(map, "entries")) {
    const key = valueFrom(messageOf(entry, "key") ?? {});
    const value = valueFrom(messageOf(entry, "value") ?? {});
    if (key === undefined || value === undefined) return undefined;
    made.set(key, value);
  }
  return made;
}

function real(text: string): number {
  if (/^[+-]?inf(?:inity)?$/iu.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  return Number(text);
}
