import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  errorType,
  intType,
  listType,
  mapType,
  nullType,
  optionalType,
  stringType,
  timestampType,
  typeType,
  uintType,
} from "../types.ts";
import {
  CelDouble,
  CelDuration,
  CelList,
  CelMap,
  CelOpaque,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
} from "../values.ts";

const anyList = listType(dynType);
const anyMap = mapType(dynType, dynType);
const anyOptional = optionalType(dynType);

/** The type that a value shows: what `type(x)` gives, without what lists and maps hold. */
export function runtimeType(value: CelValue): CelType {
  switch (typeof value) {
    case "string":
      return stringType;
    case "number":
    case "bigint":
      return intType;
    case "boolean":
      return boolType;
    default:
      return objectType(value);
  }
}

function objectType(value: Exclude<CelValue, string | number | bigint | boolean>): CelType {
  if (value === null) return nullType;
  if (value instanceof CelMap) return anyMap;
  if (value instanceof CelList) return anyList;
  if (value instanceof CelDouble) return doubleType;
  if (value instanceof CelUint) return uintType;
  if (value instanceof Uint8Array) return bytesType;
  if (value instanceof CelTimestamp) return timestampType;
  if (value instanceof CelDuration) return durationType;
  if (value instanceof CelTypeValue) return typeType;
  if (value instanceof CelOptional) return anyOptional;
  if (value instanceof CelOpaque) return value.type;
  return errorType;
}

/** The name that `no such overload: f(int, string)` shows. */
export function runtimeTypeName(value: CelValue): string {
  return runtimeType(value).name;
}

/** Whether a value may be handed to an implementation that was declared for `type`. */
export function fitsType(value: CelValue, type: CelType): boolean {
  switch (type.kind) {
    case "dyn":
    case "any":
    case "typeParam":
      return true;
    case "list":
      return value instanceof CelList;
    case "map":
      return value instanceof CelMap;
    case "string":
      return typeof value === "string";
    case "int":
      return typeof value === "number" || typeof value === "bigint";
    case "bool":
      return typeof value === "boolean";
    default:
      return runtimeType(value).name === type.name;
  }
}
