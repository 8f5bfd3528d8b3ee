import {
  CelDouble,
  CelErr,
  CelList,
  CelMap,
  CelOpaque,
  CelUint,
  type CelValue,
  integerOf,
  isInt,
} from "../values.ts";
import { runtimeTypeName } from "./runtime-type.ts";
import { plainDecimal } from "./time.ts";

/** The element of a key or index; undefined when there is none. */
export function lookup(container: CelValue, key: CelValue): CelValue | undefined {
  if (container instanceof CelMap) return container.find(key);
  if (container instanceof CelList) return elementAt(container, key);
  if (container instanceof CelOpaque) return typeof key === "string" ? container.field(key) : undefined;
  return container instanceof CelErr ? container : undefined;
}

function elementAt(list: CelList, key: CelValue): CelValue | undefined {
  if (typeof key === "number") return key >= 0 && key < list.size ? list.at(key) : undefined;
  const index = listIndex(key);
  if (typeof index !== "number") return index;
  return index >= 0 && index < list.size ? list.at(index) : undefined;
}

/** Numbers without a fraction are indexes, whatever their type; others are refused by type. */
function listIndex(key: CelValue): number | CelErr | undefined {
  if (isInt(key)) return typeof key === "number" ? key : undefined;
  if (key instanceof CelUint || key instanceof CelDouble) {
    const index = integerOf(Number(key.value));
    if (index === undefined) return new CelErr(`unsupported index value ${showKey(key)} in list`);
    return typeof index === "number" ? index : undefined;
  }
  return new CelErr(`unsupported index type '${runtimeTypeName(key)}' in list`);
}

/** Why a lookup found nothing. */
export function missing(container: CelValue, key: CelValue): CelErr {
  return new CelErr(
    `${container instanceof CelList ? "index out of bounds" : "no such key"}: ${showKey(key)}`,
  );
}

export function showKey(key: CelValue): string {
  if (key instanceof CelUint) return String(key.value);
  if (key instanceof CelDouble) return plainDecimal(key.value);
  // Whatever else cannot be a key: its type says enough.
  return typeof key === "object" && key !== null ? runtimeTypeName(key) : String(key);
}
