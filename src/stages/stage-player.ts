import type { Clock, Timer } from "../apimachinery/clock.ts";
import { type KubernetesObject, keyOf } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Informer } from "../client/informer.ts";
import { StepFailed } from "./play-stage.ts";
import { chooseStage, type Stage } from "./stage.ts";
import { delayWithin } from "./timing.ts";

/** A Stage that matches what it has just made plays again no sooner. */
const repeatMs = 1_000;
/** What the server could not do is tried again after so long, then after twice as long, and so on. */
const retryMs = 1_000;
const retryMostMs = 32 * 60_000;

export interface StagePlayerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly informer: Informer<KubernetesObject>;
  /** As Stages are to see it; undefined for what they do not rule. */
  readonly view: (object: KubernetesObject) => KubernetesObject | undefined;
  /** Rejects with StepFailed when it is to be tried again from a step on. */
  readonly play: (stage: Stage, object: KubernetesObject, fromStep: number) => Promise<void>;
  readonly failed: (stage: Stage, object: KubernetesObject, error: unknown) => void;
}

/** What comes next for an object. */
interface Plan {
  readonly stage: Stage;
  /** Of the object that it was made for. */
  readonly version: string | undefined;
  readonly fromStep: number;
  readonly tries: number;
}

interface Life {
  plan: (Plan & { readonly timer: Timer }) | undefined;
  playing: boolean;
  last: { readonly stage: string; readonly atMs: number } | undefined;
}

/** Leads the objects of one kind through their Stages. */
export class StagePlayer {
  readonly #options: StagePlayerOptions;
  readonly #lives = new Map<string, Life>();
  readonly #unsubscribe: () => void;
  #stages: readonly Stage[] = [];

  constructor(options: StagePlayerOptions) {
    this.#options = options;
    const look = (object: KubernetesObject): void => this.look(object);
    this.#unsubscribe = options.informer.addHandler({
      added: look,
      updated: (_, object) => look(object),
      deleted: (object) => this.#forget(object),
    });
  }

  get stages(): readonly Stage[] {
    return this.#stages;
  }

  /** From now on these are the Stages. */
  setStages(stages: readonly Stage[]): void {
    this.#stages = stages;
    for (const life of this.#lives.values()) this.#cancel(life);
    for (const object of this.#options.informer.list()) this.look(object);
  }

  stop(): void {
    this.#unsubscribe();
    for (const life of this.#lives.values()) this.#cancel(life);
    this.#lives.clear();
  }

  /**
   * Plans what comes next for the object. Whenever it has changed that is chosen anew, and its delay begins anew: kwok
   * does so.
   */
  look(object: KubernetesObject): void {
    if (this.#stages.length === 0) return;
    const seen = this.#options.view(object);
    if (seen === undefined) return;
    const key = keyOf(object);
    const life = this.#lives.get(key) ?? { plan: undefined, playing: false, last: undefined };
    this.#lives.set(key, life);
    const version = object.metadata.resourceVersion;
    if (life.playing || (life.plan !== undefined && life.plan.version === version)) return;
    this.#cancel(life);
    const { clock, random } = this.#options;
    const stage = chooseStage(this.#stages, seen, random);
    if (stage === undefined) return;
    const now = clock.now();
    const delayMs = delayWithin(stage.delayRange(seen, now), random);
    const soonest = stage.name === life.last?.stage ? life.last.atMs + repeatMs - now : 0;
    this.#plan(key, life, { stage, version, fromStep: 0, tries: 0 }, Math.max(delayMs, soonest));
  }

  #plan(key: string, life: Life, plan: Plan, waitMs: number): void {
    const timer = this.#options.clock.after(waitMs, () => void this.#play(key, life, plan));
    life.plan = { ...plan, timer };
  }

  async #play(key: string, life: Life, plan: Plan): Promise<void> {
    life.plan = undefined;
    const { clock, informer, view } = this.#options;
    const object = informer.getByKey(key);
    const seen = object === undefined ? undefined : view(object);
    if (object === undefined || seen === undefined) return;
    life.playing = true;
    life.last = { stage: plan.stage.name, atMs: clock.now() };
    let again: Plan | undefined;
    try {
      await this.#options.play(plan.stage, seen, plan.fromStep);
    } catch (error) {
      if (error instanceof StepFailed) again = { ...plan, fromStep: error.step, tries: plan.tries + 1 };
      else this.#options.failed(plan.stage, object, error);
    }
    life.playing = false;
    if (this.#lives.get(key) !== life) return;
    if (again !== undefined) this.#plan(key, life, again, this.#backoff(plan.tries));
    // What changed meanwhile was not looked at; what comes later comes as an event.
    const now = informer.getByKey(key);
    if (now !== undefined && now !== object) this.look(now);
  }

  #backoff(tries: number): number {
    return Math.min(retryMs * 2 ** tries, retryMostMs) * (1 + 0.2 * this.#options.random.next());
  }

  #forget(object: KubernetesObject): void {
    const key = keyOf(object);
    const life = this.#lives.get(key);
    if (life === undefined) return;
    this.#cancel(life);
    this.#lives.delete(key);
  }

  #cancel(life: Life): void {
    life.plan?.timer.stop();
    life.plan = undefined;
  }
}
