import { GoTemplate } from "../apimachinery/go-template/go-template.ts";
import type { KubernetesObject } from "../apimachinery/object.ts";
import type { Random } from "../apimachinery/random.ts";
import { orRefused } from "./fields.ts";
import { templateFunctions } from "./template-functions.ts";

/** What templates ask of the cluster. */
export interface TemplateWorld {
  readonly nowMs: () => number;
  readonly startedMs: number;
  readonly random: Random;
  /** What Stages call the version of what they run in. */
  readonly version: string;
  /** Where nodes listen for their API server; 0 where they do not. */
  readonly nodePort: number;
  /** The first one is what the node is known by. */
  readonly nodeIps: (node: string) => readonly string[];
  readonly podIps: (pod: AddressedPod) => readonly string[];
}

/** What the address of a pod depends on. */
export interface AddressedPod {
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

/**
 * A template that is read once and printed for one object after another. Throws StageRefused; what it returns throws
 * GoTemplateError.
 */
export function readTemplate(
  where: string,
  source: string,
  world: TemplateWorld,
): (object: KubernetesObject) => string {
  if (!source.includes("{{")) return () => source;
  let about: KubernetesObject | undefined;
  const functions = templateFunctions(world, () => about);
  const parsed = orRefused(where, () => new GoTemplate(source, { name: "stage", functions }));
  return (object) => {
    about = object;
    return parsed.print(object);
  };
}
