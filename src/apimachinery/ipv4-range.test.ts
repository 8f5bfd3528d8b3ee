import { expect, test } from "vitest";
import { holdsIpv4, holdsIpv4Range, ipv4Number, ipv4Text, parseIpv4Range } from "./ipv4-range.ts";

test.each([
  ["10.96.0.0/16", "10.96.0.0", "10.96.255.255"],
  ["10.96.1.7/24", "10.96.1.0", "10.96.1.255"],
  ["192.168.0.1/32", "192.168.0.1", "192.168.0.1"],
  ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
])("%s goes from %s to %s", (cidr, start, end) => {
  const range = parseIpv4Range(cidr);
  expect(range?.text).toBe(cidr);
  expect(ipv4Text(range?.start ?? 0)).toBe(start);
  expect(ipv4Text(range?.end ?? 0)).toBe(end);
});

test.each(["fd00::/108", "10.96.0.0", "10.96.0.0/33", "", "a.b.c.d/8"])("%j is no range of IPv4", (text) => {
  expect(parseIpv4Range(text)).toBeUndefined();
});

test("a range holds its addresses and the ranges within", () => {
  const outer = parseIpv4Range("10.96.0.0/16");
  const inner = parseIpv4Range("10.96.4.0/24");
  if (outer === undefined || inner === undefined) throw new Error("unreachable");
  expect(holdsIpv4(outer, ipv4Number("10.96.255.255"))).toBe(true);
  expect(holdsIpv4(outer, ipv4Number("10.97.0.0"))).toBe(false);
  expect(holdsIpv4Range(outer, inner)).toBe(true);
  expect(holdsIpv4Range(inner, outer)).toBe(false);
  expect(holdsIpv4Range(outer, outer)).toBe(true);
});
