import { runtimeTypeName } from "../../../src/cel/eval/runtime-type.ts";
import { printTimestamp } from "../../../src/cel/eval/time.ts";
import { typeName } from "../../../src/cel/types.ts";
import {
  CelDouble,
  CelDuration,
  CelList,
  CelMap,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  listItems,
} from "../../../src/cel/values.ts";

/** A value with its type, as the oracle prints it. */
export function show(value: CelValue): unknown {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return { int: String(value) };
  if (value instanceof CelUint) return { uint: String(value.value) };
  if (value instanceof CelDouble) return { double: goExponent(value.value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value instanceof CelTimestamp) {
    return { timestamp: printTimestamp(new CelTimestamp(value.seconds, value.nanos)) };
  }
  if (value instanceof CelDuration) return { duration: String(value.nanos) };
  if (value instanceof CelOptional) return { optional: value.value === undefined ? [] : [show(value.value)] };
  if (value instanceof CelList) return listItems(value).map(show);
  if (value instanceof CelMap) {
    const entries = value
      .keys()
      .map((key) => `${JSON.stringify(show(key))}:${JSON.stringify(show(value.find(key) ?? null))}`);
    return { map: entries.toSorted() };
  }
  if (value instanceof CelTypeValue) return { type: typeName(value.type) };
  return { other: runtimeTypeName(value) };
}

function goExponent(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0e+00";
  const [digits, exponent = "0"] = value.toExponential().split("e");
  return `${digits}e${exponent.startsWith("-") ? "-" : "+"}${exponent.slice(1).padStart(2, "0")}`;
}
