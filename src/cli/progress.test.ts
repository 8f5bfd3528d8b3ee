import { expect, it } from "vitest";
import { formatMs } from "./progress.ts";
import { table } from "./status.ts";

it.each([
  [12.4, "12 ms"],
  [999, "999 ms"],
  [1000, "1.0 s"],
  [61_500, "61.5 s"],
  [200_000, "3 min 20 s"],
])("formatMs(%d) is %s", (ms, shown) => {
  expect(formatMs(ms)).toBe(shown);
});

it("table() sets columns three spaces apart", () => {
  expect(
    table([
      ["NAME", "STATE"],
      ["a-long-name", "up"],
    ]),
  ).toBe("NAME          STATE\na-long-name   up\n");
});
