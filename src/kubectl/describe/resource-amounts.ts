import type { Container, Pod } from "../../api/types/core-v1.ts";
import { Quantity, tryParseQuantity } from "../../apimachinery/quantity.ts";

export type Amounts = Map<string, Quantity>;

/**
 * What a pod asks for, or may use: the sum over its containers, but at least what the hungriest init container needs, with
 * the sidecars that run by then, and the overhead. (As k8s.io/component-helpers resource.PodRequests.)
 */
export function podAmounts(pod: Pod, which: "requests" | "limits"): Amounts {
  const { containers, initContainers = [], overhead, resources } = pod.spec;
  const total: Amounts = new Map();
  for (const container of containers) add(total, amountsOf(container.resources?.[which]));
  const sidecars: Amounts = new Map();
  const initial: Amounts = new Map();
  for (const container of initContainers) {
    const own = amountsOf(container.resources?.[which]);
    if (container.restartPolicy === "Always") {
      add(total, own);
      add(sidecars, own);
      raise(initial, sidecars);
    } else {
      const withSidecars = new Map(sidecars);
      add(withSidecars, own);
      raise(initial, withSidecars);
    }
  }
  raise(total, initial);
  // What is said for the whole pod wins over the sum.
  for (const [name, amount] of amountsOf(resources?.[which])) total.set(name, amount);
  for (const [name, amount] of amountsOf(overhead)) {
    const sum = total.get(name);
    if (which === "requests" || (sum !== undefined && !sum.isZero()))
      total.set(name, sum?.add(amount) ?? amount);
  }
  return total;
}

export function amountsOf(texts: Readonly<Record<string, string | number>> | undefined): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, text] of Object.entries(texts ?? {})) {
    const amount = tryParseQuantity(text);
    if (amount !== undefined) amounts.set(name, amount);
  }
  return amounts;
}

export function add(total: Amounts, more: Amounts): void {
  for (const [name, amount] of more) total.set(name, total.get(name)?.add(amount) ?? amount);
}

function raise(total: Amounts, least: Amounts): void {
  for (const [name, amount] of least) {
    const known = total.get(name);
    if (known === undefined || known.compare(amount) < 0) total.set(name, amount);
  }
}

const zero = Quantity.parse("0");

/** `250m (12%)` of what the node has. */
export function share(amount: Quantity = zero, whole: Quantity = zero, isCpu = false): string {
  const value = (quantity: Quantity): number => Number(isCpu ? quantity.milliValue() : quantity.value());
  const percent = value(whole) === 0 ? 0 : Math.trunc((value(amount) / value(whole)) * 100);
  return `${amount.toString()} (${percent}%)`;
}

/** `limits.cpu` of a container in units of the divisor, rounded up. */
export function resourceFieldValue(
  container: Container,
  resource: string,
  divisor: string | number | undefined,
): string {
  const [kind = "", ...rest] = resource.split(".");
  const name = rest.join(".");
  const amount =
    tryParseQuantity(container.resources?.[kind === "limits" ? "limits" : "requests"]?.[name]) ?? zero;
  const unit = tryParseQuantity(divisor);
  const isWhole = unit === undefined || unit.isZero();
  if (name === "cpu") {
    const milli = isWhole ? 1000n : unit.milliValue();
    return String((amount.milliValue() + milli - 1n) / milli);
  }
  const size = isWhole ? 1n : unit.value();
  return String((amount.value() + size - 1n) / size);
}
