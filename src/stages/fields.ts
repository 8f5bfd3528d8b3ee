import { isObject } from "../apimachinery/json.ts";

/** Why a Stage cannot be followed. */
export class StageRefused extends Error {
  override readonly name = "StageRefused";
}

export type Fields = Readonly<Record<string, unknown>>;

export const fields = (value: unknown): Fields => (isObject(value) ? value : {});
export const items = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const texts = (value: unknown): string[] => items(value).map(text);

/** Anything else is refused by name: leaving it out would make something else of the Stage. */
export function onlyKnown(where: string, given: Fields, names: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new StageRefused(`${where}.${unknown} is not supported`);
}

/** What `make` makes; what it throws is why the Stage is refused. */
export function orRefused<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new StageRefused(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
