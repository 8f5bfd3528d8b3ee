/**
 * The whole program on this machine: real containers, real addresses, the user's own kubectl. All parts are in this one
 * file, one after the other, because they share the machine.
 *
 *   vitest run test/e2e -t "rolling update"
 */
import { describe } from "vitest";
import { helloTests } from "./hello.ts";
import { missingHere } from "./sampan.ts";

const missing = missingHere();

describe.skipIf(missing.length > 0)(
  missing.length > 0 ? `end to end (needs ${missing.join(", ")})` : "end to end",
  () => {
    helloTests();
  },
);
