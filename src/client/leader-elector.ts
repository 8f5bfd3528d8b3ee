import type { Lease } from "../api/types/coordination-v1.ts";
import { type Clock, formatMicroTime } from "../apimachinery/clock.ts";
import { type Logger, silentLogger } from "../apimachinery/logger.ts";
import type { Random } from "../apimachinery/random.ts";
import { isNotFound } from "../apimachinery/status.ts";
import type { Client, ResourceClient } from "./client.ts";
import { resources } from "./resources.ts";

export interface LeaderElectorOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  /** Who runs for the lead: unique per process. */
  readonly identity: string;
  /** The Lease that is held. */
  readonly namespace: string;
  readonly name: string;
  /** Others wait so long after the last renewal they saw. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** A leader that could not renew for so long gives up. Default 10 s; must be less than the lease. */
  readonly renewDeadlineMs?: number;
  /** Time between tries. Default 2 s. */
  readonly retryPeriodMs?: number;
  /** The signal aborts when the lead is lost; what was started must then stop at once. */
  readonly onStartedLeading: (signal: AbortSignal) => void;
  readonly onStoppedLeading?: () => void;
  /** Called when another leader is seen first, ourselves included. */
  readonly onNewLeader?: (identity: string) => void;
}

/** Candidates spread their tries by up to this factor, so that one wins without conflicts. */
const jitter = 1.2;

/**
 * Holds a Lease so that at most one of several processes leads. Times of other machines are never compared with
 * ours: a lease has expired when it did not change for its duration on our own clock.
 * (Mirrors client-go/tools/leaderelection.)
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #leases: ResourceClient<Lease>;
  readonly #logger: Logger;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  /** The lease as last seen, and when it was seen to change. */
  #observed: Lease | undefined;
  #observedAtMs = 0;
  #reportedLeader = "";
  #leading = false;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#leases = options.client.resource(resources.leases);
    this.#logger = options.logger ?? silentLogger;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    if (this.#leaseDurationMs <= this.#renewDeadlineMs) {
      throw new TypeError("leaseDurationMs must be greater than renewDeadlineMs");
    }
  }

  isLeader(): boolean {
    return this.#leading;
  }

  /** Runs for the lead, leads, and runs again, until the signal aborts; then lets go of the lease. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!(await this.#acquire(signal))) return;
      const leading = new AbortController();
      const lost = AbortSignal.any([leading.signal, signal]);
      this.#leading = true;
      this.#options.onStartedLeading(lost);
      await this.#renew(signal);
      this.#leading = false;
      leading.abort(new Error("lost the lead"));
      if (signal.aborted) await this.#release();
      this.#options.onStoppedLeading?.();
    }
  }

  /** False when the signal aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew()) return true;
      const delayMs = this.#retryPeriodMs * (1 + jitter * this.#options.random.next());
      await this.#options.clock.sleep(delayMs, signal).catch(() => undefined);
    }
    return false;
  }

  /** Returns when the lead was lost or the signal aborted. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let renewedAtMs = clock.now();
    while (!signal.aborted && clock.now() - renewedAtMs < this.#renewDeadlineMs) {
      await clock.sleep(this.#retryPeriodMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (await this.#tryAcquireOrRenew()) renewedAtMs = clock.now();
      else if (!this.#holdsLease()) return;
    }
  }

  async #tryAcquireOrRenew(): Promise<boolean> {
    try {
      const held = await this.#attempt();
      this.#reportLeader();
      return held;
    } catch (error) {
      this.#logger.debug("lease not acquired", { lease: this.#options.name, error: String(error) });
      return false;
    }
  }

  async #attempt(): Promise<boolean> {
    const { clock, identity, namespace, name } = this.#options;
    const now = formatMicroTime(clock.now());
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      renewTime: now,
    };
    const current = await this.#read();
    if (current === undefined) {
      const spec = { ...mine, acquireTime: now, leaseTransitions: 0 };
      const lease: Lease = {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { namespace, name },
        spec,
      };
      this.#observe(await this.#leases.create(lease));
      return true;
    }
    this.#observe(current);
    const holder = current.spec?.holderIdentity ?? "";
    const expiresAtMs = this.#observedAtMs + (current.spec?.leaseDurationSeconds ?? 0) * 1000;
    if (holder !== "" && holder !== identity && expiresAtMs > clock.now()) return false;
    const transitions = current.spec?.leaseTransitions ?? 0;
    const kept =
      holder === identity
        ? { acquireTime: current.spec?.acquireTime, leaseTransitions: transitions }
        : { acquireTime: now, leaseTransitions: transitions + 1 };
    this.#observe(await this.#leases.update({ ...current, spec: { ...current.spec, ...mine, ...kept } }));
    return true;
  }

  #holdsLease(): boolean {
    return this.#observed?.spec?.holderIdentity === this.#options.identity;
  }

  async #read(): Promise<Lease | undefined> {
    const { namespace, name } = this.#options;
    try {
      return await this.#leases.get(name, { namespace });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #observe(lease: Lease): void {
    if (lease.metadata.resourceVersion === this.#observed?.metadata.resourceVersion) return;
    this.#observed = lease;
    this.#observedAtMs = this.#options.clock.now();
  }

  #reportLeader(): void {
    const leader = this.#observed?.spec?.holderIdentity ?? "";
    if (leader === this.#reportedLeader) return;
    this.#reportedLeader = leader;
    if (leader !== "") this.#options.onNewLeader?.(leader);
  }

  /** Lets the next candidate in at once. */
  async #release(): Promise<void> {
    const lease = this.#observed;
    if (lease === undefined || !this.#holdsLease()) return;
    const now = formatMicroTime(this.#options.clock.now());
    const { leaseTransitions } = lease.spec ?? {};
    const spec = {
      leaseTransitions,
      holderIdentity: "",
      leaseDurationSeconds: 1,
      renewTime: now,
      acquireTime: now,
    };
    try {
      this.#observe(await this.#leases.update({ ...lease, spec }));
    } catch (error) {
      this.#logger.debug("lease not released", { lease: this.#options.name, error: String(error) });
    }
  }
}
