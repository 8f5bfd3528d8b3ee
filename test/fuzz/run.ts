import { Canary } from "./canary.ts";
import type { Outcome } from "./client/answer.ts";
import { Http1Client } from "./client/http1-client.ts";
import { Http2Client } from "./client/http2-client.ts";
import { ServerProcess } from "./client/server-process.ts";
import { describeCase, type FuzzCase } from "./generate/fuzz-request.ts";
import { generate } from "./generate/generate.ts";
import { judge } from "./oracle.ts";
import { type Measurement, stallLimitMs } from "./server/messages.ts";

export interface RunOptions {
  readonly seed: number;
  /** The number of the first request. */
  readonly from: number;
  readonly count: number;
  /** How many requests are under way at once. */
  readonly lanes: number;
  /** Clean up and measure after so many requests. */
  readonly sweepEvery: number;
  /** Print what comes back. */
  readonly isVerbose: boolean;
  readonly print: (line: string) => void;
}

export interface RunResult {
  readonly faults: readonly string[];
  readonly requests: number;
}

/** Memory that caches may come to hold after the first stretch: what watches may resume from takes 32 MB of it. */
const growthLimitBytes = 64 * 1024 * 1024;
/** Each is repeated alone, one after the other. */
const maxSuspects = 200;
/** Faults of one kind come in thousands; a few say it. */
const maxFaults = 40;

/** Sends the requests and judges what comes back, and what becomes of the server. */
export async function run(options: RunOptions): Promise<RunResult> {
  const fuzz = new Run(options);
  return await fuzz.run();
}

