import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { Logger } from "../apimachinery/logger.ts";
import type { CertificateName, Pki } from "../pki/index.ts";

/** After a failure: a disk that is full, a file that is locked. */
const retryMs = 3_600_000;
/** After the start, and between two renewals however short the lives of certificates are. */
const restMs = 60_000;
/** A machine that sleeps stops the timers of its processes: certificates end all the same. */
const lookMs = 24 * 3_600_000;

export interface CertificateRotationOptions {
  readonly pki: Pki;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Shows what is new to those who look at it. What it throws is tried again. */
  readonly onRenewed: (names: readonly CertificateName[]) => void | Promise<void>;
}

/**
 * Renews certificates while the server runs, each when it is due. One timer waits for the next of them; as long as there
 * is nothing that will ever be due, none after the first look.
 */
export class CertificateRotation {
  readonly #options: CertificateRotationOptions;
  #timer: Timer | undefined;
  /** New, and not yet shown to everybody. */
  readonly #unshown = new Set<CertificateName>();
  #running: Promise<void> | undefined;

  constructor(options: CertificateRotationOptions) {
    this.#options = options;
  }

  /** To be called once; from then on it waits. What there is already is looked at a little later: a start has enough to do. */
  start(): void {
    const { pki, clock, signal } = this.#options;
    const forget = pki.onMade(() => this.#wait());
    const end = (): void => {
      forget();
      this.#timer?.stop();
    };
    if (signal.aborted) return end();
    signal.addEventListener("abort", end, { once: true });
    this.#timer = clock.after(restMs, () => this.#look());
  }

  /** Renews what is due by now; resolves when it is there. Never rejects. */
  async renewDue(): Promise<void> {
    if (this.#options.signal.aborted || !this.#isDue()) return;
    this.#running ??= this.#renew().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async #renew(): Promise<void> {
    const { pki, logger, signal, onRenewed } = this.#options;
    try {
      const renewed = await pki.renew();
      for (const name of renewed) this.#unshown.add(name);
      if (signal.aborted) return;
      const names = [...this.#unshown];
      await onRenewed(names);
      for (const name of names) this.#unshown.delete(name);
      if (names.length > 0) logger.info("certificates were renewed", { names: names.join(", ") });
      this.#wait(restMs);
    } catch (error) {
      if (signal.aborted) return;
      logger.error("certificates could not be renewed everywhere; that is tried again in an hour", {
        error: String(error),
      });
      this.#wait(retryMs);
    }
  }

  #isDue(): boolean {
    return this.#options.pki.dueInMs === 0 || this.#unshown.size > 0;
  }

  #wait(atLeastMs = 0): void {
    const { pki, clock, signal } = this.#options;
    this.#timer?.stop();
    const dueInMs = this.#unshown.size > 0 ? 0 : pki.dueInMs;
    if (signal.aborted || dueInMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(dueInMs, atLeastMs), lookMs);
    this.#timer = clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    if (this.#isDue()) void this.renewDue();
    else this.#wait();
  }
}
