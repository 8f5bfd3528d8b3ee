import type {
  ConnectRequest,
  MessageChannelConnection,
  Transport,
  TransportRequest,
  TransportResponse,
  WatchEvent,
} from "../../../apimachinery/transport.ts";
import type { FaultLog } from "./fault-log.ts";

export interface ControllerCrashOptions {
  /** It dies when so many more of its writes have been answered. Default 0: at once. */
  readonly afterWrites?: number;
  /** How often: each time it counts its writes anew. Default 1. */
  readonly times?: number;
}

/** Controllers that die in the middle of what they do. */
export class ControllerCrashes {
  readonly #log: FaultLog;
  readonly #connections = new Map<string, MortalTransport>();
  readonly #planned = new Set<PlannedCrash>();

  constructor(log: FaultLog) {
    this.#log = log;
  }

  /** The connection of a controller that begins. */
  connect(name: string, transport: Transport, signal: AbortSignal): Transport {
    const connection = new MortalTransport(transport);
    this.#connections.set(name, connection);
    signal.addEventListener("abort", () => {
      if (this.#connections.get(name) === connection) this.#connections.delete(name);
    });
    this.#arm(name, connection);
    return connection;
  }

  /** Has the controller die; `beginAnew` is called each time. */
  plan(
    name: string,
    { afterWrites = 0, times = 1 }: ControllerCrashOptions,
    beginAnew: () => void,
  ): PlannedCrash {
    const crash = new PlannedCrash({ name, afterWrites, times, beginAnew }, () =>
      this.#planned.delete(crash),
    );
    this.#planned.add(crash);
    const connection = this.#connections.get(name);
    if (connection !== undefined) this.#arm(name, connection);
    return crash;
  }

  clear(): void {
    this.#planned.clear();
  }

  #arm(name: string, connection: MortalTransport): void {
    const crash = [...this.#planned].find((each) => each.plan.name === name && each.hits < each.plan.times);
    if (crash === undefined) return;
    let left = crash.plan.afterWrites;
    const die = (): void => {
      if (!this.#planned.has(crash) || crash.hits >= crash.plan.times) return;
      crash.hits++;
      connection.die();
      this.#log.add(`controller ${name} crashed after ${crash.plan.afterWrites} writes`);
      crash.plan.beginAnew();
    };
    // Not while it is being connected: it is not there yet.
    if (left === 0) queueMicrotask(die);
    else {
      connection.onWritten = () => {
        if (--left === 0) die();
      };
    }
  }
}

export class PlannedCrash {
  readonly plan: {
    readonly name: string;
    readonly afterWrites: number;
    readonly times: number;
    readonly beginAnew: () => void;
  };
  /** How often it has crashed. */
  hits = 0;
  readonly remove: () => void;

  constructor(plan: PlannedCrash["plan"], remove: () => void) {
    this.plan = plan;
    this.remove = remove;
  }
}

/** The connection of somebody who may die: what it was about to ask is never asked. */
class MortalTransport implements Transport {
  readonly #transport: Transport;
  #isDead = false;
  /** Called after each write that was answered, where somebody counts them. */
  onWritten: (() => void) | undefined;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  die(): void {
    this.#isDead = true;
    this.onWritten = undefined;
  }

  request(request: TransportRequest): Promise<TransportResponse> {
    if (this.#isDead) return Promise.reject(dead());
    const answer = this.#transport.request(request);
    return this.onWritten === undefined || request.method === "GET" ? answer : this.#counted(answer);
  }

  watch(request: Omit<TransportRequest, "method" | "body">): AsyncIterable<WatchEvent> {
    if (this.#isDead) throw dead();
    return this.#transport.watch(request);
  }

  stream(request: TransportRequest): Promise<AsyncIterable<Uint8Array>> {
    return this.#isDead ? Promise.reject(dead()) : this.#transport.stream(request);
  }

  connect(request: ConnectRequest): Promise<MessageChannelConnection> {
    return this.#isDead ? Promise.reject(dead()) : this.#transport.connect(request);
  }

  async #counted(answer: Promise<TransportResponse>): Promise<TransportResponse> {
    const answered = await answer;
    // Others of its writes may have been the last one meanwhile.
    if (this.#isDead) throw dead();
    this.onWritten?.();
    return answered;
  }
}

const dead = (): Error => new Error("a fault was injected: the controller has crashed");
