import { type Clock, RealClock, VirtualClock } from "../../apimachinery/clock.ts";
import { nthNodeName } from "../names.ts";
import { checkController } from "./known-names.ts";
import type { CreateClusterOptions } from "./options.ts";

/** Where volumes of the default StorageClass lie. */
export const firstNode = (nodes: CreateClusterOptions["nodes"]): string =>
  typeof nodes === "object" ? (nodes[0]?.name ?? nthNodeName(0)) : nthNodeName(0);

/** The clock that the options ask for; a virtual one begins at `nowMs`, where that is known. Throws TypeError for a time that is none. */
export function newClock(
  { clock = "real", startTime }: CreateClusterOptions,
  nowMs: number | undefined,
): Clock {
  if (clock === "virtual") {
    const startMs = nowMs ?? new Date(startTime ?? "2026-01-01T00:00:00Z").getTime();
    if (Number.isNaN(startMs)) throw new TypeError(`startTime: ${JSON.stringify(startTime)} is no time`);
    return new VirtualClock(startMs);
  }
  if (startTime !== undefined)
    throw new TypeError('startTime needs a clock that can be set: clock: "virtual"');
  return new RealClock();
}

/** Which controllers are to run; `check` throws TypeError for names that no controller has. */
export function chosenControllers(chosen: CreateClusterOptions["controllers"] = "all"): {
  readonly runs: (name: string) => boolean;
  readonly check: (names: readonly string[]) => void;
} {
  if (chosen === "all" || chosen === "none") return { runs: () => chosen === "all", check: () => undefined };
  const isExcept = "except" in chosen;
  const given: readonly string[] = isExcept ? chosen.except : chosen;
  return {
    runs: (name) => given.includes(name) !== isExcept,
    check: (names) => {
      const unknown = given.find((name) => !names.includes(name));
      if (unknown !== undefined) checkController(unknown, names);
    },
  };
}
