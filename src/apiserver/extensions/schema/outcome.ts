import { type FieldError, invalid } from "../../../apimachinery/field-error.ts";

export interface Fault {
  readonly message: string;
  /** With a path below the value; absent for what is said of no field in particular. */
  readonly error?: FieldError;
}

/** How many checks were passed decides which of several alternatives was meant. */
export class Outcome {
  readonly faults: Fault[] = [];
  matches = 0;

  get isValid(): boolean {
    return this.faults.length === 0;
  }

  add(fault: Fault): void {
    if (!this.faults.some(({ message }) => message === fault.message)) this.faults.push(fault);
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
