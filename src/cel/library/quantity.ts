import { Quantity } from "../../apimachinery/quantity.ts";
import type { CelType } from "../types.ts";
import { CelDouble, CelErr, CelOpaque, type CelValue, intValue, isInt } from "../values.ts";
import {
  type FunctionDeclaration,
  type Implementation,
  noSuchOverload,
  onText,
  Signatures,
} from "./declare.ts";

/** Quantities: `quantity('1Gi').isGreaterThan(quantity('500Mi'))`. */
export const quantityType: CelType = { kind: "struct", name: "kubernetes.Quantity", params: [] };

const s = new Signatures({ quantity: quantityType });

export class QuantityValue extends CelOpaque {
  readonly type = quantityType;
  readonly quantity: Quantity;
  /** Decimal places as it was written: one written with any is no integer, whatever its amount. */
  readonly places: number;
  /** Made by adding or subtracting: Kubernetes cannot compare anything to such a one, only such a one to others. */
  readonly #computed: boolean;

  constructor(quantity: Quantity, places: number, computed: boolean) {
    super();
    this.quantity = quantity;
    this.places = places;
    this.#computed = computed;
  }

  override equals(other: CelValue): boolean | CelErr {
    if (!(other instanceof QuantityValue) || other.#computed) return noSuchOverload;
    return this.quantity.compare(other.quantity) === 0;
  }

  override toJson(): unknown {
    return this.quantity.toString();
  }
}

function parse(text: string): QuantityValue | CelErr {
  // Spaces around it are no part of a quantity; other readers allow them.
  if (text !== text.trim()) return new CelErr(unparseable);
  try {
    return new QuantityValue(Quantity.parse(text), placesOf(text), false);
  } catch (error) {
    return new CelErr(
      text === ""
        ? "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        : error instanceof Error
          ? error.message
          : unparseable,
    );
  }
}

const unparseable =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

const exponents: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

function placesOf(text: string): number {
  const [, fraction = "", suffix = ""] = /^[+-]?\d*\.?(\d*)(.*)$/u.exec(text) ?? [];
  const written = /^[eE]([+-]?\d+)$/u.exec(suffix)?.[1];
  const exponent = written === undefined ? (exponents[suffix] ?? 0) : Number(written);
  return fraction.length - exponent;
}

function asInt({ quantity, places }: QuantityValue): number | bigint | undefined {
  if (places > 0 || quantity.nanos % 1_000_000_000n !== 0n) return undefined;
  return intValue(quantity.nanos / 1_000_000_000n);
}

const onQuantity =
  (of: (value: QuantityValue) => CelValue): Implementation =>
  (value) =>
    value instanceof QuantityValue ? of(value) : noSuchOverload;

const onQuantities =
  (of: (a: Quantity, b: Quantity) => CelValue): Implementation =>
  (a, b) =>
    a instanceof QuantityValue && b instanceof QuantityValue ? of(a.quantity, b.quantity) : noSuchOverload;

const combine =
  (of: (a: Quantity, b: Quantity) => Quantity): Implementation =>
  (a, b = null) => {
    if (!(a instanceof QuantityValue)) return noSuchOverload;
    if (isInt(b))
      return computed(of(a.quantity, Quantity.fromInteger(BigInt(b), "DecimalExponent")), a.places, 0);
    return b instanceof QuantityValue
      ? computed(of(a.quantity, b.quantity), a.places, b.places)
      : noSuchOverload;
  };

function computed(quantity: Quantity, a: number, b: number): QuantityValue {
  return new QuantityValue(quantity, Math.max(a, b), true);
}

export const quantityFunctions: readonly FunctionDeclaration[] = [
  s.fn("quantity", { "string_to_quantity: (string) -> quantity": onText(parse) }),
  s.fn("isQuantity", {
    "is_quantity_string: (string) -> bool": onText((text) => !(parse(text) instanceof CelErr)),
  }),
  s.fn("sign", {
    "quantity_sign: (quantity) -> int": onQuantity(({ quantity: { nanos } }) =>
      nanos < 0n ? -1 : nanos > 0n ? 1 : 0,
    ),
  }),
  s.fn("isGreaterThan", {
    "quantity_is_greater_than: quantity.(quantity) -> bool": onQuantities((a, b) => a.compare(b) > 0),
  }),
  s.fn("isLessThan", {
    "quantity_is_less_than: quantity.(quantity) -> bool": onQuantities((a, b) => a.compare(b) < 0),
  }),
  s.fn("compareTo", {
    "quantity_compare_to: quantity.(quantity) -> int": onQuantities((a, b) => a.compare(b)),
  }),
  s.fn("asApproximateFloat", {
    "quantity_get_float: quantity.() -> double": onQuantity(
      ({ quantity }) => new CelDouble(quantity.toNumber()),
    ),
  }),
  s.fn("asInteger", {
    "quantity_get_int: quantity.() -> int": onQuantity(
      (value) => asInt(value) ?? new CelErr("cannot convert value to integer"),
    ),
  }),
  s.fn("isInteger", {
    "quantity_is_integer: quantity.() -> bool": onQuantity((value) => asInt(value) !== undefined),
  }),
  s.fn("add", {
    "quantity_add: quantity.(quantity) -> quantity": combine((a, b) => a.add(b)),
    "quantity_add_int: quantity.(int) -> quantity": combine((a, b) => a.add(b)),
  }),
  s.fn("sub", {
    "quantity_sub: quantity.(quantity) -> quantity": combine((a, b) => a.sub(b)),
    "quantity_sub_int: quantity.(int) -> quantity": combine((a, b) => a.sub(b)),
  }),
];
