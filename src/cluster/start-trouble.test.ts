import { expect, it } from "vitest";
import { VirtualClock } from "../apimachinery/clock.ts";
import { lookForTrouble } from "./start-trouble.ts";

function start() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const state: { trouble: string | undefined } = { trouble: undefined };
  const stop = lookForTrouble({ clock, find: () => state.trouble, tell: (trouble) => told.push(trouble) });
  return { clock, told, state, stop };
}

it("a start that is quick is not looked into", async () => {
  const { clock, told, state, stop } = start();
  state.trouble = "not yet";
  await clock.advance(2_000);
  stop();
  await clock.advance(60_000);
  expect(told).toEqual([]);
});

it("trouble is told once, soon after it is there", async () => {
  const { clock, told, state } = start();
  await clock.advance(10_000);
  expect(told).toEqual([]);
  state.trouble = "the vault is sealed";
  await clock.advance(3_000);
  expect(told).toEqual(["the vault is sealed"]);
  await clock.advance(60_000);
  expect(told).toHaveLength(1);
});
