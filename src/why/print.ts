import type { Answer } from "./explain.ts";
import type { Reason, Step } from "./reason.ts";

/** More would bury the first. */
const maxSteps = 3;

/** The chain in short lines, then what to do next. */
export function printAnswer({ reason, unseen }: Answer): string {
  const lines = [...linesOf(reason, reason.about.namespace, "")];
  const steps = stepsOf(reason);
  const says = reason.state === "waiting" ? "It is under way; to see more:" : "Next:";
  if (steps.length > 0)
    lines.push("", ...steps.flatMap((step, index) => stepLines(step, index === 0 ? says : "Or:")));
  else if (reason.state === "waiting") lines.push("", "It is under way: there is nothing to do.");
  if (unseen.length > 0) lines.push("", `Not looked at, for lack of rights: ${unseen.join(", ")}.`);
  return `${lines.join("\n")}\n`;
}

const stepLines = ({ says, command }: Step, begin: string): string[] => [
  `${begin} ${says}`,
  ...(command === undefined ? [] : [`  ${command}`]),
];

function* linesOf(reason: Reason, namespace: string, indent: string, alike = 0): Generator<string> {
  const more = alike === 0 ? "" : ` (and ${alike} more like it)`;
  yield `${indent}${nameOf(reason, namespace)}${more} ${reason.says}`;
  for (const [first, ...others] of groups(reason.because)) {
    if (first !== undefined)
      yield* linesOf(first, namespace, indent === "" ? "└─ " : `   ${indent}`, others.length);
  }
}

/** `pod/web-1`; with its namespace when that is another than what was asked about. */
function nameOf({ about }: Reason, namespace: string): string {
  const name = `${about.kind.toLowerCase()}/${about.name}`;
  return about.namespace === "" || about.namespace === namespace ? name : `${name} in ${about.namespace}`;
}

/** Of a thousand pods that fail for one reason one is shown. */
function groups(reasons: readonly Reason[]): Reason[][] {
  const stuckFirst = reasons.toSorted((a, b) => Number(b.state === "stuck") - Number(a.state === "stuck"));
  return [...Map.groupBy(stuckFirst, likeness).values()];
}

/** The same for reasons that differ in names and times only. */
function likeness({ about, says, because }: Reason): string {
  const text = says.replaceAll(about.name, "").replaceAll(/\b\d+(?:ms|[smhd])\b/g, "");
  return `${about.kind} ${text} ${because.map(likeness).join(";")}`;
}

/** From the root of the chain up: what is deepest is what to do first. */
function stepsOf(reason: Reason): Step[] {
  const steps: Step[] = [];
  const collect = ({ because, next }: Reason): void => {
    for (const [first] of groups(because)) if (first !== undefined) collect(first);
    const isNew =
      next !== undefined &&
      !steps.some(
        ({ says, command }) => says === next.says || (command !== undefined && command === next.command),
      );
    if (isNew) steps.push(next);
  };
  collect(reason);
  return steps.slice(0, maxSteps);
}
