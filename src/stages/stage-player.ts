import type { Clock, Timer } from "../apimachinery/clock.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import { keyOf } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import type { Informer } from "../client/informer.ts";
import { chooseStage, type Stage } from "./stage.ts";

/** A Stage that matches what it has just made plays again no sooner. */
const repeatMs = 1_000;

export interface StagePlayerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly informer: Informer<KubernetesObject>;
  /** As Stages are to see it; undefined for what they do not rule. */
  readonly view: (object: KubernetesObject) => KubernetesObject | undefined;
  readonly play: (stage: Stage, object: KubernetesObject) => Promise<void>;
  readonly failed: (stage: Stage, object: KubernetesObject, error: unknown) => void;
}

interface Life {
  /** What comes next. */
  plan: { readonly stage: Stage; readonly timer: Timer } | undefined;
  playing: boolean;
  last: string | undefined;
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

  /** Plans what comes next for the object, unless it is planned. */
  look(object: KubernetesObject): void {
    if (this.#stages.length === 0) return;
    const seen = this.#options.view(object);
    if (seen === undefined) return;
    const key = keyOf(object);
    const life = this.#lives.get(key) ?? { plan: undefined, playing: false, last: undefined };
    this.#lives.set(key, life);
    if (life.playing || life.plan?.stage.matches(seen) === true) return;
    this.#cancel(life);
    const { clock, random } = this.#options;
    const stage = chooseStage(this.#stages, seen, random);
    if (stage === undefined) return;
    const delayMs = stage.delayMs(seen, clock.now(), random);
    const waitMs = stage.name === life.last ? Math.max(repeatMs, delayMs) : delayMs;
    life.plan = { stage, timer: clock.after(waitMs, () => void this.#play(key, life, stage)) };
  }

  async #play(key: string, life: Life, stage: Stage): Promise<void> {
    life.plan = undefined;
    const object = this.#options.informer.getByKey(key);
    const seen = object === undefined ? undefined : this.#options.view(object);
    if (object === undefined || seen === undefined) return;
    life.playing = true;
    life.last = stage.name;
    try {
      await this.#options.play(stage, seen);
    } catch (error) {
      this.#options.failed(stage, object, error);
    }
    life.playing = false;
    // What changed meanwhile was not looked at; what comes later comes as an event.
    const now = this.#options.informer.getByKey(key);
    if (now !== undefined && now !== object && this.#lives.get(key) === life) this.look(now);
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
