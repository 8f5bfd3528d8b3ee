import type { CelType } from "../types.ts";
import { CelErr, CelOpaque, type CelValue } from "../values.ts";

/** A library's value that is a plain one inside: equal when its text is. */
export abstract class TextualValue extends CelOpaque {
  abstract override readonly type: CelType;
  abstract override toString(): string;

  override equals(other: CelValue): boolean | CelErr {
    if (!(other instanceof TextualValue) || other.type !== this.type) return new CelErr("no such overload");
    return this.toString() === other.toString();
  }

  override toJson(): unknown {
    return this.toString();
  }
}
