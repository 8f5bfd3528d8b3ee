import { expect, it } from "vitest";
import { simulate } from "./run.ts";

it.each([
  ["a lease in the name of a Node that is gone", 7, 5],
  ["a pod of a node that was taken for gone", 9, 22],
  ["a claim of a pod that is not on the first node", 1, 12],
  ["nothing in particular", 3, 12],
])(
  "a cluster is as it must be after %s: seed %i",
  async (_, seed, steps) => {
    const { breaches, log } = await simulate({ seed, steps });
    expect(breaches, log.slice(-30).join("\n")).toEqual([]);
  },
  600_000,
);

it("a seed goes the same way twice, and another goes another way", async () => {
  const digest = async (seed: number): Promise<string> => (await simulate({ seed, steps: 5 })).digest;
  const first = await digest(11);
  expect(await digest(11)).toBe(first);
  expect(await digest(12)).not.toBe(first);
}, 600_000);
