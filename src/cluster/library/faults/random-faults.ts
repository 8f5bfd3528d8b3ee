import type { Clock, Timer } from "../../../apimachinery/clock.ts";
import { SeededRandom } from "../../../apimachinery/random.ts";
import { formatDuration } from "../duration.ts";
import type { Faults } from "../faults.ts";
import { checkNames, meant } from "../known-names.ts";
import type { NodeOptions, SignedDuration } from "../options.ts";
import { Draw } from "./draw.ts";
import type { FaultRule } from "./rules.ts";

/** What may go wrong by chance. */
export type RandomFaultKind = (typeof kinds)[number];

const kinds = [
  "error",
  "conflict",
  "lost-answer",
  "delay",
  "dropped-watches",
  "expired-watches",
  "stale",
  "pages",
  "webhook",
  "disk-full",
  "controller-crash",
  "server-crash",
  "node-crash",
  "partition",
  "skew",
] as const;

export interface RandomFaultOptions {
  /** What goes wrong, and when, comes from it. Default: drawn from the cluster's seed. */
  readonly seed?: number;
  /** How many faults in a minute of the cluster's time, on the average. Default 6. */
  readonly rate?: number;
  /** Default: all. */
  readonly kinds?: readonly RandomFaultKind[];
}

/** Faults that come by chance, until they are stopped. */
export interface RandomFaults {
  /** With it, and the same cluster and calls, all of it repeats. */
  readonly seed: number;
  /** How many there were so far. `faults.log` tells which. */
  readonly count: number;
  /** No more of them. Resolves when the server runs; nodes that have crashed come back as soon as time goes on. */
  stop(): Promise<void>;
}

/** What can be broken beside requests. */
export interface Victims {
  readonly server: {
    readonly isRunning: boolean;
    /** Aborts when the cluster is closed. */
    readonly signal: AbortSignal;
    crash(): Promise<void>;
    restart(): Promise<void>;
    controllerNames(): readonly string[];
    crashController(name: string, options: { afterWrites: number }): { remove(): void };
  };
  readonly nodes: {
    options(): NodeOptions[];
    names(): string[];
    crash(name: string): Promise<void>;
    add(options: NodeOptions): Promise<void>;
    partition(name: string): void;
    heal(name: string): void;
    skew(name: string, by: SignedDuration): void;
  };
}

/** Makes whole again what was broken. */
type End = () => void | Promise<void>;

/** What is broken now, with the timer that ends it. */
interface Broken {
  readonly kind: RandomFaultKind;
  readonly end: End;
  readonly timer: Timer;
}

/** What is no rule. */
const lasting: ReadonlySet<RandomFaultKind> = new Set(["server-crash", "node-crash", "partition", "skew"]);

const optionNames = ["seed", "rate", "kinds"];
const perMinute = 6;
/** A fault lasts from one second to so long; a server or a node is missed by now, and a lease has run out. */
const lastsMsMax = 60_000;
/** Until a server that could not start is started again. */
const restartMs = 1_000;
/** The test itself, which is to look at what comes of it. */
const administrator = "kubernetes-admin";

/** Throws TypeError for what is not known. */
export function checkRandomOptions(options: RandomFaultOptions): void {
  checkNames("random faults", options, optionNames);
  const { rate = perMinute, seed, kinds: chosen = kinds } = options;
  if (!(typeof rate === "number" && rate > 0))
    throw new TypeError(`rate: ${JSON.stringify(rate)} is no number of faults in a minute`);
  if (seed !== undefined && !Number.isInteger(seed)) throw new TypeError(`seed: ${seed} is no whole number`);
  if (chosen.length === 0) throw new TypeError("kinds: there are none");
  const unknown = chosen.find((kind) => !kinds.includes(kind));
  if (unknown === undefined) return;
  throw new TypeError(
    `kinds: nothing that goes wrong is called ${JSON.stringify(unknown)}; there are ${kinds.join(", ")}.${meant(unknown, kinds)}`,
  );
}

/** Breaks something every now and then, and makes it whole again some time later. */
export class FaultSchedule implements RandomFaults {
  readonly seed: number;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #victims: Victims;
  readonly #draw: Draw;
  readonly #rate: number;
  readonly #kinds: readonly RandomFaultKind[];
  readonly #broken = new Set<Broken>();
  #timer: Timer | undefined;
  #count = 0;

  constructor(
    parts: { readonly clock: Clock; readonly faults: Faults; readonly victims: Victims },
    options: RandomFaultOptions & { readonly seed: number },
  ) {
    this.#clock = parts.clock;
    this.#faults = parts.faults;
    this.#victims = parts.victims;
    this.seed = options.seed;
    this.#draw = new Draw(new SeededRandom(options.seed));
    this.#rate = options.rate ?? perMinute;
    this.#kinds = options.kinds ?? kinds;
    this.#faults.log.add(`random faults begin with seed ${options.seed}`);
    this.#victims.server.signal.addEventListener("abort", () => this.#halt());
    this.#wait();
  }

  get count(): number {
    return this.#count;
  }

