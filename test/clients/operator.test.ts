/**
 * An operator as kubebuilder lays one out, unmodified: two versions with a conversion webhook, defaulting and validating
 * webhooks, a finalizer, owned objects, status, leader election, protected metrics. First it runs on this machine, as under
 * a debugger, then in the cluster, from its `config/` as it is. The program is kept between runs; it is built with
 * SAMPAN_CLIENTS=1 (`npm run clients`) only.
 */
import { afterAll, describe } from "vitest";
import { missingHere, removeProgram } from "../e2e/sampan.ts";
import { operatorInTheCluster } from "./operator-in-the-cluster.ts";
import { operatorOnThisMachine } from "./operator-on-this-machine.ts";
import { goProgram } from "./programs.ts";

const program = goProgram("operator", "./cmd");
const needed = missingHere();
const missing = program.missing ?? (needed.includes("kubectl") ? "needs kubectl" : undefined);
if (missing !== undefined) console.log(`skipped: an operator of controller-runtime (${missing})`);
else if (needed.length > 0) console.log(`skipped: an operator in the cluster (needs ${needed.join(", ")})`);

describe.skipIf(missing !== undefined)("an operator of controller-runtime", () => {
  afterAll(removeProgram);
  operatorOnThisMachine(program);
  describe.skipIf(needed.length > 0)("in the cluster", () => {
    operatorInTheCluster(program);
  });
});
