import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { Undecided } from "./expressions.ts";
import { fields, onlyKnown, StageRefused, text } from "./fields.ts";
import { readSelector } from "./selector.ts";
import { readSteps, type Step } from "./steps.ts";
import type { TemplateWorld } from "./template.ts";
import { readTiming, type Timing } from "./timing.ts";

/** kwok's description of a step in the life of objects, as far as it is looked at here. */
export interface StageObject extends KubernetesObject {
  readonly spec?: unknown;
}

/** A Stage that is understood. */
export interface Stage extends Timing {
  readonly name: string;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  readonly steps: readonly Step[];
  /** Throws Undecided. */
  matches(object: KubernetesObject): boolean;
}

const known = [
  "resourceRef",
  "selector",
  "weight",
  "weightFrom",
  "delay",
  "next",
  "steps",
  "immediateNextStage",
];

/** Reads a Stage. Throws StageRefused. */
export function readStage({ metadata, spec }: StageObject, world: TemplateWorld): Stage {
  const given = fields(spec);
  onlyKnown("spec", given, known);
  const { apiGroup, kind } = fields(given["resourceRef"]);
  if (text(kind) === "") throw new StageRefused("spec.resourceRef.kind is missing");
  return {
    name: metadata.name ?? "",
    apiVersion: text(apiGroup) === "" ? "v1" : text(apiGroup),
    kind: text(kind),
    matches: readSelector(given["selector"]),
    ...readTiming(given),
    steps: readSteps(given, world),
  };
}

interface Weighed {
  readonly stage: Stage;
  readonly weight: number | undefined;
}

/**
 * The Stages of which one is to be next. An object that does not allow one of the selectors to be judged goes through
 * none: with kwok it does not either.
 */
export function possibleStages(stages: readonly Stage[], object: KubernetesObject): readonly Weighed[] {
  try {
    const matching = stages.filter((stage) => stage.matches(object));
    const weighed = matching.map((stage) => ({ stage, weight: stage.weight(object) }));
    if (weighed.length <= 1) return weighed;
    const heavy = weighed.filter(({ weight = 0 }) => weight > 0);
    if (heavy.length > 0) return heavy;
    const readable = weighed.filter(({ weight }) => weight !== undefined);
    return readable.length > 0 ? readable : weighed;
  } catch (error) {
    if (error instanceof Undecided) return [];
    throw error;
  }
}

/** One of the Stages that match an object: by weight, or by chance where none has any. */
export function chooseStage(
  stages: readonly Stage[],
  object: KubernetesObject,
  random: Random,
): Stage | undefined {
  const possible = possibleStages(stages, object);
  if (possible.length <= 1) return possible[0]?.stage;
  const total = possible.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total <= 0) return possible[Math.floor(random.next() * possible.length)]?.stage;
  let left = random.next() * total;
  return possible.find(({ weight = 0 }) => (left -= weight) < 0)?.stage ?? possible.at(-1)?.stage;
}
