import { isIp } from "../../../apimachinery/names.ts";

/** Addresses that parsers read differently, or that are not in the form that all print. */
export function ipWarnings(address: string | undefined, path: string, warnings: string[]): void {
  if (address === undefined || !isIp(address)) return;
  const shown = JSON.stringify(address);
  if (!address.includes(":")) {
    const canonical = address.split(".").map(Number).join(".");
    if (canonical !== address)
      warnings.push(
        `${path}: non-standard IP address ${shown} will be considered invalid in a future Kubernetes release: use ${JSON.stringify(canonical)}`,
      );
    return;
  }
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  if (/^::ffff:/i.test(address) && address.includes(".")) return;
  if (canonical === address) return;
  warnings.push(
    `${path}: IPv6 address ${shown} should be in RFC 5952 canonical format (${JSON.stringify(canonical)})`,
  );
}
