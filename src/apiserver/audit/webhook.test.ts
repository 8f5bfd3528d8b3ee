import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../apimachinery/clock.ts";
import { silentLogger } from "../../apimachinery/logger.ts";
import { SeededRandom } from "../../apimachinery/random.ts";
import { newInternalError } from "../../apimachinery/status.ts";
import type { TransportRequest, TransportResponse } from "../../apimachinery/transport.ts";
import { AuditWebhook, auditWebhookDefaults } from "./webhook.ts";

interface EventList {
  readonly items: readonly { readonly auditID: string }[];
}

/** A collector that answers at once, or fails, or leaves requests unanswered until it is told to. */
class Collector {
  readonly batches: string[][] = [];
  readonly times: number[] = [];
  mode: "takes" | "fails" | "hangs" = "takes";
  isClosed = false;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async request({ body, signal }: TransportRequest): Promise<TransportResponse> {
    this.times.push(this.#clock.now());
    this.batches.push((body as EventList).items.map(({ auditID }) => auditID));
    if (this.mode === "fails") throw newInternalError("the collector's disk is full");
    if (this.mode === "hangs")
      await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    return { status: 200, body: {}, warnings: [] };
  }

  close(): void {
    this.isClosed = true;
  }
}

function start(options: Partial<typeof auditWebhookDefaults> = {}) {
  const clock = new VirtualClock();
  const collector = new Collector(clock);
  const common = { clock, random: new SeededRandom(1), logger: silentLogger };
  const webhook = new AuditWebhook({ ...auditWebhookDefaults, ...common, transport: collector, ...options });
  const write = (count: number, from = 0): boolean[] =>
    Array.from({ length: count }, (_, index) => webhook.write(`{"auditID":"${from + index}"}\n`));
  return { clock, collector, webhook, write };
}

describe("AuditWebhook", () => {
  it("sends what has come together within half a minute", async () => {
    const { clock, collector, write } = start();
    write(2);
    await clock.advance(29_000);
    expect(collector.batches).toEqual([]);
    await clock.advance(1_000);
    expect(collector.batches).toEqual([["0", "1"]]);
    await clock.advance(60_000);
    expect(collector.batches).toHaveLength(1);
  });

  it("sends a full batch at once, in the form of an EventList", async () => {
    const { clock, collector, write } = start({ maxBatchEvents: 3 });
    write(7);
    await clock.advance(1);
    expect(collector.batches).toEqual([
      ["0", "1", "2"],
      ["3", "4", "5"],
    ]);
    await clock.advance(30_000);
    expect(collector.batches.at(-1)).toEqual(["6"]);
  });

  it("tries a batch five times, waiting half as much again each time", async () => {
    const { clock, collector, webhook, write } = start({ maxBatchEvents: 1 });
    collector.mode = "fails";
    const began = clock.now();
    write(1);
    await clock.advance(200_000);
    expect(collector.batches).toHaveLength(5);
    const waits = collector.times.map((at) => at - began);
    for (const [index, least] of [0, 10_000, 25_000, 47_500, 81_250].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      expect(waits[index]).toBeLessThanOrEqual(least * 1.2);
    }
    expect(webhook.lost).toBe(1);
  });

  it("loses nothing while a collector is away for a minute", async () => {
    const { clock, collector, webhook, write } = start({ maxBatchEvents: 1 });
    collector.mode = "fails";
    write(3);
    await clock.advance(60_000);
    collector.mode = "takes";
    await clock.advance(60_000);
    expect(new Set(collector.batches.slice(-3).flat())).toEqual(new Set(["0", "1", "2"]));
    expect(webhook.lost).toBe(0);
  });

  it("asks a collector that hangs ten times at once, and refuses events when the queue is full", async () => {
    const { clock, collector, webhook, write } = start({ maxBatchEvents: 1 });
    collector.mode = "hangs";
    expect(write(10_010).every((taken) => taken)).toBe(true);
    expect(collector.batches).toHaveLength(10);
    expect(webhook.write("{}\n")).toBe(false);
    collector.mode = "takes";
    await clock.advance(60_000);
    expect(new Set(collector.batches.flat()).size).toBe(10_010);
    expect(webhook.lost).toBe(0);
  });

  it("sends what waits when it is closed, once, and takes nothing afterwards", async () => {
    const { collector, webhook, write } = start();
    write(2);
    await webhook.close();
    expect(collector.batches).toEqual([["0", "1"]]);
    expect(webhook.write("{}\n")).toBe(false);
    expect(collector.isClosed).toBe(true);
  });

  it.each(["fails", "hangs"] as const)(
    "does not wait long for a collector that %s when it is closed",
    async (mode) => {
      const { clock, collector, webhook, write } = start({ maxBatchEvents: 2 });
      collector.mode = mode;
      write(3);
      await clock.advance(1_000);
      const closed = webhook.close();
      await clock.advance(4_000);
      await closed;
      expect(webhook.lost).toBe(3);
    },
  );
});
