import type { JSONSchemaProps } from "../../../api/types/apiextensions-v1.ts";
import type { Rest } from "../../../apimachinery/in-slices.ts";
import { Outcome } from "./outcome.ts";
import { SchemaNode } from "./schema-node.ts";

/** What came of holding a value against each alternative. Of `anyOf` only those up to the first that fits. */
export interface Judged {
  readonly anyOf: readonly Outcome[];
  readonly oneOf: readonly Outcome[];
  readonly allOf: readonly Outcome[];
  readonly not: Outcome | undefined;
}

export const hasJunctors = ({ anyOf = [], oneOf = [], allOf = [], not }: JSONSchemaProps): boolean =>
  anyOf.length > 0 || oneOf.length > 0 || allOf.length > 0 || not !== undefined;

/** Holds a value against all alternatives: `against` does so with one. */
export function judge(
  { anyOf = [], oneOf = [], allOf = [], not }: JSONSchemaProps,
  against: (schema: SchemaNode) => Outcome,
): Judged {
  const tried: Outcome[] = [];
  for (const props of anyOf) {
    tried.push(against(nested(props)));
    if (tried.at(-1)?.isValid === true) break;
  }
  return {
    anyOf: tried,
    oneOf: oneOf.map((props) => against(nested(props))),
    allOf: allOf.map((props) => against(nested(props))),
    not: not === undefined ? undefined : against(nested(not)),
  };
}

/** The same as `judge`, a part at a time. */
export function* judgeInParts(
  { anyOf = [], oneOf = [], allOf = [], not }: JSONSchemaProps,
  against: (schema: SchemaNode) => Generator<Rest, Outcome>,
): Generator<Rest, Judged> {
  const tried: Outcome[] = [];
  for (const props of anyOf) {
    tried.push(yield* against(nested(props)));
    if (tried.at(-1)?.isValid === true) break;
  }
  const one: Outcome[] = [];
  for (const props of oneOf) one.push(yield* against(nested(props)));
  const all: Outcome[] = [];
  for (const props of allOf) all.push(yield* against(nested(props)));
  return {
    anyOf: tried,
    oneOf: one,
    allOf: all,
    not: not === undefined ? undefined : yield* against(nested(not)),
  };
}

/** Each failure of an alternative counts, but for those of alternatives that were not meant. */
export function checkJunctors(
  result: Outcome,
  { anyOf = [], oneOf = [], allOf = [] }: JSONSchemaProps,
  judged: Judged,
  place: string,
): void {
  const quoted = JSON.stringify(place);
  if (anyOf.length > 0) {
    const valid = judged.anyOf.find((each) => each.isValid);
    if (valid === undefined) result.add({ message: `${quoted} must validate at least one schema (anyOf)` });
    const meant = valid ?? closest(judged.anyOf);
    if (meant !== undefined) result.merge(meant);
  }
  if (oneOf.length > 0) {
    const valid = judged.oneOf.filter((each) => each.isValid);
    if (valid.length === 1) {
      if (valid[0] !== undefined) result.merge(valid[0]);
    } else {
      const found = valid.length === 0 ? "Found none valid" : `Found ${valid.length} valid alternatives`;
      result.add({ message: `${quoted} must validate one and only one schema (oneOf). ${found}` });
      const meant = valid.length === 0 ? closest(judged.oneOf) : undefined;
      if (meant !== undefined) result.merge(meant);
    }
  }
  if (allOf.length > 0) {
    for (const each of judged.allOf) result.merge(each);
    if (!judged.allOf.every((each) => each.isValid)) {
      const none = judged.allOf.some((each) => each.isValid) ? "" : ". None validated";
      result.add({ message: `${quoted} must validate all the schemas (allOf)${none}` });
    }
  }
  if (judged.not?.isValid === true) result.add({ message: `${quoted} must not validate the schema (not)` });
}

/** The first of those that passed most checks. */
function closest(outcomes: readonly Outcome[]): Outcome | undefined {
  let best: Outcome | undefined;
  for (const each of outcomes) if (best === undefined || each.matches > best.matches) best = each;
  return best;
}

const nestedNodes = new WeakMap<object, SchemaNode>();

function nested(props: JSONSchemaProps): SchemaNode {
  let node = nestedNodes.get(props);
  if (node === undefined) {
    node = new SchemaNode(props);
    nestedNodes.set(props, node);
  }
  return node;
}
