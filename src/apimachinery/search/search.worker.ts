/** A thread that searches long texts. It ends when nothing has been asked of it for a while. */
import { parentPort } from "node:worker_threads";
import { RE2JS } from "re2js";
import { RealClock, type Timer } from "../clock.ts";
import { type Found, type Search, search } from "./search.ts";

/** What came out of it; an error is one of the pattern, which the asker has compiled before. */
export type SearchAnswer = { readonly found: Found } | { readonly error: string };

const idleMs = 30_000;
const clock = new RealClock();
let ending: Timer | undefined;

function answer({ pattern, text, limit }: Search): SearchAnswer {
  try {
    return { found: search(RE2JS.compile(pattern), text, limit) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on("message", (asked: Search) => {
  ending?.stop();
  parentPort?.postMessage(answer(asked), []);
  ending = clock.after(idleMs, () => parentPort?.close());
});
