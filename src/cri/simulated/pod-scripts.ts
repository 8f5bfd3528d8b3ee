import { parseLabelSelector, type Selector, selectorFromMap } from "../../apimachinery/labels.ts";
import { scriptPrefix, scriptSettings, settingProblem } from "./script.ts";

/** Milliseconds, or as Go writes durations. */
type Duration = number | string;

/** What pods do, as `simulated.sampan.dev/…` annotations say it; docs/how-to/simulate-nodes-and-pods.md tells each. */
export interface PodScript {
  readonly startDelay?: Duration;
  /** Starting fails with this message. */
  readonly startError?: string;
  readonly runDuration?: Duration;
  /** Exits with `exitCode`, or 1, whenever it has run for so long. */
  readonly crashEvery?: Duration;
  readonly exitCode?: number;
  /** One per attempt; the last one repeats. */
  readonly exitCodes?: readonly number[];
  readonly readyAfter?: Duration;
  readonly ready?: boolean;
  readonly unhealthyAfter?: Duration;
  /** When probes fail: `30s-1m,5m-`. */
  readonly startupFails?: string;
  readonly readinessFails?: string;
  readonly livenessFails?: string;
  readonly oomAfter?: Duration;
  readonly stopDuration?: Duration;
  readonly ignoreStop?: boolean;
  readonly log?: string | readonly string[];
  readonly logEvery?: Duration;
  /** Lines that begin with the age at which they are printed: `5s listening`. */
  readonly logAt?: string | readonly string[];
  /** Cores, or a quantity; `100m,5m=900m` is more from the fifth minute on. */
  readonly cpu?: number | string;
  /** Bytes, or a quantity. */
  readonly memory?: number | string;
}

/** Which pods, and which of their containers; what is not said matches all. */
export interface PodPattern {
  readonly namespace?: string;
  /** With `*` for anything: `web-*`. */
  readonly name?: string;
  /** Labels, or a selector as kubectl takes it: `app=web,tier!=test`. */
  readonly labels?: string | Readonly<Record<string, string>>;
  readonly container?: string;
}

/** Takes a rule back. */
export interface ScriptRule {
  /** Containers that are made from now on do without it. */
  remove(): void;
}

/** What a rule asks of a pod. */
interface PodTraits {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A script and whose it is, as plain data. */
export interface ScriptedPods {
  readonly pods: PodPattern;
  readonly script: PodScript;
}

interface Rule extends ScriptedPods {
  readonly namespace: string | undefined;
  readonly name: RegExp | undefined;
  readonly labels: Selector | undefined;
  /** As annotations would be. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Scripts that hold for all pods of a pattern. A later rule goes before an earlier one, a pod's own annotations before
 * all, each setting by itself.
 */
export class PodScripts {
  #rules: Rule[] = [];

  /** Containers that are made from now on obey the script. Throws for what cannot be followed. */
  script(pods: PodPattern, script: PodScript): ScriptRule {
    checkPattern(pods);
    const rule: Rule = {
      pods,
      script,
      namespace: pods.namespace,
      name: pods.name === undefined ? undefined : nameExpression(pods.name),
      labels: typeof pods.labels === "object" ? selectorFromMap(pods.labels) : textSelector(pods.labels),
      settings: settingsOf(script, pods.container),
    };
    this.#rules.unshift(rule);
    return {
      remove: () => {
        this.#rules = this.#rules.filter((other) => other !== rule);
      },
    };
  }

  /** All rules, in the order in which they were made. */
  list(): ScriptedPods[] {
    return this.#rules.map(({ pods, script }) => ({ pods, script })).toReversed();
  }

  /** What the rules say of a pod, the first to be asked first. */
  settingsFor(pod: PodTraits): readonly Readonly<Record<string, string>>[] {
    if (this.#rules.length === 0) return [];
    return this.#rules
      .filter(
        ({ namespace, name, labels }) =>
          (namespace === undefined || namespace === pod.namespace) &&
          (name === undefined || name.test(pod.name)) &&
          (labels === undefined || labels.matches(pod.labels)),
      )
      .map(({ settings }) => settings);
  }
}

const traits = ["namespace", "name", "labels", "container"];

/** Throws TypeError for what pods are not told apart by: all would be meant. */
function checkPattern(pods: PodPattern): void {
  // In JavaScript anything may be given.
  const given: unknown = pods;
  if (typeof given !== "object" || given === null)
    throw new TypeError(
      `script: ${JSON.stringify(given) ?? String(given)} does not say which pods; {} are all`,
    );
  const unknown = Object.keys(given).find((name) => !traits.includes(name));
  if (unknown === undefined) return;
  throw new TypeError(
    `script: pods are not told apart by ${JSON.stringify(unknown)}, but by ${traits.join(", ")}`,
  );
}

const textSelector = (text: string | undefined): Selector | undefined =>
  text === undefined ? undefined : parseLabelSelector(text);

function nameExpression(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`);
}

function settingsOf(script: PodScript, container: string | undefined): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries(script) as [string, unknown][]) {
    if (value === undefined) continue;
    const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const text = textOf(name, value);
    if (!scriptSettings.some((known) => known === name))
      throw new TypeError(
        `script: there is no setting ${JSON.stringify(key)}; there are ${scriptSettings.map(camelCase).join(", ")}`,
      );
    const problem = settingProblem(name, text);
    if (problem !== undefined) throw new TypeError(`script: ${key}: ${problem}`);
    settings[`${scriptPrefix}${name}${container === undefined ? "" : `.${container}`}`] = text;
  }
  return settings;
}

const camelCase = (name: string): string =>
  name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());

/** Numbers that stand alone are milliseconds, where the annotation holds a duration. */
const plainNumbers = new Set(["exit-code", "cpu", "memory"]);

function textOf(name: string, value: unknown): string {
  if (Array.isArray(value)) return value.join(name === "exit-codes" ? "," : "\n");
  if (typeof value === "number" && !plainNumbers.has(name)) return `${value}ms`;
  return String(value);
}
