import { Worker } from "node:worker_threads";
import { RealClock, type Timer } from "../clock.ts";
import { newTimeout } from "../status.ts";
import type { Found, Search } from "./search.ts";
import type { SearchAnswer } from "./search.worker.ts";

/** A second thread, so that a search that takes a minute does not hold up all others. */
const threadsMax = 2;
/** No request lives longer; the search is given up with it, whatever is still to be looked at. */
const limitMs = 60_000;
const clock = new RealClock();

interface Job {
  readonly search: Search;
  readonly resolve: (found: Found) => void;
  readonly reject: (error: Error) => void;
}

/** Threads are started when the first long search comes, and end when they have had nothing to do for a while. */
const threads = new Set<Thread>();
const waiting: Job[] = [];

/** Searches a long text in another thread, after those that were asked for before. */
export function searchElsewhere(search: Search): Promise<Found> {
  return new Promise((resolve, reject) => {
    waiting.push({ search, resolve, reject });
    next();
  });
}

function next(): void {
  const job = waiting[0];
  if (job === undefined) return;
  let thread = [...threads].find(({ isIdle }) => isIdle);
  if (thread === undefined && threads.size < threadsMax) {
    thread = new Thread();
    threads.add(thread);
  }
  if (thread === undefined) return;
  waiting.shift();
  thread.run(job);
}

class Thread {
  readonly #worker = new Worker(workerFile(), { name: "search" });
  #job: Job | undefined;
  #timer: Timer | undefined;

  constructor() {
    this.#worker.on("message", (answer: SearchAnswer) => this.#answered(answer));
    this.#worker.on("error", (error) => this.#take()?.reject(error));
    this.#worker.on("exit", () => this.#ended());
    this.#worker.unref();
  }

  get isIdle(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    this.#job = job;
    this.#worker.ref();
    this.#timer = clock.after(limitMs, () => {
      this.#take()?.reject(newTimeout("request did not complete within requested timeout"));
      void this.#worker.terminate();
    });
    this.#worker.postMessage(job.search, []);
  }

  #answered(answer: SearchAnswer): void {
    const job = this.#take();
    if ("found" in answer) job?.resolve(answer.found);
    else job?.reject(new Error(answer.error));
    next();
  }

  /** A thread that ends just when it is asked something leaves it to another one. */
  #ended(): void {
    threads.delete(this);
    const job = this.#take();
    if (job !== undefined) waiting.unshift(job);
    next();
  }

  #take(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    this.#timer?.stop();
    this.#worker.unref();
    return job;
  }
}

function workerFile(): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./search.worker.${ending}`, import.meta.url);
}