class Run {
  readonly #options: RunOptions;
  readonly #faults: string[] = [];
  readonly #statuses = new Map<number, number>();
  /** Number of the request → when it ended; 0 while it is under way. */
  readonly #recent = new Map<number, number>();
  readonly #suspects = new Set<number>();
  readonly #measurements: Measurement[] = [];
  #hasCrashed = false;
  #done = 0;
  #stalls = 0;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async run(): Promise<RunResult> {
    const { seed, from, count, print } = this.#options;
    const server = await ServerProcess.start({
      onFault: (text) => this.#fault(`${text}\n  one of ${this.#underWay()}`),
      onStall: (cpuMs) => this.#onStall(cpuMs),
      onCrash: (how) => {
        this.#hasCrashed = true;
        this.#fault(`the server crashed (${how})\n  one of ${this.#underWay()}`);
      },
    });
    const idle = await server.measure();
    const startMs = performance.now();
    const canary = await Canary.start(server.address);
    const clients = { http1: new Http1Client(server.address), http2: new Http2Client(server.address) };
    const { sweepEvery } = this.#options;
    for (let at = from; at < from + count && this.#isGoing; at += sweepEvery) {
      const end = Math.min(at + sweepEvery, from + count);
      await this.#stretch(clients, canary, at, end);
      await this.#acquit(server, clients);
      for (const fault of this.#hasCrashed ? [] : await server.inspect()) this.#fault(`stored: ${fault}`);
      const left = this.#hasCrashed ? [] : await server.sweep();
      const measured = await server.measure();
      if (measured !== undefined) this.#measurements.push(measured);
      const perSecond = Math.round((this.#done / (performance.now() - startMs)) * 1000);
      print(
        `${end - from} of ${count} requests, ${perSecond}/s, heap ${mebibytes(measured?.heapBytes)} MiB, outside it ` +
          `${mebibytes(measured?.externalBytes)} MiB, resident ${mebibytes(measured?.residentBytes)} MiB, ${measured?.storedObjects} objects, ${left.length} left, ` +
          `${this.#faults.length} faults`,
      );
    }
    if (!this.#hasCrashed) for (const fault of await canary.finish()) this.#fault(fault);
    clients.http1.close();
    clients.http2.close();
    if (!this.#hasCrashed) await this.#checkEnd(server, idle);
    await server.stop();
    const statuses = [...this.#statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
    print(`seed ${seed}: ${this.#done} requests; ${statuses.join(", ")}; ${this.#stalls} stalls`);
    return { faults: this.#faults, requests: this.#done };
  }

  get #isGoing(): boolean {
    return !this.#hasCrashed && this.#faults.length < maxFaults;
  }

  async #stretch(clients: Clients, canary: Canary, from: number, end: number): Promise<void> {
    let next = from;
    const lane = async (): Promise<void> => {
      while (next < end && this.#isGoing) {
        const index = next++;
        if (index % 100 === 0) canary.touch();
        await this.#one(clients, index);
      }
    };
    await Promise.all(Array.from({ length: this.#options.lanes }, lane));
  }

  async #one(clients: Clients, index: number): Promise<void> {
    const { seed, isVerbose, print } = this.#options;
    const fuzz = generate(seed, index);
    this.#recent.set(index, 0);
    if (isVerbose) print(`${index}: ${describeCase(fuzz)}`);
    const outcome = await send(clients, fuzz);
    this.#recent.set(index, performance.now());
    if (this.#recent.size > 1000) this.#forget();
    this.#done++;
    for (const { status } of outcome.answers)
      this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    if (isVerbose) {
      for (const { status, body } of outcome.answers)
        print(`  ${status} ${body.subarray(0, 2000).toString()}`);
      if (outcome.broken !== undefined) print(`  ${outcome.broken}`);
    }
    const why = judge(fuzz, outcome);
    if (why !== undefined && !this.#hasCrashed)
      this.#fault(`${seed}:${index} ${why}\n  ${describeCase(fuzz)}`);
  }

  #fault(text: string): void {
    if (this.#faults.length > maxFaults) return;
    this.#faults.push(text);
    this.#options.print(`FAULT ${text}`);
  }

  #underWay(): string {
    const numbers = [...this.#recent].filter(([, endMs]) => endMs === 0).map(([index]) => index);
    return numbers.map((index) => `${this.#options.seed}:${index}`).join(" ") || "nothing under way";
  }

  #forget(): void {
    for (const [index, endMs] of this.#recent) {
      if (this.#recent.size <= 500) return;
      if (endMs !== 0) this.#recent.delete(index);
    }
  }

  /** Whatever was under way while the event loop was busy may have been the reason. */
  #onStall(cpuMs: number): void {
    this.#stalls++;
    const since = performance.now() - 2 * cpuMs;
    for (const [index, endMs] of this.#recent) {
      if (this.#suspects.size < maxSuspects && (endMs === 0 || endMs >= since)) this.#suspects.add(index);
    }
  }

  /** Repeats each suspect alone: only one that takes as long then is to blame. */
  async #acquit(server: ServerProcess, clients: Clients): Promise<void> {
    const { seed } = this.#options;
    const suspects = [...this.#suspects];
    await server.busiestMs();
    for (const index of suspects) {
      if (!this.#isGoing) return;
      const fuzz = generate(seed, index);
      // Twice: what the cluster did meanwhile by itself, it hardly does again.
      const busyMs = Math.min(
        await this.#busy(server, clients, fuzz),
        await this.#busy(server, clients, fuzz),
      );
      if (busyMs > stallLimitMs) {
        this.#fault(
          `${seed}:${index} keeps the processor for ${Math.round(busyMs)} ms\n  ${describeCase(fuzz)}`,
        );
      }
    }
    this.#suspects.clear();
  }

  async #busy(server: ServerProcess, clients: Clients, fuzz: FuzzCase): Promise<number> {
    await send(clients, fuzz);
    return await server.busiestMs();
  }

  /** Memory and sockets must be as they were. */
  async #checkEnd(server: ServerProcess, idle: Measurement | undefined): Promise<void> {
    const [first] = this.#measurements;
    const last = await this.#settled(server, idle);
    if (first === undefined || last === undefined || idle === undefined) return;
    const growth = last.heapBytes + last.externalBytes - first.heapBytes - first.externalBytes;
    this.#options.print(`memory grew by ${mebibytes(growth)} MiB after the first stretch`);
    if (growth > growthLimitBytes) this.#fault(`memory grew by ${mebibytes(growth)} MiB`);
    for (const text of handlesLeft(idle, last)) this.#fault(text);
  }

  /** Sockets that the clients have left take a moment to close. */
  async #settled(server: ServerProcess, idle: Measurement | undefined): Promise<Measurement | undefined> {
    let last = await server.measure();
    for (let wait = 0; wait < 10 && handlesLeft(idle, last).length > 0; wait++) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      last = await server.measure();
    }
    return last;
  }
}

function handlesLeft(before: Measurement | undefined, after: Measurement | undefined): string[] {
  return ["TLSWrap", "TCPSocketWrap", "TCPWrap", "HTTP2SESSION", "PipeWrap"]
    .map((name) => [name, (after?.handles[name] ?? 0) - (before?.handles[name] ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .map(([name, more]) => `${more} handles ${name} are left`);
}

interface Clients {
  readonly http1: Http1Client;
  readonly http2: Http2Client;
}

async function send({ http1, http2 }: Clients, fuzz: FuzzCase): Promise<Outcome> {
  try {
    if (fuzz.type === "conversation") return await http1.converse(fuzz);
    return await (fuzz.protocol === "h2" ? http2 : http1).request(fuzz);
  } catch (error) {
    return { answers: [], isSilent: false, broken: String(error) };
  }
}

const mebibytes = (bytes: number | undefined): string => ((bytes ?? 0) / 1024 / 1024).toFixed(1);
