import { type FieldError, invalid } from "../../../apimachinery/field-error.ts";

export interface Fault {
  readonly message: string;
  /** With a path below the value; absent for what is said of no field in particular. */
  readonly error?: FieldError;
}

/** As many faults are looked through one by one. */
const few = 16;

/** How many checks were passed decides which of several alternatives was meant. */
export class Outcome {
  readonly faults: Fault[] = [];
  matches = 0;
  /** What was said already, once that is much. */
  #said: Set<string> | undefined;

  get isValid(): boolean {
    return this.faults.length === 0;
  }

  add(fault: Fault): void {
    if (this.faults.length >= few) {
      this.#said ??= new Set(this.faults.map(({ message }) => message));
      if (this.#said.has(fault.message)) return;
      this.#said.add(fault.message);
    } else if (this.faults.some(({ message }) => message === fault.message)) return;
    this.faults.push(fault);
  }

  merge(other: Outcome): void {
    for (const fault of other.faults) this.add(fault);
    this.matches += other.matches;
  }
}

export const fieldFault = (place: string, message: string, value: unknown): Fault => ({
  message,
  error: invalid(place, value, message),
});

/** What stands for the type of the value is shown like a value. */
export function wrongType(place: string, type: string, found: string): Fault {
  const message = `${place} in body must be of type ${type}: ${JSON.stringify(found)}`;
  return { message, error: { type: "FieldValueTypeInvalid", path: place, value: found, detail: message } };
}