  async stop(): Promise<void> {
    const broken = this.#halt();
    this.#faults.log.add("random faults end");
    // Rules go before anybody asks, and whatever else is to be whole again asks the server.
    for (const { kind, end } of broken) if (!lasting.has(kind)) this.#run(end);
    if (!this.#victims.server.isRunning) await this.#victims.server.restart();
    for (const { kind, end } of broken) if (lasting.has(kind)) this.#run(end);
  }

  /** Answers what is broken. */
  #halt(): Broken[] {
    this.#timer?.stop();
    const broken = [...this.#broken];
    this.#broken.clear();
    for (const { timer } of broken) timer.stop();
    return broken;
  }

  /** Independent of each other, as accidents are: the time between two has an exponential distribution. */
  #wait(): void {
    const delayMs = (-Math.log(1 - this.#draw.share()) * 60_000) / this.#rate;
    this.#timer = this.#clock.after(delayMs, () => {
      this.#wait();
      const kind = this.#draw.of(this.#kinds);
      if (kind !== undefined) this.#break(kind);
    });
  }

  #break(kind: RandomFaultKind): void {
    const lastsMs = 1_000 + this.#draw.upTo(lastsMsMax - 1_000);
    const end = this.#breaking[kind]();
    // There was nothing to break: no node, or no server.
    if (end === undefined) return;
    this.#count++;
    this.#faults.log.add(`random fault: ${kind} for ${formatDuration(lastsMs)}`);
    const timer = this.#clock.after(lastsMs, () => {
      this.#broken.delete(broken);
      this.#run(end);
    });
    const broken: Broken = { kind, end, timer };
    this.#broken.add(broken);
  }

  /** Nobody waits for it: other faults go on meanwhile. */
  #run(work: End): void {
    Promise.resolve()
      .then(work)
      .catch((error: unknown) => this.#faults.log.add(`a random fault went wrong itself: ${String(error)}`));
  }

  readonly #breaking: Record<RandomFaultKind, () => End | undefined> = {
    error: () => {
      const error = this.#draw.of([
        "InternalError",
        "ServiceUnavailable",
        "TooManyRequests",
        "ServerTimeout",
      ] as const);
      return this.#rule({ ...(error !== undefined && { error }), times: 1 + this.#draw.upTo(10) });
    },
    conflict: () =>
      this.#rule({ verb: ["update", "patch"], error: "Conflict", times: 1 + this.#draw.upTo(5) }),
    "lost-answer": () => this.#rule({ verb: writes, error: "Timeout", afterEffect: true, times: 1 }),
    delay: () => this.#rule({ delay: 50 + this.#draw.upTo(5_000), times: 1 + this.#draw.upTo(20) }),
    "dropped-watches": () => {
      this.#faults.dropWatches({});
      return () => undefined;
    },
    "expired-watches": () => {
      this.#faults.dropWatches({}, { expired: true });
      return () => undefined;
    },
    stale: () => this.#rule({ verb: ["get", "list", "watch"], stale: 1_000 + this.#draw.upTo(30_000) }),
    pages: () => this.#rule({ pageSize: 1 + this.#draw.upTo(3) }),
    webhook: () => {
      const error = this.#draw.of(["ConnectionRefused", "ConnectionReset", "NotJson"] as const);
      const fault = this.#faults.addWebhook({
        ...(error === undefined ? { delay: 1_000 } : { error }),
        times: 1 + this.#draw.upTo(5),
      });
      return () => fault.remove();
    },
    "disk-full": () => {
      const fault = this.#faults.fillDisk({ times: 1 + this.#draw.upTo(10) });
      return () => fault.remove();
    },
    "controller-crash": () => {
      const { server } = this.#victims;
      const name = this.#draw.of(server.controllerNames());
      if (name === undefined) return undefined;
      const crash = server.crashController(name, { afterWrites: this.#draw.upTo(4) });
      return () => crash.remove();
    },
    "server-crash": () => {
      const { server } = this.#victims;
      if (!server.isRunning) return undefined;
      this.#run(() => server.crash());
      return () => this.#restart();
    },
    "node-crash": () => {
      const { nodes } = this.#victims;
      const options = this.#draw.of(nodes.options());
      if (options === undefined) return undefined;
      this.#run(() => nodes.crash(options.name));
      return async () => {
        if (!nodes.names().includes(options.name)) await nodes.add(options);
      };
    },
    partition: () => {
      const { nodes } = this.#victims;
      const name = this.#draw.of(nodes.names());
      if (name === undefined) return undefined;
      nodes.partition(name);
      return () => nodes.heal(name);
    },
    skew: () => {
      const { nodes } = this.#victims;
      const name = this.#draw.of(nodes.names());
      if (name === undefined) return undefined;
      nodes.skew(name, this.#draw.upTo(1_200_000) - 600_000);
      return () => {
        if (nodes.names().includes(name)) nodes.skew(name, 0);
      };
    },
  };

  /** As often as it takes: to start, the server may want to write to a disk that is full. */
  async #restart(): Promise<void> {
    const { server } = this.#victims;
    if (server.isRunning || server.signal.aborted) return;
    try {
      await server.restart();
    } catch (error) {
      this.#faults.log.add(`the server could not start: ${String(error)}`);
      this.#clock.after(restartMs, () => this.#run(() => this.#restart()));
    }
  }

  #rule(rule: FaultRule): End {
    const fault = this.#faults.add({ ...rule, exceptUser: administrator });
    return () => fault.remove();
  }
}

const writes = ["create", "update", "patch", "delete"];
