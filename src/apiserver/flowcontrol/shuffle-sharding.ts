import { createHash } from "node:crypto";

/** The entropy of a flow: the first eight bytes of a hash over the schema's name and what tells its flows apart. */
export function flowHash(schemaName: string, distinguisher: string): bigint {
  return createHash("sha256").update(`${schemaName}\0${distinguisher}`).digest().readBigUInt64LE(0);
}

/**
 * The queues of a flow: `handSize` different ones of `deckSize`, drawn by the hash. Two flows rarely share all of them, so
 * one flow that fills its own leaves room in another's (mirrors k8s.io/apiserver/pkg/util/shufflesharding).
 */
export function dealHand(hash: bigint, deckSize: number, handSize: number): number[] {
  const hand: number[] = [];
  let rest = hash;
  for (let index = 0; index < handSize; index++) {
    const choices = BigInt(deckSize - index);
    let card = Number(rest % choices);
    rest /= choices;
    // The draw is among the cards that are left: count past those that are dealt.
    for (const dealt of hand.toSorted((a, b) => a - b)) if (card >= dealt) card++;
    hand.push(card);
  }
  return hand;
}
