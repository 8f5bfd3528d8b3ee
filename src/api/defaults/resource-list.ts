import { tryParseQuantity } from "../../apimachinery/quantity.ts";

export type ResourceList = Record<string, string>;

/** A quantity that may be finer than a thousandth: nano, micro, many decimals or a negative exponent. */
const mayBeFine = /[nu]$|\.\d{4,}|[eE]-|\.\d+m$/;

/** Rounds quantities up to thousandths, in place, as Kubernetes does for every list of resources. */
export function roundResourceList(list: ResourceList | undefined): void {
  if (list === undefined) return;
  for (const name of Object.keys(list)) {
    const text = list[name];
    if (typeof text !== "string" || !mayBeFine.test(text)) continue;
    const quantity = tryParseQuantity(text);
    if (quantity !== undefined) list[name] = quantity.roundUpToMilli().toString();
  }
}

/** Adds what the other list has and this one lacks. */
export function addMissing(target: ResourceList, source: ResourceList | undefined): void {
  for (const name of Object.keys(source ?? {})) {
    const value = source?.[name];
    if (!Object.hasOwn(target, name) && value !== undefined) target[name] = value;
  }
}
